"""Health: a process is ready when its database answers and has the revisions that the process was made for."""

from pathlib import Path

from headwater import App, Field, Resource, allow, field
from headwater.app import Running
from headwater.base.config import Config
from headwater.engine import migrate
from headwater.testing import Client, Reply, client


class Memo(Resource):
    """Something to remember."""

    text: Field[str] = field(max_length=200)


allow(Memo, "read", to="guest")

LATER = """
revision = "0002"
down_revision = "0001"

def upgrade() -> None: ...
def downgrade() -> None: ...
"""


async def probe(running: Running) -> Reply:
    application = running.application()
    await application.start()
    try:
        return await Client(running, application).get("/health/ready")
    finally:
        await application.stop()


async def test_readiness_follows_the_revisions(store_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    app = App(title="Memos", resources=[Memo], migrations=folder)
    config = Config.load({}, tmp_path, {"database_url": store_url}).in_mode("development")
    schema = app.schema(config)
    await migrate.make(schema, store_url, folder, "first")
    await migrate.upgrade(schema, store_url, folder)
    old = Running(app, config)
    ready = await probe(old)
    assert (ready.status, ready.json()) == (200, {"status": "ok", "database": "ok", "migrations": "ok"})

    (folder / "versions" / "0002_later.py").write_text(LATER)
    new = Running(app, config)
    behind = await probe(new)
    assert behind.status == 503
    assert "0002_later" in behind.json()["error"]["message"]
    assert int(behind.headers["retry-after"]) > 0
    assert (await probe(old)).status == 200
    await migrate.upgrade(schema, store_url, folder)
    assert (await probe(new)).status == 200
    assert (await probe(old)).status == 200, "it bears a database that is ahead"


async def test_tables_without_revisions_are_not_ready_where_there_are_revisions(
    store_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    app = App(title="Memos", resources=[Memo], migrations=folder)
    config = Config.load({}, tmp_path, {"database_url": store_url}).in_mode("development")
    schema = app.schema(config)
    await migrate.create_all(schema, store_url)
    assert (await probe(Running(app, config))).status == 200
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "versions" / "0001_first.py").write_text(
        LATER.replace('"0001"', "None").replace("0002", "0001")
    )
    assert (await probe(Running(app, config))).status == 503


async def test_a_database_for_tests_has_all_revisions(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    first = LATER.replace('"0001"', "None").replace("0002", "0001")
    (tmp_path / "versions" / "0001_first.py").write_text(first)
    async with client(App(title="Memos", resources=[Memo], migrations=tmp_path)) as visitor:
        assert (await visitor.get("/health/ready")).status == 200

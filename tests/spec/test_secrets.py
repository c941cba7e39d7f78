"""Secret fields (D2): clients write them and none reads them, wherever they look."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headwater import App, Field, Resource, Tx, action, allow, check, field, lock, mask, secret, unique
from headwater.app import encryption_keys
from headwater.base.config import Config, ConfigError
from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.declare import build
from headwater.engine.vault import Vault
from headwater.testing import Client, client
from tests.described import Described

OPEN = "open sesame, and never tell"


class Hook(Resource):
    """Where to tell of what happens."""

    name: Field[str] = field(max_length=50)
    token: Field[str] = secret(min_length=8, max_length=100, pattern="[a-z ,]+", doc="What they know us by.")
    key: Field[str | None] = secret(default=None)
    made: Field[str] = secret(default_factory=lambda: "made up", immutable=True)

    @action(to="user")
    async def told(self, tx: Tx) -> list[str | None]:
        """What the product knows."""
        return [self.token, self.key, self.made]

    @action(to="user")
    async def renew(self, tx: Tx) -> None:
        """Have another token."""
        self.token = "another token"


allow(Hook, "read", "write")
lock(Hook.key, unless="editor")
APP = App(title="Hooks", resources=[Hook])


@pytest.fixture
async def ada(store_url: str) -> AsyncIterator[Client]:
    async with client(APP, database_url=store_url) as visitor:
        yield await visitor.sign_up("ada")


async def test_what_is_written_is_never_read_back(ada: Client) -> None:
    document = Described(APP.openapi(), ["Hook"])
    seen = bytearray()

    async def ask(method: str, path: str, body: object = None, **headers: str) -> object:
        reply = await ada.request(method, f"/api/v1/hooks{path}", body, headers)
        if method != "QUERY":
            document.check(
                method, f"/api/v1/hooks{path.partition('?')[0]}", reply.status, reply.headers, reply.body
            )
        seen.extend(reply.body + repr(reply.headers).encode())
        return reply.json().get("data") if reply.body else None

    made = await ask("POST", "", {"name": "a", "token": OPEN})
    assert isinstance(made, dict)
    at = f"/{made['id']}"
    assert made.keys() == {"id", "name", "createdAt", "updatedAt", "version"}
    assert await ask("GET", at) == made
    for query in (
        "fields=token", "sort=token", "token=open", "token[isNull]=true", "filter[token]=x", "q=sesame",
        "aggregate=count(token)", "aggregate=count&groupBy=token", "aggregate=min(token)",
    ):  # fmt: skip
        assert (await ada.get(f"/api/v1/hooks?{query}")).status == 400, query
        await ask("GET", f"?{query}")
    await ask("QUERY", "", {"filter": {"token": {"contains": "open"}}})
    other = "open says me"
    assert await ask("PATCH", at, {"token": other}) is not None
    assert (await ada.post(f"/api/v1/hooks{at}/told")).data == [other, None, "made up"]
    await ask("PUT", at, {"name": "b"})
    assert (await ada.post(f"/api/v1/hooks{at}/told")).data == [other, None, "made up"], "PUT leaves it"
    for bad in ("short", "UPPER CASE IS NOT", "x" * 101, 7, None):
        assert (await ada.patch(f"/api/v1/hooks{at}", {"token": bad})).status == 400
        await ask("PATCH", at, {"token": bad})
    assert (await ada.patch(f"/api/v1/hooks{at}", {"key": "mine"})).status == 403
    assert (await ada.patch(f"/api/v1/hooks{at}", {"made": "mine"})).status == 422
    assert (await ada.post("/api/v1/hooks", {"name": "c"})).json()["error"]["details"][0][
        "code"
    ] == "REQUIRED_FIELD"
    await ask("POST", f"{at}/renew")
    assert (await ada.post(f"/api/v1/hooks{at}/told")).data[0] == "another token"
    for text in (OPEN, other, "another token", "made up"):
        assert text.encode() not in seen
        assert text not in json.dumps([[e.before, e.after] for e in await ada.log()])


async def test_it_is_encrypted_under_keys_that_can_be_changed(ada: Client) -> None:
    made = (await ada.post("/api/v1/hooks", {"name": "a", "token": OPEN})).data["id"]
    engine = ada.running.engine
    first = await engine.store.read("SELECT token, key, made FROM hooks")
    assert OPEN not in repr(first)
    assert first[0][0].startswith("v1.")
    old = encryption_keys(APP.model, ada.running.config)
    engine.vault.use([b"n" * 32, *old])
    assert (await ada.post(f"/api/v1/hooks/{made}/told")).data[0] == OPEN
    await ada.patch(f"/api/v1/hooks/{made}", {"token": "another token"})
    engine.vault.use([b"n" * 32])
    assert (await ada.post(f"/api/v1/hooks/{made}/told")).status == 500, "`made` is under the old key still"
    engine.vault.use([b"n" * 32, *old])
    assert (await ada.post(f"/api/v1/hooks/{made}/told")).data == ["another token", None, "made up"]
    await ada.patch(f"/api/v1/hooks/{made}", {"name": "same"})
    assert (await engine.store.read("SELECT made FROM hooks"))[0][0] == first[0][2], (
        "what stays is not written"
    )


def test_what_is_moved_or_altered_is_not_taken_for_a_secret() -> None:
    vault = Vault()
    with pytest.raises(RuntimeError, match="set HEADWATER_ENCRYPTION_KEYS"):
        vault.encoder("hooks.token")("x")
    vault.use([b"a" * 32])
    kept = vault.encoder("hooks.token")("x")
    assert vault.encoder("hooks.token")("x") != kept, "the same secret twice does not look the same"
    assert vault.decoder("hooks.token")(kept) == "x"
    name, data = kept.split(".")[1:]
    altered = bytearray(base64.b64decode(data))
    altered[-1] ^= 1
    for place, text in (
        ("hooks.key", kept),
        ("hooks.token", f"v1.{name}.{base64.b64encode(altered).decode()}"),
    ):
        with pytest.raises(RuntimeError, match="was altered"):
            vault.decoder(place)(text)
    vault.use([b"b" * 32])
    with pytest.raises(RuntimeError, match="is not among HEADWATER_ENCRYPTION_KEYS"):
        vault.decoder("hooks.token")(kept)


def test_of_many_first_starts_one_makes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers that share a folder may have the same process id; who comes later writes nothing there."""
    config = Config.load({}, tmp_path, {"data": str(tmp_path)}).in_mode("development")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    link = os.link
    other: list[bytes] = []

    def meanwhile(made: str, path: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        other.extend(encryption_keys(APP.model, config))
        link(made, path)

    monkeypatch.setattr(os, "link", meanwhile)
    assert encryption_keys(APP.model, config) == other
    assert [file.name for file in tmp_path.iterdir()] == ["encryption.key"]
    monkeypatch.setattr(os, "urandom", None)
    assert encryption_keys(APP.model, config) == other


def test_where_the_keys_come_from(tmp_path: Path) -> None:
    made = Config.load({}, tmp_path, {"data": str(tmp_path)}).in_mode("development")
    keys = encryption_keys(APP.model, made)
    assert encryption_keys(APP.model, made) == keys
    assert (tmp_path / "encryption.key").stat().st_mode & 0o077 == 0
    production = Config.load({}, tmp_path, {"data": str(tmp_path)}).in_mode("production")
    with pytest.raises(DeclarationError, match=r"no key to encrypt Hook\.token"):
        encryption_keys(APP.model, production)
    text = base64.b64encode(b"k" * 32).decode()
    given = Config.load({"HEADWATER_ENCRYPTION_KEYS": f"{text},{text}"}, tmp_path)
    assert encryption_keys(APP.model, given) == (b"k" * 32, b"k" * 32)
    assert ("encryption_keys", "***") in [row[:2] for row in given.describe()]
    assert text not in repr(given)
    for wrong in ("short", base64.b64encode(b"k" * 31).decode()):
        with pytest.raises(ConfigError, match="32 bytes in base64") as raised:
            Config.load({"HEADWATER_ENCRYPTION_KEYS": wrong}, tmp_path)
        assert wrong not in str(raised.value)


def test_no_rule_compares_a_secret() -> None:
    class Box(Resource):
        """A box."""

        code: Field[str] = secret()

    check(Box, lambda: Box.code != "x", message="It is not x.")
    allow(Box, "read", when=lambda actor: Box.code == actor.id)
    unique(Box.code)
    mask(Box.code, unless="editor")
    with pytest.raises(DeclarationErrors) as raised:
        build([Box])
    assert str(raised.value).count("ox.code") >= 2
    for said in ("is a secret", "which is never compared", "which is shown to nobody"):
        assert said in str(raised.value)

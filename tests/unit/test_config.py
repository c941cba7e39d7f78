"""Settings: where they come from, and that every mistake is told with its mend."""

import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from headwater.base.config import FILE_NAME, SETTINGS, Config, ConfigError, reference


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, overrides: dict[str, Any] | None = None, **environment: str) -> Config:
    return Config.load({f"HEADWATER_{k}": v for k, v in environment.items()}, folder, overrides)


def problems(folder: Path, **environment: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, **environment)
    return caught.value.problems


def test_defaults(folder: Path) -> None:
    config = load(folder)
    assert config == Config()
    assert (config.mode, config.host, config.port, config.workers) == (None, "127.0.0.1", 8080, 1)
    assert config.database_url == "sqlite:///data/headwater.db"
    assert config.body_limit == 1048576
    assert config.access_token_lifetime == 3600
    assert all(origin == "default" for _, _, origin in config.describe())


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(folder: Path) -> None:
    (folder / "headwater.toml").write_text(
        'port = 1\nworkers = 2\nhost = "::1"\ncors_origins = ["https://a.example"]\naccess_log = false\n'
    )
    config = load(folder, {"port": 3, "host": None}, PORT="2", WORKERS="4", DATA="/srv/x")
    assert (config.port, config.workers, config.host) == (3, 4, "::1")
    assert config.cors_origins == ("https://a.example",)
    assert config.access_log is False
    assert config.database_url == "sqlite:////srv/x/headwater.db"
    told = {name: (value, origin) for name, value, origin in config.describe()}
    assert told["port"] == ("3", "command line")
    assert told["workers"] == ("4", "HEADWATER_WORKERS")
    assert told["host"] == ("::1", str(folder / "headwater.toml"))
    assert told["access_log"][0] == "off"
    assert told["body_limit"][1] == "default"


def test_units(folder: Path) -> None:
    config = load(
        folder, REQUEST_TIMEOUT="1.5m", BODY_LIMIT="2 MiB", ACCESS_TOKEN_LIFETIME="900", ACCESS_LOG="ON"
    )
    assert (config.request_timeout, config.body_limit, config.access_token_lifetime) == (90.0, 2 << 20, 900.0)


@pytest.mark.parametrize("value", ["inf", "nan", "9" * 400, "1" + "0" * 400 + ".0"])
def test_what_is_not_finite_is_no_time_and_no_size(folder: Path, value: str) -> None:
    (folder / FILE_NAME).write_text(f"request_timeout = {value}\nbody_limit = {value}\n")
    for told in (problems(folder), problems(folder, REQUEST_TIMEOUT=value, BODY_LIMIT=value)):
        assert any("is a time in seconds" in one for one in told)
        assert any("is a number of bytes" in one for one in told)


def test_a_size_is_a_byte_or_more(folder: Path) -> None:
    (told,) = problems(folder, BODY_LIMIT="0.5")
    assert "is a number of bytes" in told
    assert load(folder, BODY_LIMIT="1").body_limit == 1


def test_a_secret_can_come_from_a_file_and_is_never_shown(folder: Path) -> None:
    secret = folder / "url"
    secret.write_text("postgresql://me:pa@ss@db/x?sslmode=require&password=hidden\n")
    config = load(folder, DATABASE_URL_FILE=str(secret), REDIS_URL="redis://:word@localhost")
    assert config.database_url.startswith("postgresql://me:pa@ss@db/x")
    told = {name: value for name, value, _ in config.describe()}
    assert told["database_url"] == "postgresql://me:***@db/x?sslmode=require&password=***"
    assert told["redis_url"] == "redis://:***@localhost"
    assert "pa@ss" not in repr(config)
    assert "word" not in repr(config)
    assert f"HEADWATER_DATABASE_URL_FILE ({secret})" in [origin for *_, origin in config.describe()]


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    (folder / "headwater.toml").write_text("prot = 1\nworkers = true\n")
    found = problems(
        folder,
        PORT="70000",
        DATABSE_URL="x",
        MODE="prod",
        BODY_LIMIT="much",
        DATABASE_URL="mysql://me:secret@x",
        REDIS_URL_FILE=str(folder / "absent"),
        CORS_ORIGINS="https://a.example/path",
        TEST_POSTGRES_URL="ignored",
    )
    told = "\n".join(found)
    assert len(found) == 9
    for part in (
        "`prot` in",
        "did you mean `port`?",
        "`workers (",
        "`HEADWATER_PORT` is a whole number from 0 to 65535, not '70000'.",
        "did you mean `HEADWATER_DATABASE_URL`?",
        "is one of `demo`, `development`, `production`, not 'prod'",
        "such as `512KiB`",
        "begins with `sqlite://` or `postgresql://`",
        "absent cannot be read",
        "`https://a.example/path` is not",
    ):
        assert part in told
    assert "secret" not in told


def test_one_value_from_two_places_is_a_mistake(folder: Path) -> None:
    (folder / "f").write_text("redis://localhost")
    assert "keep one" in problems(folder, REDIS_URL="redis://localhost", REDIS_URL_FILE=str(folder / "f"))[0]


def test_the_file_can_be_named_and_must_then_exist(folder: Path) -> None:
    other = folder / "other.toml"
    assert "cannot be read" in problems(folder, CONFIG=str(other))[0]
    other.write_text("port = 9")
    assert load(folder, CONFIG=str(other)).port == 9
    other.write_text("port = ")
    assert "is not TOML" in problems(folder, CONFIG=str(other))[0]


def test_a_certificate_needs_its_key(folder: Path) -> None:
    certificate = folder / "c.pem"
    certificate.touch()
    assert "without `tls_key`" in problems(folder, TLS_CERTIFICATE=str(certificate))[0]
    told = problems(folder, TLS_CERTIFICATE=str(certificate), TLS_KEY=str(folder / "k.pem"))
    assert "cannot be read" in told[0]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("api.example.com", "http://api.example.com:8080"),
        ("::1", "http://[::1]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_the_address_at_which_one_asks_on_this_machine(folder: Path, host: str, url: str) -> None:
    assert Config.load({"HEADWATER_HOST": host}, folder).base_url == url
    files = {"HEADWATER_TLS_CERTIFICATE": __file__, "HEADWATER_TLS_KEY": __file__}
    secure = Config.load({"HEADWATER_HOST": host, **files}, folder)
    assert secure.base_url == url.replace("http:", "https:")


def test_production_refuses_what_is_not_safe_all_at_once(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    data.chmod(0o777)
    environment = {
        "DATA": str(data),
        "DATABASE_URL": "postgresql://u:p@db.example/x",
        "REDIS_URL": "redis://cache.example",
        "CORS_ORIGINS": "*",
        "PUBLIC_URL": "http://api.example",
    }
    found = problems(folder, MODE="production", **environment)
    assert len(found) == 5
    for part in ("sslmode=verify-full", "rediss://", "cors_origins", "chmod o-w", "https://"):
        assert any(part in problem for problem in found)
    undecided = load(folder, **environment)
    with pytest.raises(ConfigError):
        undecided.in_mode("production")
    assert undecided.in_mode("development").mode == "development"
    assert load(folder, MODE="demo", **environment).in_mode("production").mode == "demo"


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://u:p@127.0.0.1/x", "REDIS_URL": "redis://[::1]:6379"},
        {"DATABASE_URL": "postgresql:///x?host=/run/postgresql", "REDIS_URL": "unix:///run/redis"},
        {"DATABASE_URL": "postgresql://u:p@db/x?sslmode=verify-full", "REDIS_URL": "rediss://cache"},
        {"DATABASE_URL": "postgresql://u:p@db/x", "REDIS_URL": "redis://cache", "ALLOW_PLAINTEXT": "on"},
    ],
)
def test_production_accepts_what_is_safe(folder: Path, environment: dict[str, str]) -> None:
    assert load(folder, MODE="production", DATA=str(folder), **environment).mode == "production"


@pytest.mark.parametrize("host", ["db.example.org", "/run/postgresql,db.example.org"])
def test_production_looks_at_the_host_that_the_driver_takes_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    without = load(folder, MODE="production", DATABASE_URL="postgresql:///shop")
    monkeypatch.delenv("PGHOST", raising=False)
    without.in_mode("production")
    monkeypatch.setenv("PGHOST", "/run/postgresql")
    without.in_mode("production")
    monkeypatch.setenv("PGHOST", host)
    with pytest.raises(ConfigError, match="another machine"):
        without.in_mode("production")
    load(folder, DATABASE_URL="postgresql://localhost/shop").in_mode("production")


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("postgresql://u:p@localhost:5432,db.example.org:5432/shop", True),
        ("postgresql://db.example.org/shop?host=localhost", True),
        ("postgresql:///shop?service=shop", True),
        ("postgresql:///shop?host=db.example.org", True),
        ("postgresql://u:p@[::1]:5432,localhost/shop", False),
        ("postgresql://u:p@127.0.0.1:5432/shop?host=db.example.org", False),
    ],
)
def test_production_judges_each_host_that_the_driver_would_try(
    folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, refused: bool
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    config = load(folder, DATABASE_URL=url)
    if refused:
        with pytest.raises(ConfigError, match="another machine"):
            config.in_mode("production")
    else:
        config.in_mode("production")


def test_every_setting_is_documented() -> None:
    assert [s.name for s in SETTINGS] == [f.name for f in fields(Config) if f.name != "origins"]
    for setting in SETTINGS:
        assert setting.doc.endswith(".")
        assert f"| `{setting.variable}` | {setting.doc} |" in reference()


def test_settings_reach_other_processes(folder: Path) -> None:
    config = load(folder, PORT="1")
    copy = pickle.loads(pickle.dumps(config))
    assert copy == config
    assert copy.describe() == config.describe()
    assert pickle.loads(pickle.dumps(ConfigError(("a", "b")))).problems == ("a", "b")

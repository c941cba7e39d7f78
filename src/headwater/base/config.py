"""Settings: typed, frozen, and able to say where each value came from.

They come from environment variables `HEADWATER_NAME` and from a TOML file (`headwater.toml` in the working
folder, or the file that `HEADWATER_CONFIG` names), where the environment wins; `HEADWATER_NAME_FILE` names a
file that holds the value. Every problem is told at once, with its mend.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from headwater.base.errors import nearest
from headwater.base.settings import (
    PREFIX,
    Documents,
    Introspection,
    Mode,
    Parse,
    Setting,
    choice_value,
    duration_value,
    keys_value,
    number_value,
    origins_value,
    path_value,
    public_url_value,
    size_value,
    switch_value,
    target_value,
    text_value,
    url_value,
)

FILE_NAME: Final = "headwater.toml"


_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is asked for, not listened to
"""Addresses at which one listens and cannot ask, and those of this machine."""


class ConfigError(Exception):
    """Settings that cannot be used: `problems` holds a sentence for each, with its mend."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[str, ...]]]:
        return ConfigError, (self.problems,)


def _setting(default: Any, doc: str, parse: Parse, *, shown: str | None = None, secret: bool = False) -> Any:
    metadata = {"doc": doc, "parse": parse, "shown": shown, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of one process. Times are in seconds, sizes in bytes.

    `origins` says where the values came from that are not defaults.
    """

    app: str | None = _setting(
        None,
        "The application, as `module:attribute`, that commands work on where none is named.",
        target_value,
        shown="`app` in `[tool.headwater]` of pyproject.toml, else the demo",
    )
    mode: Mode | None = _setting(
        None,
        "`demo` seeds accounts with known passwords and opens CORS to localhost, `development` tells more, "
        "`production` refuses whatever is not safe.",
        choice_value(Mode),
        shown="what the application says",
    )
    data: Path = _setting(
        Path("data"), "The folder for files that the server keeps, keys included.", path_value
    )
    database_url: str = _setting(
        "",
        "Where the data is: `sqlite:///path` or `postgresql://user:password@host/name`.",
        url_value("sqlite", "postgresql", "postgres"),
        shown="`headwater.db` in the data folder",
        secret=True,
    )
    database_pool_size: int = _setting(
        10, "Connections to PostgreSQL for each worker.", number_value(1, 1000)
    )
    redis_url: str | None = _setting(
        None,
        "A Redis to share signals and counters through. Nothing needs one yet: its form is checked.",
        url_value("redis", "rediss", "unix"),
        secret=True,
    )
    host: str = _setting("127.0.0.1", "The address to listen on.", text_value)
    port: int = _setting(8080, "The port to listen on; 0 takes a free one.", number_value(0, 65535))
    workers: int = _setting(1, "Processes that serve requests.", number_value(1, 512))
    public_url: str | None = _setting(
        None, "The address that clients use, where it is not the one listened on.", public_url_value
    )
    tls_certificate: Path | None = _setting(
        None, "A certificate chain in PEM. Read again whenever it changes.", path_value
    )
    tls_key: Path | None = _setting(None, "The certificate's private key in PEM.", path_value)
    allow_plaintext: bool = _setting(
        False, "In production, allow connections to other machines that are not encrypted.", switch_value
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "Web origins whose pages may read answers, with commas between them; `*` for all.", origins_value
    )
    body_limit: int = _setting(1 << 20, "The largest request body, in bytes.", size_value, shown="1MiB")
    request_timeout: float = _setting(
        30.0, "How long a request may take, and how long its body may be on its way.", duration_value
    )
    shutdown_timeout: float = _setting(
        20.0, "How long requests in progress may go on when the server is told to end.", duration_value
    )
    access_token_lifetime: float = _setting(
        3600.0, "How long an access token is valid.", duration_value, shown="1h"
    )
    refresh_token_lifetime: float = _setting(
        30 * 86400.0, "How long a session lasts that is not used.", duration_value, shown="30d"
    )
    encryption_keys: tuple[bytes, ...] = _setting(
        (),
        "Keys that secret fields are encrypted with, each 32 bytes in base64, with commas between them. The first one "
        "encrypts, all decrypt. Needed in production where there are such fields; else one is made in `data`.",
        keys_value,
        secret=True,
    )
    graphql_documents: Documents = _setting(
        "any",
        "Which documents `/graphql` executes: `any`; `persisted`, any, known by their hash once they were sent with it "
        "(automatic persisted queries); `trusted`, those of the manifest alone.",
        choice_value(Documents),
    )
    graphql_manifest: Path | None = _setting(
        None, "A manifest of trusted documents, beside the application's own.", path_value
    )
    graphql_introspection: Introspection = _setting(
        "everybody",
        "Who may ask `/graphql` for its schema, and is told names that are near: `everybody`, `signed-in` or `nobody`.",
        choice_value(Introspection),
    )
    graphql_max_cost: int = _setting(
        50_000,
        "What one GraphQL operation may cost, in rows that it may touch. A role may have a limit of its own.",
        number_value(1),
    )
    access_log: bool = _setting(True, "Whether each request is logged.", switch_value)
    server_timing: bool | None = _setting(
        None,
        "Whether answers tell in `Server-Timing` how long the database took, as `headwater bench` asks. Whoever "
        "may ask can read it.",
        switch_value,
        shown="on in the mode `demo`, else off",
    )
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data / 'headwater.db'}")

    @classmethod
    def load(
        cls,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> "Config":
        """Read the settings; `overrides` come from the command line and win, apart from those that are None.

        Raises: ConfigError.
        """
        return _Loader(os.environ if environment is None else environment, folder or Path()).load(
            overrides or {}
        )

    def in_mode(self, default: Mode) -> "Config":
        """These settings with the mode decided: the one that was set, or else the application's own.

        Raises: ConfigError where that is production, listing whatever is not safe.
        """
        decided = (
            self
            if self.mode
            else replace(self, mode=default, origins={**self.origins, "mode": "application"})
        )
        if decided.mode == "production" and (unsafe := tuple(_unsafe(decided))):
            raise ConfigError(unsafe)
        return decided

    @property
    def tells_timing(self) -> bool:
        """Whether answers tell how long the database took."""
        return self.mode == "demo" if self.server_timing is None else self.server_timing

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None

    @property
    def base_url(self) -> str:
        """Where a client on this machine asks the server."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def describe(self) -> list[tuple[str, str, str]]:
        """Each setting's name, its value (secrets masked) and where that came from."""
        return [
            (s.name, _shown(s, getattr(self, s.name)), self.origins.get(s.name, "default")) for s in SETTINGS
        ]


def _settings() -> tuple[Setting, ...]:
    found = []
    for one in fields(Config):
        if one.metadata:
            m = one.metadata
            default = m["shown"] or _plain(one.default)
            found.append(Setting(one.name, m["doc"], m["parse"], default, m["secret"]))
    return tuple(found)


def _plain(value: Any) -> str:
    if value is None or value == () or value == "":
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(setting: Setting, value: Any) -> str:
    if setting.secret and isinstance(value, tuple):
        return "***" if value else "none"
    text = _plain(value)
    if not setting.secret:
        return text
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(//[^/@:]*:).*@", r"\1***@", text))


SETTINGS: Final = _settings()


def reference() -> str:
    """The settings as a Markdown table, for the documentation."""
    lines = ["| Variable | Meaning | Default |", "|---|---|---|"]
    lines += [f"| `{s.variable}` | {s.doc} | {s.default} |" for s in SETTINGS]
    return "\n".join(lines) + "\n"


class _Loader:
    """Collects values and problems from all sources."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.known = {setting.name: setting for setting in SETTINGS}
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []

    def load(self, overrides: Mapping[str, Any]) -> Config:
        self._read_file()
        self._read_environment()
        for name, value in overrides.items():
            if value is not None:
                option = "--" + name.replace("_", "-")
                self._take(self.known[name], value, "command line", option)
        if not self.problems:
            certificate, key = self.values.get("tls_certificate"), self.values.get("tls_key")
            if (certificate is None) != (key is None):
                given, missing = ("certificate", "key") if certificate else ("key", "certificate")
                self.problems.append(f"`tls_{given}` is set without `tls_{missing}`: set both or none.")
            for name in ("tls_certificate", "tls_key"):
                if name in self.values and not os.access(self.values[name], os.R_OK):
                    self.problems.append(f"`{name}`: the file {self.values[name]} cannot be read.")
        if self.problems:
            raise ConfigError(tuple(self.problems))
        config = Config(**self.values, origins=self.origins)
        return config.in_mode(config.mode) if config.mode else config

    def _take(self, setting: Setting, value: Any, origin: str, spelled: str) -> None:
        try:
            self.values[setting.name] = setting.parse(value)
            self.origins[setting.name] = origin
        except ValueError as error:
            given = "" if setting.secret else f", not {value!r}"
            self.problems.append(f"`{spelled}` {error}{given}.")

    def _read_file(self) -> None:
        named = self.environment.get(PREFIX + "CONFIG")
        path = Path(named) if named else self.folder / FILE_NAME
        if not named and not path.exists():
            return
        try:
            with path.open("rb") as file:
                content = tomllib.load(file)
        except OSError as error:
            self.problems.append(f"The file {path} cannot be read: {error.strerror}.")
            return
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.problems.append(f"The file {path} is not TOML: {error}.")
            return
        for key, value in content.items():
            if setting := self.known.get(key):
                self._take(setting, value, str(path), f"{key} ({path})")
            else:
                self.problems.append(f"`{key}` in {path} is not a setting{_meant(key, self.known)}")

    def _read_environment(self) -> None:
        variables = {setting.variable: setting for setting in SETTINGS}
        files = {f"{variable}_FILE": setting for variable, setting in variables.items()}
        for variable, value in self.environment.items():
            if not variable.startswith(PREFIX) or variable.startswith(PREFIX + "TEST_"):
                continue
            if setting := variables.get(variable):
                self._take(setting, value, variable, variable)
            elif setting := files.get(variable):
                if setting.variable in self.environment:
                    self.problems.append(f"`{setting.variable}` and `{variable}` are both set: keep one.")
                    continue
                try:
                    content = Path(value).read_text().strip()
                except (OSError, UnicodeDecodeError) as error:
                    self.problems.append(f"`{variable}`: the file {value} cannot be read: {error}.")
                else:
                    self._take(setting, content, f"{variable} ({value})", f"{variable} ({value})")
            elif variable != PREFIX + "CONFIG":
                self.problems.append(
                    f"`{variable}` is not a setting{_meant(variable, [*variables, *files])}."
                )


def _meant(name: str, valid: Iterable[str]) -> str:
    close = nearest(name, valid)
    return f"; did you mean `{close}`?" if close else "."


def _unsafe(config: Config) -> list[str]:
    """What production refuses, each with its mend."""
    found = []
    if not config.allow_plaintext:
        database = urlsplit(config.database_url)
        options = parse_qs(database.query)
        if (
            database.scheme.startswith("postgres")
            and not all(map(_local, _hosts(database.netloc, options)))
            and options.get("sslmode", [""])[-1] not in ("require", "verify-ca", "verify-full")
        ):
            found.append(
                "`database_url` connects to another machine, perhaps without encryption: end it with "
                "`?sslmode=verify-full`, or set `allow_plaintext` where the network is trusted."
            )
        if (
            config.redis_url
            and (redis := urlsplit(config.redis_url)).scheme == "redis"
            and not _local(redis.hostname)
        ):
            found.append(
                "`redis_url` connects to another machine without encryption: use `rediss://`, or set "
                "`allow_plaintext` where the network is trusted."
            )
        if (
            config.public_url
            and (public := urlsplit(config.public_url)).scheme == "http"
            and not _local(public.hostname)
        ):
            found.append(
                "`public_url` is not encrypted, so tokens could be read on their way: use `https://`, or set "
                "`allow_plaintext` where the network is trusted."
            )
    if "*" in config.cors_origins:
        found.append("`cors_origins` lets every web page read answers: list the origins that need to.")
    for name, path, mode, what in (
        ("data", config.data, 0o002, "written"),
        ("tls_key", config.tls_key, 0o004, "read"),
    ):
        if path is not None and path.exists() and path.stat().st_mode & mode:
            mend = "o-w" if mode == 0o002 else "o-r"
            found.append(
                f"`{name}`: {path} can be {what} by every user of this machine: run `chmod {mend} {path}`."
            )
    return found


def _hosts(netloc: str, options: Mapping[str, Sequence[str]]) -> list[str]:
    """The hosts that the driver tries: those before the path, else those of an option, else those of the environment;
    what a service names is not known here, and counts as another machine."""
    named = netloc.rpartition("@")[2]
    if not named and "service" in options:
        return ["service"]
    named = named or options.get("host", [""])[-1] or os.environ.get("PGHOST", "")
    return [re.sub(r":\d+$", "", host).strip("[]") for host in named.split(",")]


def _local(host: str | None) -> bool:
    """Whether a host is this machine: a socket's path, `localhost`, or a loopback address."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

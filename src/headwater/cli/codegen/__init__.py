"""TypeScript for a client's operations, by GraphQL Code Generator from npm: types, and documents that know them."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLSchema

from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.base.node import user_cache, workshop
from headwater.surfaces.graphql.documents import Documents
from headwater.surfaces.graphql.persisting import LOOK, SUFFIXES, Written, checked, files, read
from headwater.surfaces.graphql.schema import sdl_of

CODE: Final = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
TYPESCRIPT: Final = (".ts", ".tsx", ".mts", ".cts")
SECONDS: Final = 300
HEAD: Final = "/* eslint-disable */\n// Made by `headwater graphql codegen`. What is changed here is lost.\n"

_GRAPHQL: Final = re.compile(rb"gql|graphql", re.IGNORECASE)
_HERE: Final = Path(__file__).parent
_CONFIG: Final = {
    "scalars": {
        "ID": "string",
        "BigInt": "number",
        "Decimal": "string",
        "Money": "{ amount: string; currency: string }",
        "Date": "string",
        "DateTime": "string",
        "Duration": "string",
        "JSON": "unknown",
    },
    "strictScalars": True,
    "enumType": "string-literal",
    "useTypeImports": True,
    "arrayInputCoercion": False,
    "skipTypeNameForRoot": True,  # clients do not ask an operation itself for its type
}


@dataclass(frozen=True, slots=True)
class Made:
    """The files that were made, and what they are to hold."""

    files: Mapping[Path, str]

    def outdated(self) -> list[Path]:
        """Those that are not there, or hold something else."""
        return [path for path, text in self.files.items() if _held(path) != text]

    def write(self) -> list[Path]:
        """Write those that are outdated, all or none; them. Raises DeclarationError where they cannot be written."""
        outdated = self.outdated()
        for path in outdated:
            if path.exists() and not (_held(path) or "").startswith(HEAD):
                raise DeclarationError(
                    "this command has not made it, so it does not replace it.",
                    where=str(path),
                    mend="name another place, or remove it.",
                )
        waiting = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in outdated}
        try:
            for path, whole in waiting.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                whole.write_text(self.files[path], encoding="utf-8", newline="\n")
            for path, whole in waiting.items():
                whole.replace(path)
        except OSError as error:
            raise DeclarationError(
                f"it cannot be written: {error.strerror}.", where=str(path), mend="name another place."
            ) from error
        finally:
            for whole in waiting.values():
                with suppress(OSError):
                    whole.unlink()
        return outdated


def make(folder: Path, out: Path, schema: GraphQLSchema, *, typenames: bool = False) -> Made:
    """TypeScript for the operations of a folder: one module where `out` ends as one does, else a folder of them, which
    has the function `graphql()` for documents within code.

    Raises DeclarationError for what is wrong with the operations, each place told, and where there is no Node or npm.
    """
    is_file = out.suffix in TYPESCRIPT and not out.is_dir()
    if not is_file and not out.is_dir() and (out.suffix or out.exists()):
        raise DeclarationError(
            f"{out} is neither a folder nor TypeScript.", mend="name a folder, or a file such as api.ts."
        )
    if not folder.exists():
        raise DeclarationError(f"there is no {folder}.", mend="name the folder of the client's sources.")
    job = {
        "texts": list(_texts(folder)),
        "schema": sdl_of(schema),
        "preset": not is_file,
        "config": {**_CONFIG, "nonOptionalTypename": typenames},
    }
    told = _run(job)
    found = [Written(Path(one["file"]), one["text"], one["line"]) for one in told["found"]]
    if not (told["files"] or told["wrong"] or told["failed"]):
        raise DeclarationError(
            f"there is no operation in the files of {folder}.",
            mend="name the folder of the client's sources.",
        )
    if wrong := [_wrong(one) for one in told["wrong"]]:
        raise wrong[0] if len(wrong) == 1 else DeclarationErrors(wrong)
    checked(found, Documents(schema))
    if told["failed"]:
        raise DeclarationError(f"GraphQL Code Generator failed: {told['failed']}")
    return Made({(out if is_file else out / name): HEAD + text for name, text in told["files"].items()})


def _run(job: Mapping[str, Any]) -> Any:
    with tempfile.TemporaryDirectory(prefix="headwater-codegen-") as name:
        (work := Path(name)).joinpath("job.json").write_text(json.dumps(job), encoding="utf-8")
        tools = workshop(_HERE, work, user_cache())
        tools.node(_HERE / "generate.mjs", "job.json", "made.json", seconds=SECONDS)
        return json.loads((work / "made.json").read_text(encoding="utf-8"))


def _texts(folder: Path) -> Iterator[dict[str, Any]]:
    """The files in which there may be GraphQL, and which were not made of it."""
    for path in files(folder, SUFFIXES):
        yield {"file": str(path), "text": read(path), "isCode": False}
    for path in files(folder, CODE):
        content = path.read_bytes()  # not all that is called so is code: there are films, too
        if _GRAPHQL.search(content) and not content.startswith(HEAD.encode()):
            yield {"file": str(path), "text": read(path), "isCode": True}


def _held(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _wrong(one: Mapping[str, Any]) -> DeclarationError:
    mend = f"{LOOK}." if one["isRead"] else "correct it."
    return DeclarationError(one["message"], where=f"{one['file']}:{one['line']}", mend=mend)

"""What the documentation asks of curl, for machines that have none: one request, and its answer printed."""

import argparse
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from urllib.error import HTTPError
from urllib.request import Request, urlopen


@cache
def curl() -> str:
    """The path of curl or, where there is none, of this in its place."""
    if found := shutil.which("curl"):
        return found
    script = Path(mkdtemp(prefix="headwater-curl-")) / "curl"
    script.write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
    script.chmod(0o755)
    return str(script)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-S", action="store_true")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("-X")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("url")
    given = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in given.H)
    body = None if given.d is None else given.d.encode()
    request = Request(given.url, body, headers, method=given.X or ("GET" if body is None else "POST"))
    try:
        with urlopen(request, timeout=60) as answer:
            sys.stdout.buffer.write(answer.read())
    except HTTPError as error:
        if given.fail:
            sys.exit(22)
        sys.stdout.buffer.write(error.read())


if __name__ == "__main__":
    main()

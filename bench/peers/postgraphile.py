"""PostGraphile on Node.js, over the same tables on PostgreSQL: `bench/npm/postgraphile` has its packages and settings.

Its schema is made of the tables, and its filters by the plugin `postgraphile-plugin-connection-filter`, since the
`condition` that it has by itself knows only equality. It verifies no token and writes no access log.
"""

from pathlib import Path

from web.node import workshop

PACKAGES = Path(__file__).parent.parent / "npm" / "postgraphile"
ENVIRONMENT = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}


def command(folder: Path, port: int) -> list[str]:
    """What serves it. Its packages are installed before, if nobody has yet."""
    own = folder / "postgraphile"
    own.mkdir()
    return workshop(PACKAGES, own).command(PACKAGES / "server.mjs", str(port))

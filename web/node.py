"""Node.js and npm, for the build of the playground and for tests that run clients from npm. The packages are installed
into `.cache/npm`, which git ignores. Where Node or npm's packages cannot be had, that is told, and why."""

from pathlib import Path

from headwater.base import node
from headwater.base.node import INSTALL_SECONDS, NodeFailed, Workshop

__all__ = ["CACHE", "INSTALL_SECONDS", "NodeFailed", "Workshop", "node_modules", "workshop"]

CACHE = Path(__file__).parent.parent / ".cache" / "npm"


def node_modules(packages: Path, seconds: float = INSTALL_SECONDS) -> Path:
    """The installed packages that a folder's lock file names. Raises: NodeFailed."""
    return node.node_modules(packages, CACHE, seconds)


def workshop(packages: Path, folder: Path, seconds: float = INSTALL_SECONDS) -> Workshop:
    """A workshop in an existing folder, with the packages that another folder's lock file names. Raises: NodeFailed."""
    return node.workshop(packages, folder, CACHE, seconds)

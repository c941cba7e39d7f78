"""An environment with the built wheel, and without the source tree."""

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has Headwater from its wheel alone."""

    folder: Path
    wheel: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def site(self) -> Path:
        return next((self.folder / "lib").glob("python3*/site-packages"))


def build(folder: Path) -> Path:
    """The wheel of the source tree."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(pip, check=True, timeout=120)
    return next(folder.glob("headwater-*.whl"))


def install(folder: Path, *, index: bool = False) -> Installed:
    """An environment below `folder`. Its libraries are those of the tests' own, which is quick, or with `index`
    those that pip finds for a newcomer. The path file that leads there is not followed further, so the source tree,
    which the tests' environment names in such a file, cannot be imported."""
    made = Installed(folder / "venv", build(folder))
    venv.create(made.folder, with_pip=index, symlinks=True)
    if index:
        pip = [str(made.bin / "python"), "-m", "pip", "install", "--quiet", str(made.wheel)]
        subprocess.run(pip, check=True, timeout=600)
        return made
    (made.site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with ZipFile(made.wheel) as packed:
        packed.extractall(made.site)
    script = "import sys\nfrom headwater.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    (made.bin / "headwater").write_text(f"#!{made.bin / 'python'}\n{script}")
    (made.bin / "headwater").chmod(0o755)
    return made

"""`headwater` with a profiler: SIGUSR1 begins, SIGUSR2 ends and writes the file that BENCH_PROFILE names.

It sees the main thread, which is the event loop's, and not the threads of the SQLite store.
"""

import cProfile
import io
import os
import pstats
import signal
from pathlib import Path

from headwater.cli import main

TOP = 25


def profile() -> None:
    profiler = cProfile.Profile()

    def end(*_: object) -> None:
        profiler.disable()
        text = io.StringIO()
        pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(TOP)
        whole = Path(os.environ["BENCH_PROFILE"])
        part = whole.with_suffix(".part")
        part.write_text(text.getvalue())
        part.rename(whole)

    signal.signal(signal.SIGUSR1, lambda *_: profiler.enable())
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    profile()
    main()

"""`headwater` with a profiler: SIGUSR1 begins, SIGUSR2 ends and prints. It sees the main thread, which is the event
loop's, and not the threads of the SQLite store."""

import cProfile
import pstats
import signal
import sys

from headwater.cli import main

TOP = 25


def profile() -> None:
    profiler = cProfile.Profile()

    def end(*_: object) -> None:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).strip_dirs().sort_stats("tottime").print_stats(TOP)
        sys.stderr.flush()

    signal.signal(signal.SIGUSR1, lambda *_: profiler.enable())
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    profile()
    main()

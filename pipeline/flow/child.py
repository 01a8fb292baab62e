"""A module, dvc or prefect, in a process of the flow: it dies with it, and hears its signals.

Run by its path, not as a module: DVC's folder need not hold this package.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _end(*_: object) -> None:
    """End what it started too, and exit so that DVC gives up its locks."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    sys.exit(143)


if __name__ == "__main__":
    # what was started with nohup or & ignores SIGINT, and so would the stage
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

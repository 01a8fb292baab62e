"""`dvc` in a process of the flow: it dies with the flow, and a signal to its group reaches it.

Run by its path, not as a module: DVC's folder need not hold this package.
"""

import ctypes
import signal
import sys

from dvc.cli import main

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    # what was started with nohup or & ignores SIGINT, and so would the stage
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.exit(main(sys.argv[1:]))

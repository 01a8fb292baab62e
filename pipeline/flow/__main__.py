"""`python -m pipeline.flow`: run the pipeline as a flow, or wait for the UI's Run button."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any

from pipeline.flow import server


def main() -> int:
    """0: done. 1: a stage failed. 2: what was asked for cannot be run. 130, 143: stopped."""
    asked = _parser().parse_args()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        return _asked(asked)
    except server.Unreachable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _asked(asked: argparse.Namespace) -> int:
    running = server.find()
    if asked.serve and not running:
        print("error: no Prefect server is running; start one with `make ui`", file=sys.stderr)
        return 2
    if asked.serve:
        return _serve()
    # Prefect calls it when it has ended the run; the default would skip what exit has to do
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not running:
        server.start()
    return _run(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline.flow", description=__doc__)
    told = "rounds, stages or groups of stages, with what they need; none is everything"
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=told)
    told = "written into params.yaml, as `dvc exp run -S` does"
    parser.add_argument("-S", "--set-param", action="append", metavar="KEY=VALUE", help=told)
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="stages at once")
    parser.add_argument("--serve", action="store_true", help="wait for runs that the UI starts")
    return parser


def _run(asked: argparse.Namespace) -> int:
    from pipeline.flow.run import pipeline

    state: Any = pipeline(
        targets=asked.targets,
        overrides=asked.set_param or [],
        parallel=asked.parallel,
        return_state=True,
    )
    print(f"{state.name}: {state.message}")
    if state.is_completed():
        return 0
    return 130 if state.is_cancelled() else 2 if state.name == "Refused" else 1


def _serve() -> int:
    from pipeline.flow.serve import serve

    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A stage as a process: its paths, its lock, its death with its parent, its one-line errors."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.runtime import machine, places, readers
from pipeline.runtime import paths as tracked
from pipeline.runtime.contents import FILE
from pipeline.runtime.files import BadInput, writable

_PR_SET_PDEATHSIG = 1
_LOCKS = Path(".dvc/tmp/segue")
_NOT_DVCS = ("unfinished", "corrections", "review")
"""What may lie where its user likes."""

_TRACKED = object()
"""Stands for a path that is not given."""

_BESIDE = "SEGUE_BESIDE"
"""Has the process that started others beside itself."""


def paths(
    *names: str, item: bool = False, optional: Sequence[str] = (), options: Sequence[str] = ()
) -> argparse.Namespace:
    """`--name PATH` for each of `names` and of `optional`; an item comes first.

    One of `names` that is not given lies where dvc.yaml says, and so does an optional one whose
    flag stands without a path. `options` are optional words that are no paths. Raises BadInput
    for a path that DVC will not keep.
    """
    parser = argparse.ArgumentParser()
    if item:
        parser.add_argument("item", help="a key of the stage's mapping, such as round-1")
    for name in (*names, *optional):
        flag = f"--{name.replace('_', '-')}"
        if name in names:
            parser.add_argument(flag, type=Path, default=_TRACKED, metavar="PATH")
        else:
            parser.add_argument(flag, type=Path, nargs="?", const=_TRACKED, metavar="PATH")
    for name in options:
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    _find(given, Path(sys.argv[0]).stem, parser)
    kept = [getattr(given, name) for name in (*names, *optional) if name not in _NOT_DVCS]
    places.check(path for path in kept if path is not None)
    return given


def _find(given: argparse.Namespace, stage: str, parser: argparse.ArgumentParser) -> None:
    """The places that dvc.yaml has, of what is given none."""
    lacking = [name for name, path in vars(given).items() if path is _TRACKED]
    found = tracked.places(stage, getattr(given, "item", None)) if lacking else {}
    for name in lacking:
        if name not in found:
            parser.error(f"--{name.replace('_', '-')}: dvc.yaml says not where it lies; name it")
        setattr(given, name, found[name])


def stage(main: Callable[[], None]) -> None:
    """Run a stage's main(): alone, ending with its parent; BadInput is one message, exit 1."""
    die_with_parent()
    own = sys.modules["__main__"].__spec__
    if main.__module__ == "__main__" and own is not None:  # which no other process can import
        main = importlib.import_module(own.name).main
    try:
        with one_message(), _alone():
            main()
    except KeyboardInterrupt:
        print("stopped; the next run goes on from here", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


@contextmanager
def one_message() -> Iterator[None]:
    """BadInput, and what the machine or the end of a reader raises, is one message, exit 1."""
    try:
        yield
    except BadInput as error:
        sys.exit(f"error: {error}")
    except (MemoryError, OSError) as error:
        sys.exit(f"error: {machine.told(error)}")
    except RuntimeError as error:  # torch raises it amid whatever runs when a reader is killed
        if not readers.ended(error):
            raise
        sys.exit(f"error: {readers.told(error)}")


def die_with_parent() -> None:
    """A killed `dvc repro` must leave no stage that writes beside its rerun."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def die_with_stage(*_: object) -> None:
    """In a worker, as what initialises it: it ends as soon as the stage that made it has.

    Its parent in the system may be another, and so does not tell: by forkserver (the default from
    Python 3.14 on) that is a server, which in turn lives as long as its workers do.
    """
    stage = multiprocessing.parent_process()
    assert stage is not None, "is called in a worker"

    def watch() -> None:
        stage.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def rank() -> int:
    """This process's place among those of its run, 0 of one that nobody started beside others.

    A batch system or a notebook may set such variables in any process.
    """
    if not beside():
        return 0
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


def beside() -> bool:
    """Whether torchrun started this process or Ray Train, or a stage in `starting_beside`."""
    return "TORCHELASTIC_RUN_ID" in os.environ or os.environ.get(_BESIDE) == str(os.getppid())


@contextmanager
def starting_beside() -> Iterator[None]:
    """What this process starts meanwhile knows that it belongs to it, and nothing else does."""
    before = os.environ.get(_BESIDE)
    os.environ[_BESIDE] = str(os.getpid())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_BESIDE)
        else:
            os.environ[_BESIDE] = before


@contextmanager
def _alone() -> Iterator[None]:
    """Raises BadInput while the same stage of the same checkout runs in another process.

    The lock is a file that ends with its holder's run; one that a killed holder left does not bind.
    The other ranks of a run belong to the first, which holds it.
    """
    if rank():
        yield
        return
    what = " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    if not FILE.exists():
        raise BadInput(f"{FILE.absolute()}: no such file; run stages in the project's folder")
    path = _LOCKS / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock"
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("w") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # forked workers do not share it
            except (BlockingIOError, PermissionError) as error:
                raise BadInput(f"{what}: already running here; wait for it, or stop it") from error
            if not _is(file, path):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)  # while it is held, so that nobody else's is removed
            return


def _is(file: IO[str], path: Path) -> bool:
    """Whether `path` is still the file that was opened; its holder may have removed it since."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

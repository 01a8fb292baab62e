"""The processes of a loader, which read images: what to say when one of them has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from pipeline.runtime.files import Ended

Item = TypeVar("Item")


def read(loader: Iterable[Item]) -> Iterator[Item]:
    """What a loader with processes gives. Raises BadInput where one of them has ended.

    One that is killed while it hands over a batch ends the connection, in one of several ways.
    While a batch is worked on, torch raises amid that work, which a stage tells as well.
    """
    try:
        yield from loader
    except (ConnectionError, EOFError, FileNotFoundError, RuntimeError) as error:
        own = isinstance(error, RuntimeError) or getattr(error, "filename", None)
        if own and not ended(error):
            raise
        raise told(error) from error


def ended(error: Exception) -> bool:
    """Whether it is torch's word that a loader's process has ended."""
    return "DataLoader worker" in str(error)


def told(error: Exception) -> Ended:
    """What to say of it."""
    return Ended(
        f"a process that reads images has ended: {str(error).strip() or repr(error)} Where memory "
        "is short, lower compute.workers, compute.memory or training.batch; then run it again"
    )

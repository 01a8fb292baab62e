"""Work on many images at once, in order, with few of them in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Image = TypeVar("Image")
Found_co = TypeVar("Found_co", covariant=True)


class Images(Protocol[Found_co]):
    """What can be read by index from any thread: a list, or predictions on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Found_co: ...


Result = TypeVar("Result")


def on_all_cores(work: Callable[[Image], Result], images: Images[Image]) -> Iterable[Result]:
    """Results in the order of `images`, which threads read; a bounded number in memory."""
    workers = os.cpu_count() or 1

    def one(index: int) -> Result:
        return work(images[index])

    with ThreadPoolExecutor(workers) as pool:
        ahead = [pool.submit(one, i) for i in range(min(2 * workers, len(images)))]
        for i in range(len(images)):
            yield ahead.pop(0).result()
            if (following := i + 2 * workers) < len(images):
                ahead.append(pool.submit(one, following))

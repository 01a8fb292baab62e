"""Tables that are written and read in parts, of which one is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.runtime.files import AGAIN, readable, replacing

ROWS = 1 << 20
"""In a part at most, and in a row group: of fewer the file is that of a table written whole."""


@contextmanager
def in_parts(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Takes a table for `path`, Parquet, a part after the other, and at least one."""
    with replacing(path) as partial, ExitStack() as opened:
        writers: list[pq.ParquetWriter] = []

        def add(part: pd.DataFrame) -> None:
            table = pa.Table.from_pandas(part, preserve_index=False)
            if not writers:
                writers.append(opened.enter_context(pq.ParquetWriter(partial, table.schema)))
            writers[0].write_table(table)

        yield add
        opened.close()


Planes = npt.NDArray[np.float64]
_OTHER = "its classes are not the {} of the task, a row each"
_OTHER_IMAGES = "its images are not the target's, or in another order"


def by_image(
    path: Path, classes: Sequence[str], *columns: str, images: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """A Parquet table of images and classes in its order, in parts of whole images.

    With all its columns. Raises BadInput for a file that is no table, for one without `image`,
    `class` and all of `columns`, where an image has not a row for each of `classes`, in their order
    and together, and where its images are not `images`, in this order.
    """
    rows, done = len(classes), 0
    with readable(path, "a table", AGAIN), pq.ParquetFile(path) as file:
        if missing := [c for c in ("image", "class", *columns) if c not in file.schema_arrow.names]:
            raise ValueError(f"it has no column {missing[0]!r}")
        rest = file.schema_arrow.empty_table()
        for batch in file.iter_batches(ROWS // rows * rows):
            found = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            whole = len(found) // rows
            part, rest = found.slice(0, whole * rows).to_pandas(), found.slice(whole * rows)
            own = _images(part, classes)
            if images is not None and own != [*images[done : done + whole]]:
                raise ValueError(_OTHER_IMAGES)
            if whole:
                yield part
            done += whole
        if len(rest) or not done:
            raise ValueError(_OTHER.format(rows))
        if images is not None and done != len(images):
            raise ValueError(_OTHER_IMAGES)


def _images(part: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Those of a part, each of which has a row for each class."""
    each = part["image"].to_numpy(object).reshape(-1, len(classes))
    if part["class"].to_list() != [*classes] * len(each) or (each != each[:, :1]).any():
        raise ValueError(_OTHER.format(len(classes)))
    names: list[str] = each[:, 0].tolist()
    return names


def of_images(
    parts: Iterable[pd.DataFrame], images: Sequence[str], *columns: str
) -> dict[str, Planes]:
    """Of each column float64 (images, n), of tables with n rows an image, together and in order.

    In the order of `images`, whatever that of the parts is; NaN of an image that is in none.
    """
    place, found = {image: row for row, image in enumerate(images)}, dict[str, Planes]()
    for part in parts:
        own = part["image"].drop_duplicates()
        rows = [place[image] for image in own]
        for column in columns:
            values = part[column].to_numpy(float).reshape(len(own), -1)
            whole = found.setdefault(column, np.full((len(images), values.shape[1]), np.nan))
            whole[rows] = values
    return found

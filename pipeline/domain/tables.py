"""Tables that are written and read in parts, of which one is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


def by_image(path: Path, classes: Sequence[str], *columns: str) -> Iterator[pd.DataFrame]:
    """A Parquet table of images and classes in its order, in parts of whole images.

    With all its columns. Raises BadInput for a file that is no table, for one without `image`,
    `class` and all of `columns`, and where an image has not a row for each of `classes`, in their
    order and together.
    """
    with readable(path, "a table", AGAIN), pq.ParquetFile(path) as file:
        if missing := [c for c in ("image", "class", *columns) if c not in file.schema_arrow.names]:
            raise ValueError(f"it has no column {missing[0]!r}")
        rest, rows = file.schema_arrow.empty_table(), len(classes)
        for batch in file.iter_batches(ROWS // rows * rows):
            found = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            whole = len(found) // rows * rows
            rest = found.slice(whole)
            if whole:
                yield _whole(found.slice(0, whole).to_pandas(), classes)
        if len(rest) or not file.metadata.num_rows:
            raise ValueError(_OTHER.format(len(classes)))


_OTHER = "its classes are not the {} of the task, a row each"


def _whole(part: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    names, images = (part[name].to_numpy(object) for name in ("class", "image"))
    each = images.reshape(-1, len(classes))
    if [*names] != [*classes] * len(each) or (each != each[:, :1]).any():
        raise ValueError(_OTHER.format(len(classes)))
    return part

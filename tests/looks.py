"""Fabricated reports: what the stages write of a few images or of thousands, and their page."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import IGNORE
from pipeline.look import changes, maps, page, verdict, views
from pipeline.look import translations as look_translations
from pipeline.runtime.files import write_json
from pipeline.stages import panels
from tests.rounds import THREE

SIZE = (64, 32)
HOSTILE = (
    "<script>alert(1)</script>.png",
    "\"onerror='alert(2)'.png",
    "</script><img src=x onerror=alert(3)>.png",
    "a'; rm -rf ~ #%2e\u2028$(id).png",
)
NAMES = tuple(f"east/field.{n}.png" for n in range(8)) + HOSTILE


PANELS = panels.Params(superpixels=8)
CURVE = {"step": [10, 20, 25], "source": [2.5, 1.25, 1.0], "target": [0.5, None, 0.25]}


def params(rounds=2):
    item = {"pseudo_label": {"labeler": "cbst", "portion": 0.2}, "split": {"ranker": "entropy"}}
    made = {}
    for n in range(1, rounds + 1):
        teacher = f"round-{n - 1}" if n > 1 else "source"
        made[f"round-{n}"] = {"teacher": teacher, "start": teacher, **item}
    return {"pretrain": {"source": {"steps": 1}}, "rounds": made}


def target(names=NAMES):
    """A domain without files: what its index says."""
    samples = [Sample("target", name, f"{n:06x}abcdef", 32, 64) for n, name in enumerate(names)]
    return Domain(samples, Path(), SIZE)


def bands(rng):
    """uint8 (32, 64): three classes from left to right, their borders drawn."""
    at = np.sort(rng.integers(4, 60, 2))
    return np.tile(np.searchsorted(at, np.arange(64)).astype(np.uint8), (32, 1))


def write_panels(folder, domain, truths=None):
    """Image n is grey, lighter on its right; `truths`: uint8 (32, 64) by index, if any."""
    known = []
    for index in range(len(domain)):
        image = np.full((32, 64, 3), 40 + index % 160, np.uint8)
        image[:, 32:] = 250 - index % 160  # two halves: superpixels keep to their border
        known.append(panels.write(folder, index, (image, (truths or {}).get(index)), PANELS))
    about = panels.index_of(domain, PANELS, known)
    write_json(folder / "index.json", about)


def write_round(folder, name, domain, seed, truths=None, corrected=frozenset(), classes=3):
    """Labels leave the upper half out; image n is the n-th by entropy, and the first half easy.

    Of so many classes three are there.
    """
    rng = np.random.default_rng(seed)
    images, counts, wrong, kept = [s.image for s in domain.samples], [], [], []
    matrices = []
    for index in range(len(domain)):
        predicted = bands(rng)
        label = predicted.copy()
        label[:16] = IGNORE
        sure = np.full((16, 32), index % maps.LEVELS, np.uint8)
        planes = {"predicted": predicted, "label": label, "confidence": sure}
        maps.write(maps.file(folder / name / "maps", index), name, index, planes)
        path = maps.file(folder / name / "labels/maps", index)
        maps.write(path, f"look/{name}/labels", index, {"label": views.above(label)})
        counts.append([np.bincount(m[m != IGNORE], minlength=classes) for m in (predicted, label)])
        truth = (truths or {}).get(index)
        if truth is not None:
            pair = {"predicted": predicted, "label": label}
            matrices.append(
                {key: views.confusion(made, truth, classes) for key, made in pair.items()}
            )
        wrong.append(views.wrong(label, truth))
        kept.append(views.wrong_kept(label, truth, classes, label.size))
    views.write_confusion(folder / name, name, matrices)
    pixels, n = np.array(counts), len(images)
    entropy = np.arange(n) / (2 * n)
    coverage = pd.DataFrame(
        {
            "image": np.repeat(images, classes),
            "predicted": pixels[:, 0].ravel(),
            "kept": pixels[:, 1].ravel(),
            "mean_entropy": np.repeat(entropy, classes),
            "mean_confidence": np.repeat(1 - entropy, classes),
        }
    )
    half = np.where(np.arange(n) < n // 2, "easy", "hard")
    split = pd.DataFrame({"image": images, "score": entropy, "rank": range(n), "subset": half})
    found = pd.DataFrame({"wrong": wrong, "wrong_prediction": wrong}, dtype=float)
    found["wrong_kept"] = kept
    names = [sample.name for sample in domain.samples]
    table = views.table(images, names, found, coverage, split, corrected)
    artifacts.write_table(folder / name / "images.parquet", table)


def quality(domain, classes=THREE.names, flip=True):
    """As pseudo_label writes it: of each class and the whole; nothing is labelled as the first.

    The later an image, the better its labels.
    """
    n, kinds = len(domain), len(classes) + 1
    values = (np.arange(n)[:, None] + np.linspace(0.2, 0.8, kinds)) / n
    values[:, 0] = np.nan
    flips = np.full(n * kinds, np.nan) if not flip else 1 - np.nan_to_num(values).ravel()
    names = np.tile([*classes, ""], n)
    images = np.repeat([s.image for s in domain.samples], kinds)
    return pd.DataFrame({"image": images, "class": names, "quality": values.ravel(), "flip": flips})


TRANSLATED = ("painted", "washed")
SOURCES = tuple(f"north/scene.{n}.png" for n in range(4)) + HOSTILE[:2]


def translations(names=TRANSLATED):
    """As params.yaml names them."""
    judging = {"model": "source", "adapted": "round-1"}
    fits = {"translator": "lab"}, {"translator": "cyclegan", "training": {"steps": 9}}
    return {
        name: {"source": "game", "fit_translator": {**fit, "options": {"n": number}},
               "translate": {}, "evaluate_translation": judging}
        for number, (name, fit) in enumerate(zip(names, fits, strict=False))
    }  # fmt: skip


def write_translation(folder, name, number):
    """Of image n the first n + 1 columns change their class, of the last translation all others."""
    look = folder / name / "translation"
    domain = Domain([Sample("game", s, "", 32, 64) for s in SOURCES], Path(), SIZE)
    rows = []
    for index in range(len(SOURCES)):
        width = index + 1 if number == 0 else 10 - index
        before, after = np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.uint8)
        after[:, :width] = 1
        planes = {"model_before": before, "model_after": after}
        planes |= {"adapted_before": before + 2, "adapted_after": before + 2}
        key = f"sources/{name}/translation"
        maps.write(maps.file(look / "maps", index), key, index, planes)
        for kind, grey in (("source", 200), ("translated", 60 + 40 * number)):
            image = np.full((32, 64, 3), grey, np.uint8)
            maps.write_picture(maps.file(look / kind, index, "jpg"), image, 85)
        image = domain.samples[index].image
        rows.append({"image": image, "reference": index % 3, "model": width / 64, "adapted": 0.0})
    artifacts.write_table(look / "images.parquet", pd.DataFrame(rows))
    table = {"images": ["translated", "source", "target"], "kid_first": [0.1, 0.2, 0.0]}
    table |= {"miou_model": [50.0, 60.0, None]}
    artifacts.write_table(folder / name / "translation.csv", pd.DataFrame(table))
    changes = [("soil", "crop", 10, 5.0, "model"), ("weed", "soil", 3, 1.0, "adapted")]
    columns = ["before", "after", "pixels", "percent", "model"]
    artifacts.write_table(folder / name / "changes.csv", pd.DataFrame(changes, columns=columns))
    write_json(folder / name / "translation.json", {"verdict": f"verdict {number}", "size": SIZE})


def tables(models, val=True):
    """Metrics and tables by class, as evaluate writes them; without val signals alone."""
    found = {"miou": 30.0} if val else {"entropy": 0.5, "information": 0.2, "neighbourhood": 3.0}
    metrics = {name: {k: v + n for k, v in found.items()} for n, name in enumerate(models)}
    table = pd.DataFrame({"class": THREE.names, "iou": [10.0, None, 90.0], "lambda": [0.9, 0.8, 1]})
    table = table if val else table.drop(columns="iou")
    labelled = table.assign(precision=[80.0, 30.0, None])  # the second class is mostly wrong
    return metrics, {n: labelled if n.startswith("round") else table for n in models}


def models(chosen, metrics):
    """The table of models that a report has of these metrics."""
    teachers = [chosen["rounds"].get(name, {}).get("teacher") for name in metrics]
    return pd.DataFrame(metrics).T.rename_axis("model").reset_index().assign(teacher=teachers)


def corrections():
    """As reports/corrections.csv has it, of one class in one round."""
    counts = {"images": 1, "pixels": 1700, "kept": 900, "filled": 600, "relabelled": 200}
    return [{"round": "round-1", "class": THREE.names[1], **counts, "lost": 40, "dropped": 7}]


def world(
    folder, names=NAMES, rounds=2, truth=True, corrected=frozenset(), chosen=None, val=True,
    translated=(), flip=True, review=Path("data/review"),
):  # fmt: skip
    """A whole `reports/` in `folder`; what the page shows."""
    domain, rng = target(names), np.random.default_rng(9)
    truths = {index: bands(rng) for index in range(0, len(names), 2)} if truth else {}
    write_panels(folder / "panels", domain, truths)
    for n in range(1, rounds + 1):
        write_round(folder / "look", f"round-{n}", domain, n, truths, corrected)
    chosen = chosen or params(rounds)
    metrics, found = tables(["source", *chosen["rounds"]], val)
    changed = changes.of_rounds(chosen, folder / "look", SIZE, len(THREE))
    places = (folder / "panels", folder / "look")
    doubts = {key: [quality(domain, flip=flip)] for key in chosen["rounds"]}
    shown = page.content(chosen, metrics, found, THREE, *places, changed, doubts)
    judged = verdict.of(models(chosen, metrics), found)
    shown |= {"verdict": judged.parts, "curves": dict.fromkeys(metrics, CURVE)}
    for number, name in enumerate(translated):
        write_translation(folder / "sources", name, number)
    content = {"translations": translations(translated)}
    shown["translations"] = look_translations.content(content, folder / "sources")
    shown |= {"verdicts": page.judged(review, chosen["rounds"]), "corrections": corrections()}
    shown["provenance"] = {"preset": "streets", "seed": 1, "root": "../data/city"}
    page.write(folder / "index.html", folder / "page", shown)
    return shown

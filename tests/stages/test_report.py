"""report: tables, figures and the page."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.domain import artifacts, pictures
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.look import figures, mosaics, provenance, summary
from pipeline.review import verdicts
from pipeline.runtime.files import BadInput, read_json, write_json
from pipeline.stages import report
from tests import looks
from tests.rounds import HEIGHT, THREE, WIDTH

PARAMS = {
    "source": {"one": {}, "other": {}, "unused": {}},
    "mix": {"pair": {"one": "one", "other": "other"}},
    "pretrain": {
        "source": {"source": "one", "steps": 400},
        "source-long": {"source": "pair", "steps": 950},
    },
    "warmup": {"advent": {"from": "source", "steps": 100}},
    "mean": {"both": {"one": "advent", "other": "source"}},
    "retrain": {"steps": 200},
    "pseudo_label": {"labeler": "cbst", "portion": 0.2},
    "rounds": {
        "r1": {"teacher": "advent", "start": "advent", "retrain": {}, "pseudo_label": None},
        "r2": {"teacher": "r1", "start": "source", "retrain": {"steps": 50}},
        "r3": {"teacher": "r2", "start": "r2", "pseudo_label": {"labeler": "st", "portion": 0.5}},
    },
}
MODELS = ("source", "source-long", "advent", "both", "r1", "r2", "r3")


def shown(made, looks=(), warnings=()):
    return summary.page(made.verdict, made.rounds, made.iou, made.figures, looks, warnings)


def evaluated(miou=40.0, classes=THREE.names, labels=None):
    metrics = {"miou": miou, "rare": 12.5}
    metrics |= {"labels": labels} if labels else {}
    iou = [None, *np.linspace(10, 90, len(classes) - 1)]
    return report.Evaluated(metrics, pd.DataFrame({"class": list(classes), "iou": iou}))


def reported(params=PARAMS, models=MODELS, looks=None, **given):
    rounds = params.get("rounds") or {}
    found = {
        name: evaluated(
            labels={"coverage": 50.0, "precision": None} if name in rounds else None, **given
        )
        for name in models
    }
    return report.run(params, found, looks or {}, THREE)


def test_steps_count_those_of_the_models_a_model_started_from():
    found = {name: provenance.steps(PARAMS, name) for name in MODELS}
    assert found == {
        "source": 400, "source-long": 950, "advent": 500, "both": 900, "r1": 700, "r2": 450,
        "r3": 650,
    }  # fmt: skip
    table = reported().rounds.set_index("model")
    assert table["steps"].to_dict() == found
    assert table["steps"].dtype == int


def test_what_the_first_of_a_mean_counts_is_no_model():
    mean = {**PARAMS["mean"], "both": {**PARAMS["mean"]["both"], "share": 0.75}}
    assert provenance.steps(PARAMS | {"mean": mean}, "both") == provenance.steps(PARAMS, "both")


def test_a_row_of_the_report_says_how_its_labels_were_made():
    table = reported().rounds.astype(object).replace({np.nan: None}).set_index("model")
    assert table["source"].dropna().to_dict() == {"source": "one", "source-long": "pair"}
    columns = ["teacher", "labeler", "portion", "coverage"]
    assert table.loc["source", columns].tolist() == [None] * 4
    assert table.loc["r1", columns].tolist() == ["advent", "cbst", 0.2, 50]
    assert table.loc["r3", columns].tolist() == ["r2", "st", 0.5, 50]


def test_what_no_model_has_is_no_column_and_no_metric(tmp_path):
    found = reported()
    assert not {"precision", "miou16", "miou13", *figures.SIGNALS} & {*found.rounds}
    write_json(tmp_path / "m.json", found.metrics)
    text = (tmp_path / "m.json").read_text()
    assert json.loads(text)["r1"] == {"miou": 40, "rare": 12.5}
    assert set(found.metrics) == set(MODELS)


def test_the_report_of_classes_has_a_column_a_model():
    iou = reported().iou
    assert list(iou) == list(MODELS)
    assert tuple(iou.index) == THREE.names
    assert iou.loc["soil"].isna().all()
    assert (iou.loc["weed"] == 90).all()


@pytest.mark.parametrize("absent", [None, {}])
def test_a_report_without_rounds_or_warmup(absent):
    params = PARAMS | {"rounds": absent, "warmup": absent}
    found = reported(params, ("source", "source-long"))
    assert set(found.figures) == {"iou_by_class"}
    assert "mosaic" not in shown(found)


def test_figures_are_made_and_shown(tmp_path):
    strip = Image.new("RGB", (4 * WIDTH, HEIGHT), "red")
    found = reported(looks={"r1": strip, "r2": strip, "r3": strip})
    names = {"iou_by_class", "miou_by_round", "labels_by_round", "mosaic"}
    assert set(found.figures) == names
    for name in names:
        assert f'<img src="figures/{name}.png">' in shown(found)
    again = reported(looks={"r1": strip, "r2": strip, "r3": strip})
    assert all(np.array_equal(found.figures[name], again.figures[name]) for name in names)


def test_the_verdicts_links_lead_to_the_page():
    labels = {"coverage": 50.0, "precision": 60.0}
    found = {name: evaluated(30, labels=labels) for name in MODELS}
    for name in ("r1", "r2", "r3"):
        iou = found[name].iou.assign(precision=[20.0, None, 70.0])
        found[name] = report.Evaluated(found[name].metrics, iou)
    page = shown(report.run(PARAMS, found, {}, THREE))
    state = "round=r3&amp;class=soil&amp;sort=share&amp;down=1&amp;of=wrong_kept&amp;layer=wrong"
    assert f'<a href="index.html#{state}">soil</a> (20 % right)' in page


@pytest.mark.parametrize("held_out", [None, 0.2])
def test_the_verdict_says_where_val_is_held_out(held_out):
    params = PARAMS | {"prepare": {"val": {"held_out": held_out}}}
    said = reported(params).verdict.text
    assert ("on val (held out of the source): mIoU" in said) == (held_out is not None)


def test_the_best_round_on_the_truth_is_marked_as_an_oracle():
    found = {
        name: evaluated(miou)
        for name, miou in zip(MODELS, (50, 60, 55, 57, 40, 45, 42), strict=True)
    }
    table = report.run(PARAMS, found, {}, THREE).rounds.set_index("model")
    assert table["oracle"].to_dict() == dict.fromkeys(MODELS, "") | {"r2": "best on truth"}


def test_signals_are_columns_and_labels_of_classes_figures():
    def of(name):
        found = evaluated(labels={"coverage": 50.0, "precision": 80.0})
        iou = found.iou.assign(precision=[90.0, None, 70.0], coverage=40.0)
        iou["lambda"] = [0.5, 0.9, 1.0]
        signal = dict(zip(figures.SIGNALS, (0.2, 0.3, 4.0, 3.5), strict=True))
        return report.Evaluated({**found.metrics, "signals": signal}, iou)

    found = {name: of(name) if name in PARAMS["rounds"] else evaluated() for name in MODELS}
    made = report.run(PARAMS, found, {}, THREE)
    table = made.rounds.set_index("model")
    assert table.loc["r1", [*figures.SIGNALS]].tolist() == [0.2, 0.3, 4.0, 3.5]
    assert table.loc["source", [*figures.SIGNALS]].isna().all()
    assert {"lambda_by_class", "coverage_by_class", "precision_by_class"} <= set(made.figures)
    page = shown(made, (("r1", "split"), ("r1", "growth")))
    assert '<img src="look/r1/split.png">' in page
    assert '<img src="look/r1/growth.png">' in page


def test_signals_of_before_there_was_another_are_a_row_with_a_gap():
    old = {"entropy": 0.2, "information": 0.3, "neighbourhood": 4.0}
    found = {name: evaluated() for name in MODELS}
    found["r1"] = report.Evaluated({**found["r1"].metrics, "signals": old}, found["r1"].iou)
    table = report.run(PARAMS, found, {}, THREE).rounds.set_index("model")
    assert [*table.columns][-4:-1] == [*old]
    assert table.loc["r1", [*old]].tolist() == [0.2, 0.3, 4.0]
    assert table.loc["source", [*old]].isna().all()


@pytest.mark.parametrize("few", [None, 21.5])
def test_without_val_signals_and_few_labels_stand_where_miou_would(few):
    signal = dict(zip(figures.SIGNALS, (0.2, 0.3, 4.0, 3.5), strict=True))
    given = {"signals": signal, **({} if few is None else {"few": {"images": 2, "miou": few}})}
    table = pd.DataFrame({"class": THREE.names})
    of_round = report.Evaluated({**given, "labels": {"coverage": 50.0}}, table)
    found = {
        n: of_round if n in PARAMS["rounds"] else report.Evaluated(given, table) for n in MODELS
    }
    strip = Image.new("RGB", (3 * WIDTH, HEIGHT), "red")
    strips = dict.fromkeys(PARAMS["rounds"], strip)
    made = report.run(PARAMS, found, strips, THREE, mosaics.PANELS[:-1])
    expected = signal if few is None else {"few": few, **signal}
    assert made.metrics == dict.fromkeys(MODELS, expected)
    assert not made.rounds.isna().all().any()
    assert not {"miou", "oracle", "precision"} & {*made.rounds}
    by = () if few is None else ("few",)
    drawn = {f"{name}_by_round" for name in (*by, *figures.SIGNALS, "labels")}
    assert {*made.figures} == {*drawn, "mosaic"}
    page = shown(made)
    assert "IoU by class" not in page
    assert "oracle" not in page


def test_few_labels_are_a_column_that_the_page_explains():
    def of(name, miou):
        found = evaluated()
        few = {"images": 4, "from": "val", "miou": miou}
        return report.Evaluated({**found.metrics, "few": few}, found.iou)

    given = {name: 31.25 + place for place, name in enumerate(MODELS)} | {"r3": None}
    found = {name: of(name, miou) for name, miou in given.items()}
    made = report.run(PARAMS, found, {}, THREE)
    table = made.rounds.set_index("model")["few"].astype(object)
    assert table.where(table.notna(), None).to_dict() == given
    page = shown(made)
    assert "<th>few</th>" in page
    assert "<td>31.25</td>" in page
    assert "Few is the mIoU on the few labelled images" in page


def test_a_report_is_silent_on_few_labels_that_nobody_asked_for():
    made = reported()
    assert "few" not in made.rounds
    assert "Few is" not in shown(made)


def test_headings_say_what_is_shown_and_name_no_file():
    strip = Image.new("RGB", (4 * WIDTH, HEIGHT), "red")
    page = shown(reported(looks={"r1": strip}), (("r1", "split"), ("r1", "growth")))
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [
        "mIoU by round", "Coverage and precision of the pseudo-labels by round",
        "One image in each round", "IoU by class, as colours", "IoU by class",
        "r1: the easiest and the hardest images", "r1: from sparse labels to dense ones",
    ]  # fmt: skip


def test_without_miou_a_figure_shows_what_needs_no_label():
    def of(information):
        empty = dict.fromkeys(report.FIELDS)
        return report.Evaluated({**empty, "signals": {"information": information}}, no_iou)

    no_iou = evaluated().iou.assign(iou=None)
    found = {name: of(0.1 * place) for place, name in enumerate(MODELS)}
    made = report.run(PARAMS, found, {}, THREE)
    assert set(made.figures) == {"information_by_round"}
    assert "<h2>Information by round" in shown(made)


HOSTILE = '<script>alert("x")</script>&<b>'


def test_hostile_names_are_escaped():
    params = PARAMS | {"rounds": {HOSTILE: {"teacher": "source", "start": "source"}}}
    found = reported(params, ("source", HOSTILE), classes=(HOSTILE, "$\\frac$", "a_$b$"))
    page = shown(found)
    assert "<script" not in page
    assert "&<b>" not in page
    # twice in the verdict, a row of rounds, a column and a row of classes
    assert page.count("&lt;script&gt;") == 5


def test_every_name_is_on_the_page_in_full():
    classes = tuple(f"class {i:03d} of many" for i in range(120))
    long = "round-1-" + "with-a-name-that-goes-on-" * 3
    params = PARAMS | {"rounds": {long: {"teacher": "source", "start": "source"}}}
    page = shown(reported(params, ("source", long), classes=classes))
    assert all(name in page for name in classes)
    assert page.count(long) == 4  # twice in the verdict, a row of rounds, a column of classes


def test_a_page_loads_nothing_from_outside():
    page = shown(reported())
    assert "http" not in page
    assert "src=\"figures/" in page  # fmt: skip


def write_judged(name, changed):
    """What pseudo_label says of a round's labels: what was corrected, what is to be trusted."""
    table = pd.DataFrame(changed, columns=["image", "made", "corrected", "pixels"])
    artifacts.write_table(Path("rounds", name, "corrected.csv"), table)
    quality = looks.quality(looks.target(), CITYSCAPES.names)
    artifacts.write_table(Path("rounds", name, "quality.parquet"), quality)


def write_inputs():
    """What other stages and people leave here for a report of PARAMS."""
    YAML(typ="safe").dump(PARAMS, Path("params.yaml"))
    for index, name in enumerate(MODELS):
        of = evaluated(30 + index, CITYSCAPES.names)
        write_json(Path("rounds", name, "metrics.json"), dict(of.metrics))
        artifacts.write_table(Path("rounds", name, "iou.csv"), of.iou)
    Path("rounds/source/training.csv").write_text("step,lr,source\n10,0.1,2.5\n20,0.1,1.5\n")
    Path("rounds/advent/training.csv").write_text("")  # no step was trained
    for name in PARAMS["rounds"]:
        for image in range(3):
            strip = Image.new("RGB", (4 * WIDTH, HEIGHT), (100 * image, 0, 0))
            pictures.write_image(Path("look", name, "images", f"{image}.png"), strip)
        looks.write_round(Path("look"), name, looks.target(), 0, classes=len(CITYSCAPES))
        changed = [("a", "car", "road", 7)] if name == "r3" else []
        write_judged(name, changed)
    looks.write_panels(Path("panels"), looks.target(), {0: looks.bands(np.random.default_rng(0))})
    artifacts.write_taxonomy(Path("t.json"), CITYSCAPES)
    seen = [0, *range(1, 19)]
    counts = pd.DataFrame({"class": CITYSCAPES.names, "pixels": seen})
    for path in ("c.csv", "sources/one/classes.csv", "sources/unused/classes.csv"):
        artifacts.write_table(Path(path), counts)
    other = counts.assign(pixels=[5, *[0] * 18])
    artifacts.write_table(Path("sources/other/classes.csv"), other)
    verdicts.write(Path("review/r3.csv"), {"a": verdicts.Verdict("exclude", "dark")})


def report_of_files(monkeypatch):
    """What the stage does, and what its page is told."""
    outs = {"panels": "panels", "review": "review", "taxonomy": "t.json", "classes": "c.csv",
            "metrics": "m.json", "scores": "scores", "table": "r.csv", "iou": "i.csv",
            "figures": "figures", "corrections": "corrections.csv", "changed": "changed.parquet",
            "summary": "summary.html", "page": "page", "index": "index.html",
            "best": "best.json"}  # fmt: skip
    argv = [word for name, at in outs.items() for word in (f"--{name}", at)]
    argv = ["report", "--sources", "sources", "--rounds", "rounds", "--look", "look", *argv]
    monkeypatch.setattr(sys, "argv", argv)
    report.main()
    script = Path("page/data.js").read_text()
    return json.loads(script[script.index("(") + 1 : script.rindex(")")])


def test_the_report_of_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_inputs()
    content = report_of_files(monkeypatch)
    assert "Not there yet" not in capsys.readouterr().out
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report.main()
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [v["miou"] for v in read_json(Path("m.json")).values()] == [*range(30, 37)]
    assert len(artifacts.read_table(Path("i.csv"))) == 19
    assert {*artifacts.read_table(Path("changed.parquet"))["round"]} == {"r2", "r3"}
    rows = "r3,road,1,7,0,0,7,0,0\nr3,car,0,0,0,0,0,7,0\n"
    assert Path("corrections.csv").read_text().endswith(f"dropped\n{rows}")
    shown = [",".join(map(str, row.values())) for row in content["corrections"]]
    assert shown == rows.splitlines()
    assert content["verdicts"] == {"r1": [], "r2": [], "r3": [["a", "exclude", "dark"]]}
    assert {path.stem for path in Path("figures").iterdir()} == {
        "iou_by_class", "miou_by_round", "mosaic"  # of labels nothing is known
    }  # fmt: skip
    assert read_json(Path("scores/miou/r3.json")) == 36
    told = Path("summary.html").read_text()
    assert "<table" in told
    assert "<li>one: no pixel of 1 of 19 classes (road): no model can learn it;" in told
    assert "<li>unused:" not in told  # nothing learns from it
    assert "<li>pair:" not in told  # what one of its sources lacks the other has
    assert "<li>other: no pixel of 18 of 19 classes" not in told
    assert "<li>val: no pixel of 1 of 19 classes (road): its IoU says nothing;" in told
    shown = Path("page/data.js").read_text()
    assert shown.startswith("look.open(")
    assert '"curves":{"source":{"step":[10,20],"source":[2.5,1.5]}}' in shown
    best = read_json(Path("best.json"))
    said = "r3 is the best model on val: mIoU 36.0 (chosen on these labels), 5.0 over source-long."
    assert best["sentence"].startswith(said)
    assert (best["model"], best["file"], best["chosen_by"]) == ("r3", "r3.pt", "val")
    assert f"<p>{said}" in told
    assert capsys.readouterr().out.splitlines()[-1] == best["sentence"]


def test_what_later_rounds_and_models_still_lack_is_left_out_and_told(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_inputs()
    whole = report_of_files(monkeypatch)
    kept = ("rounds/both/iou.csv", "rounds/r2/metrics.json", "sources/other/classes.csv")
    for path in map(Path, kept):
        path.rename(tmp_path / path.name)
    capsys.readouterr()
    early = report_of_files(monkeypatch)
    assert capsys.readouterr().out.endswith("Not there yet: both, r2, r3\n")
    assert [of["name"] for of in early["rounds"]] == ["r1"]  # r3 goes on from r2
    assert [of["name"] for of in early["models"]] == ["source", "source-long", "advent", "r1"]
    assert early["verdicts"] == {"r1": []}  # that of r3 is no stray one
    assert early["rounds"][0] == whole["rounds"][0]
    Path("look/r1/images.parquet").unlink()  # the last that a round's gallery needs for the page
    assert report_of_files(monkeypatch)["rounds"] == []
    for path in map(Path, kept):
        (tmp_path / path.name).rename(path)
    looks.write_round(Path("look"), "r1", looks.target(), 0, classes=len(CITYSCAPES))
    assert report_of_files(monkeypatch)["rounds"] == whole["rounds"]


def test_a_report_of_no_model_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs()
    for name in MODELS:
        Path("rounds", name, "metrics.json").unlink()
    with pytest.raises(BadInput, match="rounds: no model has been evaluated yet; run dvc repro"):
        report_of_files(monkeypatch)

"""Translators that are trained, as a user runs them: `dvc repro` on a tiny world."""

from __future__ import annotations

from io import StringIO

import pytest
from ruamel.yaml import YAML

from tests.projects import PARAMS, Project

TRAINING = {"steps": 20, "log_every": 5, "augment": {"crop_width": 32, "crop_height": 32}}
NETWORKS = {"networks": {"width": 4, "blocks": 1, "discriminator": 4, "layers": 2}}


def fit(name: str, segmenter: str) -> dict[str, object]:
    return {
        "source": "game",
        "fit_translator": {"translator": name, "segmenter": segmenter, "options": NETWORKS,
                           "training": TRAINING},
        "translate": {},
        "evaluate_translation": {"model": "source", "adapted": "warm"},
    }  # fmt: skip


def params() -> str:
    """A loop: `again` is looked at by a round that learnt from `made`."""
    content = YAML(typ="safe").load(PARAMS)
    content["translations"] = {"made": fit("cyclegan", "none"), "again": fit("cycada", "round-1")}
    content["pretrain"]["source-long"]["source"] = "made"
    first, second = content["rounds"].values()
    first["retrain"]["source"], second["retrain"]["source"] = "made", "again"
    second["retrain"]["objective"], second["pseudo_label"] = "self_training", first["pseudo_label"]
    del second["retrain"]["options"], second["retrain"]["hard_share"]
    text = StringIO()
    YAML().dump(content, text)
    return text.getvalue()


@pytest.mark.slow
def test_a_loop_of_translations_runs_through_dvc_and_is_the_same_twice(tmp_path):
    project = Project(tmp_path, params())
    ran = project.repro("retrain@round-2")
    for name in ("made", "again"):
        assert {f"{stage}@{name}" for stage in ("fit_translator", "translate")} <= {*ran}
        curve = project.read(f"reports/sources/{name}/training.csv").splitlines()
        assert [row.split(",")[0] for row in curve] == ["step", "5", "10", "15", "20"]
    assert "semantic_source" in project.read("reports/sources/again/training.csv")
    assert "semantic_source" not in project.read("reports/sources/made/training.csv")
    assert ran.index("fit_translator@made") < ran.index("retrain@round-1")
    assert ran.index("retrain@round-1") < ran.index("fit_translator@again")
    assert ran.index("translate@again") < ran.index("retrain@round-2")
    before = project.hashes()
    assert project.repro("retrain@round-2") == []
    again = ("fit_translator@made", "translate@made", "fit_translator@again", "translate@again")
    project.call("dvc", "repro", "--force", "--single-item", *again)
    assert project.hashes() == before
    project.call("segue", "check")
    content = project.params()
    content["translations"]["again"]["fit_translator"]["segmenter"] = "round-2"
    project.write_params(content)
    said = project.call("segue", "check", fails=True)
    assert "it would be made of itself (again of round-2 of again)" in " ".join(said.split())


def several() -> str:
    """Both sources translated at once, and what learns from their translations in turn."""
    content = YAML(typ="safe").load(PARAMS)
    fitted = fit("madan", "source") | {"source": "all"}
    fitted["fit_translator"]["training"] = TRAINING | {"batch": 2}  # type: ignore[index]
    content["translations"] = {"made": fitted}
    content["pretrain"]["source"]["source"] = "all"
    content["pretrain"]["source-long"]["source"] = "made"
    content["warmup"]["warm"] |= {"from": "source", "source": "made", "objective": "madan"}
    content["warmup"]["warm"]["options"] = {"by_class": True}
    content["mean"] = {}
    del content["rounds"]["round-2"]
    content["rounds"]["round-1"]["retrain"]["source"] = "made"
    content["translations"]["made"]["evaluate_translation"]["adapted"] = "source"
    text = StringIO()
    YAML().dump(content, text)
    return text.getvalue()


@pytest.mark.slow
def test_a_mix_is_translated_at_once_and_learnt_from_through_dvc(tmp_path):
    project = Project(tmp_path, several())
    project.call("segue", "check")
    ran = project.repro("report")
    order = ["mix@all", "pretrain@source", "fit_translator@made", "translate@made"]
    order += ["warmup@warm", "retrain@round-1", "report"]
    assert [stage for stage in ran if stage in order] == order
    curve = project.read("reports/sources/made/training.csv").splitlines()[0].split(",")
    assert {"semantic", "adversarial_alike", "adversarial_cross", "told_task"} < {*curve}
    for name, images in (("game", 8), ("drawn", 3)):
        folder = tmp_path / "data/sources/made" / name
        assert len([*(folder / "images/1").iterdir()]) == images
        assert len([*(folder / "labels").iterdir()]) == images
    told = project.read("reports/page/data.js")
    assert "made" in told
    assert '"game/' in told
    project.call("segue", "cost", "--steps", "3")

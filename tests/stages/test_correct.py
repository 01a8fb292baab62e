"""correct: which corrections are in force."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.domain import artifacts, pictures
from pipeline.runtime.files import BadInput
from pipeline.stages import correct
from tests.rounds import HEIGHT, THREE, WIDTH, full, write_labels

ROOT = Path(__file__).parents[2]


def test_corrections_of_later_rounds_cover_those_of_earlier_ones(target):
    names = [sample.name for sample in target.samples]
    given = [{names[0]: full(0), names[1]: full(0)}, {}, {names[1]: full(1), names[2]: full(2)}]
    origins = [Path(name) for name in ("round-1", "round-2", "round-3")]
    found = correct.run(given, target, origins)
    assert {name: int(label[0, 0]) for name, label in found.items()} == {
        names[0]: 0, names[1]: 1, names[2]: 2
    }  # fmt: skip


def test_a_correction_of_no_image_is_refused_by_name(target):
    with pytest.raises(BadInput, match=r"rounds/r1/nobody\.png: no target image"):
        correct.run([{"nobody": full(0)}], target, [Path("rounds/r1")])


def test_a_correction_of_another_size_is_refused_with_both(target):
    label = np.zeros((HEIGHT, WIDTH + 1), np.uint8)
    name = target.samples[0].name
    with pytest.raises(BadInput, match=rf"{name}\.png: 33x24, but labels are 32x24"):
        correct.run([{name: label}], target, [Path("r1")])


def test_a_round_inherits_from_its_teachers_alone(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rounds = {"r1": "s", "r2": "r1", "r2-b": "r1", "r3": "r2"}
    content = {
        "pretrain": {"s": {"steps": 1}},
        "rounds": {name: {"teacher": of, "start": "s"} for name, of in rounds.items()},
    }
    YAML(typ="safe").dump(content, Path("params.yaml"))
    artifacts.write_domain(Path("target.parquet"), target, labelled=False)
    artifacts.write_taxonomy(Path("taxonomy.json"), THREE)
    names = [sample.name for sample in target.samples]
    for value, (origin, index) in enumerate([("r1", 0), ("r2-b", 1), ("r3", 0)]):
        write_labels(Path("corrections") / origin, {names[index]: full(value)})
    argv = ["--corrections", "corrections", "--target", "target.parquet"]
    for name, expected in (("r2", {names[0]: 0}), ("r2-b", {names[0]: 0, names[1]: 1}),
                           ("r3", {names[0]: 2}), ("r1", {names[0]: 0})):  # fmt: skip
        out = ["--taxonomy", "taxonomy.json", "--in-force", f"in_force/{name}"]
        monkeypatch.setattr(sys, "argv", ["correct", name, *argv, *out])
        correct.main()
        found = {
            path.stem: int(pictures.read_label_map(path, 3)[0, 0])
            for path in Path("in_force", name).glob("*.png")
        }
        assert found == expected
        table = artifacts.read_table(Path("in_force", name, "images.csv"))
        assert dict(zip(table["image"], table["round"], strict=True)) == {
            image: {0: "r1", 1: "r2-b", 2: "r3"}[value] for image, value in expected.items()
        }


def test_a_round_without_corrections_has_a_folder_that_is_not_empty(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    content = {"pretrain": {"s": {"steps": 1}}, "rounds": {"r1": {"teacher": "s", "start": "s"}}}
    YAML(typ="safe").dump(content, Path("params.yaml"))
    artifacts.write_domain(Path("data/prepared/target.parquet"), target, labelled=False)
    artifacts.write_taxonomy(Path("data/prepared/taxonomy.json"), THREE)
    monkeypatch.setattr(sys, "argv", ["correct", "r1"])  # where DVC tracks it
    correct.main()
    assert Path("data/rounds/r1/corrections/images.csv").read_text() == "image,round\n"

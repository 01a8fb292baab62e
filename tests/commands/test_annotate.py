"""`segue annotate`: images and labels out, corrected labels in, as `correct` reads them."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.domain import artifacts, pictures
from pipeline.review import label_studio
from pipeline.review.tasks import Task
from pipeline.stages import correct
from tests.commandline import refusal, segue
from tests.rounds import THREE, full, write_labels

ROOT = Path(__file__).parents[2]
LABELS = Path("data/rounds/r1/labels")
CORRECTIONS = Path("data/corrections/r1")


@pytest.fixture
def names(target, tmp_path, monkeypatch):
    """A project of four images, of which the first two are to be fixed; their names."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    content = {
        "prepare": {"target": {"root": str(tmp_path)}},
        "pretrain": {"s": {"steps": 1}},
        "rounds": {"r1": {"teacher": "s", "start": "s"}},
    }
    YAML(typ="safe").dump(content, Path("params.yaml"))
    artifacts.write_domain(Path("data/prepared/target.parquet"), target, labelled=False)
    artifacts.write_taxonomy(Path("data/prepared/taxonomy.json"), THREE)
    found = [sample.name for sample in target.samples]
    write_labels(LABELS, {name: full(place % 3) for place, name in enumerate(found)})
    Path("data/review").mkdir()
    rows = [f"{name},{said},\n" for name, said in zip(found, ("fix", "fix", "good"), strict=False)]
    Path("data/review/r1.csv").write_text("image,verdict,note\n" + "".join(rows))
    return found


def changed(form, name):
    """The exported label of an image with its first row as weed, as a person would leave it."""
    label = full(0)
    label[0] = 2
    module = importlib.import_module(f"pipeline.review.{form.replace('-', '_')}")
    module.write(Path("back"), Task("r1", THREE, label.shape[::-1]), {name: label}.items())
    if form == "label-studio":
        path = Path("back") / label_studio.FILE
        rows = json.loads(path.read_text())
        rows[0]["annotations"] = rows[0]["predictions"]
        path.write_text(json.dumps(rows))
    return label


@pytest.mark.parametrize("form", ["cvat", "cvat-masks", "label-studio", "coco"])
def test_what_is_to_be_fixed_goes_out_and_comes_back(form, names, target):
    told, _ = segue("annotate", "export", "r1", "out", "--format", form)
    assert "2 images of r1 and their labels" in told
    images = sorted(Path("out/images").iterdir())
    assert [path.stem for path in images] == sorted(names[:2])
    for index, name in enumerate(names[:2]):
        with Image.open(f"out/images/{name}.png") as image:
            assert np.array_equal(np.asarray(image), target.image(index))
    if form != "label-studio":  # where nobody has annotated yet
        told, _ = segue("annotate", "import", "r1", "out", "--format", form)
        assert "0 corrections" in told
        assert "2 labels are as they were" in told
        assert not CORRECTIONS.exists()
    label = changed(form, names[0])
    segue("annotate", "import", "r1", "back", "--format", form)
    (made,) = CORRECTIONS.iterdir()
    assert made.stem == names[0]
    correct.check_places(CORRECTIONS.parent, ["r1"])
    found = {made.stem: pictures.read_label_map(made, 3)}
    assert np.array_equal(correct.run([found], target, [CORRECTIONS])[names[0]], label)


def test_images_can_be_named_and_other_verdicts_taken(names):
    listed = [names[3], f"{names[2]}.png", "target/i/0.png"]
    Path("names.txt").write_text("\r\n".join(listed) + "\n\n")
    words = ("--format", "coco", "--names", "names.txt")
    segue("annotate", "export", "r1", "out", *words)
    exported = sorted(path.stem for path in Path("out/images").iterdir())
    assert exported == sorted([names[0], names[2], names[3]])
    segue("annotate", "export", "r1", "good", "--format", "coco", "--verdict", "good")
    assert [path.stem for path in Path("good/images").iterdir()] == [names[2]]


@pytest.mark.parametrize("form", ["cvat", "cvat-masks", "label-studio", "coco"])
def test_an_export_that_fails_leaves_nothing_and_can_be_run_again(form, names):
    Path("in").mkdir()
    lost = LABELS / f"{names[1]}.png"
    lost.rename("kept.png")
    refusal("annotate", "export", "r1", "in/out", "--format", form)
    assert [*Path("in").iterdir()] == []
    Path("kept.png").rename(lost)
    segue("annotate", "export", "r1", "in/out", "--format", form)
    assert [path.name for path in Path("in").iterdir()] == ["out"]


def test_what_is_refused_at_export_writes_nothing(names):
    Path("names.txt").write_text("nobody\n")
    said = {
        ("r9", "out"): "rounds.r9: no such round; choose r1",
        ("r1", "data"): "data: is there already; name a new folder",
        ("r1", "out", "--names", "names.txt"): "names.txt: 'nobody': no target image",
        ("r1", "out", "--verdict", "exclude"): "r1.csv: no image has the verdict exclude",
    }
    for words, told in said.items():
        assert told in refusal("annotate", "export", *words, "--format", "coco")
    assert not Path("out").exists()
    shutil.rmtree(LABELS)
    told = refusal("annotate", "export", "r1", "out", "--format", "coco")
    assert "is not made yet; run dvc repro pseudo_label@r1" in told


def test_without_rounds_there_is_nothing_to_annotate(names):
    Path("params.yaml").write_text("rounds: {}\n")
    told = refusal("annotate", "export", "r1", "out", "--format", "coco")
    assert told == "params.yaml: rounds.r1: no such round; there are none yet"


def test_labels_that_were_checked_are_taken_where_that_is_asked_for(names):
    segue("annotate", "export", "r1", "out", "--format", "coco")
    segue("annotate", "import", "r1", "out", "--format", "coco", "--unchanged")
    assert sorted(path.stem for path in CORRECTIONS.iterdir()) == sorted(names[:2])


def test_another_correction_is_replaced_only_where_that_is_asked_for(names):
    write_labels(CORRECTIONS, {names[0]: full(1)})
    label = changed("coco", names[0])
    words = ("annotate", "import", "r1", "back", "--format", "coco")
    assert f"{names[0]}.png: is another correction" in refusal(*words)
    assert (pictures.read_label_map(CORRECTIONS / f"{names[0]}.png", 3) == 1).all()
    segue(*words, "--replace")
    assert np.array_equal(pictures.read_label_map(CORRECTIONS / f"{names[0]}.png", 3), label)
    segue(*words)  # the same again


def test_an_image_that_is_refused_does_not_lose_the_others(names):
    changed("coco", names[0])
    path = Path("back/annotations/instances_default.json")
    content = json.loads(path.read_text())
    content["images"].append({**content["images"][0], "id": 9, "file_name": "nobody.png"})
    path.write_text(json.dumps(content))
    told = refusal("annotate", "import", "r1", "back", "--format", "coco")
    assert told == "back: 'nobody': no target image has this name; keep the names"
    assert [made.stem for made in CORRECTIONS.iterdir()] == [names[0]]


def test_of_an_image_that_comes_twice_the_first_counts_and_that_is_told(names):
    label = changed("coco", names[0])
    path = Path("back/annotations/instances_default.json")
    content = json.loads(path.read_text())
    content["images"].append({**content["images"][0], "id": 9})
    path.write_text(json.dumps(content))
    for more in ((), ("--replace",)):
        told = refusal("annotate", "import", "r1", "back", "--format", "coco", *more)
        assert told == f"back: '{names[0]}' comes twice, and the first counts; keep one of the two"
        assert np.array_equal(pictures.read_label_map(CORRECTIONS / f"{names[0]}.png", 3), label)


def test_corrections_that_have_no_class_are_counted(names):
    changed("coco", names[0])
    path = Path("back/annotations/instances_default.json")
    content = json.loads(path.read_text())
    words = ("annotate", "import", "r1", "back", "--format", "coco", "--replace")
    assert "no class at all" not in segue(*words)[0]
    path.write_text(json.dumps({**content, "annotations": []}))
    assert "1 of them have no class at all; delete those that nobody" in segue(*words)[0]


def test_a_folder_without_labels_is_told(names):
    Path("back").mkdir()
    told = refusal("annotate", "import", "r1", "back", "--format", "cvat-masks")
    assert "back: holds no label; look at --format" in told

"""The generate stage: streets on disk as the real data sets lie there."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline import streets
from pipeline.domain.labels import read_label
from pipeline.domain.pixels import Coding, read_image
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.stages import generate

STYLE = streets.STYLES[-1]


def params(layout="gta5", **changes):
    given = {"style": STYLE, "layout": layout, "images": 4, "width": 48, "height": 32, "seed": 3}
    return generate.Params.model_validate(given | changes)


def read(layout, root, **options):
    """Every image and its train ids, as the real data set's reader decodes them."""
    dataset = parts.build("datasets", layout, options, root=root)
    coding = Coding(CITYSCAPES.ids(dataset.values), dataset.encoding)
    return [
        (read_image(root / pair.image), read_label(root / pair.label, coding))
        for pair in dataset.pairs()
    ]


def scene(index, style=STYLE):
    return streets.render(style, 3, index, 48, 32)


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.png")
    }


def test_gta5_is_read_by_its_reader_as_it_was_rendered(tmp_path):
    generate.run(params("gta5"), tmp_path / "out")
    found = read("gta5", tmp_path / "out")
    assert len(found) == 4
    for index, (image, label) in enumerate(found):
        assert np.array_equal(image, scene(index)[0])
        assert np.array_equal(label, scene(index)[1])


def test_cityscapes_is_read_by_its_reader_as_it_was_rendered(tmp_path):
    generate.run(params("cityscapes", val=3), tmp_path)
    splits = {split: read("cityscapes", tmp_path, split=split) for split in ("train", "val")}
    assert [len(found) for found in splits.values()] == [4, 3]
    rendered = {scene(index)[0].tobytes(): scene(index)[1] for index in range(4)}
    for image, label in splits["train"]:
        assert np.array_equal(label, rendered[image.tobytes()])
    assert not {image.tobytes() for image, _ in splits["val"]} & rendered.keys()


def test_gta5_labels_are_palettes_of_label_ids(tmp_path):
    generate.run(params("gta5"), tmp_path)
    with Image.open(tmp_path / "labels/00001.png") as label:
        assert label.mode == "P"
        ids, colours = np.asarray(label), np.asarray(label.convert("RGB"))
    road = np.argwhere(ids == 7)
    assert len(road) > 0
    assert tuple(colours[tuple(road[0])]) == CITYSCAPES.colours[0]
    assert not colours[ids == 1].any()


def test_cityscapes_labels_are_single_channels_under_the_usual_names(tmp_path):
    generate.run(params("cityscapes", val=1), tmp_path)
    names = sorted(hashes(tmp_path))
    assert "leftImg8bit/train/aldersum/aldersum_000000_000019_leftImg8bit.png" in names
    assert "gtFine/train/aldersum/aldersum_000001_000019_gtFine_labelIds.png" in names
    assert "gtFine/val/dornfeld/dornfeld_000000_000019_gtFine_labelIds.png" in names
    for path in (tmp_path / "gtFine").rglob("*.png"):
        with Image.open(path) as label:
            assert label.mode == "L"


def test_the_ego_vehicle_has_its_own_label_id():
    table = generate._label_ids()
    assert table[255] == 1
    assert [table[i] for i in (0, 10, 18)] == [7, 23, 33]


@pytest.mark.parametrize("layout", ["gta5", "cityscapes"])
def test_the_same_params_give_the_same_bytes_and_another_seed_others(layout, tmp_path):
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        generate.run(params(layout, seed=seed), tmp_path / name)
    first, second, other = (hashes(tmp_path / name) for name in ("first", "second", "other"))
    assert first == second
    assert first.keys() == other.keys()
    assert not {h for k, h in first.items() if "eftImg" in k or "images/" in k} & {*other.values()}


def test_more_images_to_train_on_leave_the_others_as_they_were(tmp_path):
    generate.run(params("cityscapes", images=2, val=2), tmp_path / "small")
    generate.run(params("cityscapes", images=5, val=2), tmp_path / "large")
    assert hashes(tmp_path / "small").items() <= hashes(tmp_path / "large").items()


def test_a_folder_with_files_in_it_is_refused(tmp_path):
    (tmp_path / "old.png").touch()
    with pytest.raises(BadInput, match="not empty"):
        generate.run(params("gta5"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style": "manga"}, "no such style; choose"),
        ({"layout": "kitti"}, "gta5"),
        ({"val": 2}, "the layout gta5 has no val"),
        ({"images": 0}, "greater than or equal to 1"),
        ({"width": 8}, "greater than or equal to 16"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_params_are_validated(changes, message):
    with pytest.raises(ValidationError, match=message):
        params(**changes)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_stage_leaves_no_worker_behind(tmp_path):
    world = {"style": STYLE, "layout": "gta5", "images": 9999, "width": 64, "height": 32}
    YAML().dump({"seed": 3, "generate": {"game": world}}, tmp_path / "params.yaml")
    command = [sys.executable, "-m", "pipeline.stages.generate", "game", "--out", "out"]
    path = {**os.environ, "PYTHONPATH": str(Path(generate.__file__).parents[2])}
    with subprocess.Popen(command, cwd=tmp_path, env=path, stderr=subprocess.DEVNULL) as stage:
        wait_for((tmp_path / "out/images/00001.png").exists)
        workers = Path(f"/proc/{stage.pid}/task/{stage.pid}/children").read_text().split()
        stage.kill()
    assert workers
    wait_for(lambda: not any(map(runs, workers)))


def runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(happened):
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_main_takes_one_world_and_the_seed_of_all(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    world = {"style": STYLE, "layout": "gta5", "images": 2, "width": 48, "height": 32}
    YAML(typ="safe").dump({"seed": 3, "generate": {"game": world}}, Path("params.yaml"))
    monkeypatch.setattr("sys.argv", ["generate", "game", "--out", "out"])
    generate.main()
    assert np.array_equal(read("gta5", Path("out"))[1][0], scene(1)[0])
    assert "2 images" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["generate", "film", "--out", "other"])
    with pytest.raises(BadInput, match=r"params.yaml: generate\.film\.style"):
        generate.main()

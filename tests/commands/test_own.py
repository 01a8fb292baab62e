"""segue own: what it sees in folders as people have them, and the params.yaml that it writes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.commands import _endings, _survey
from pipeline.domain.taxonomy import CITYSCAPES, LABEL_IDS, VOC, resolve
from pipeline.runtime.params import load, read
from pipeline.sections.prepare import Params
from pipeline.sections.source import Params as Source
from pipeline.stages import prepare, source
from tests import worlds
from tests.commandline import refusal, segue
from tests.scenes import save

ROOT = Path(__file__).parents[2]
SIZE = (32, 24)
N = 6


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A project of presets, and a target of N images."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "presets", "presets")
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    pairs("target/{}.png", None, seed=9)
    return tmp_path


def pairs(image, label, values=(0, 1, 2), seed=0, n=N, palette=None, keep=None):
    """Images and labels by templates of their names; label pixels are of `values`."""
    rng = np.random.default_rng(seed)
    for index in range(n):
        name = f"frame_{index:03d}"
        pixels = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
        Path(image.format(name)).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(image.format(name))
        if label and (keep is None or index in keep):
            drawn = np.array(values)[rng.integers(0, len(values), SIZE[::-1])].astype(np.uint8)
            save(Path(label.format(name)), drawn, palette)


def made(*words):
    """What it says; what it wrote passes `segue check`, and every image is good."""
    told, _ = segue("own", *words)
    assert max(map(len, told.splitlines())) <= 100 + len(str(Path.cwd()))
    assert "params.yaml is written. Look at it, then run: segue check, dvc repro" in told
    segue("check")
    return told


def prepared():
    """The domains, as the stages make them of what was written."""
    whole = prepare.run(load(Params, "prepare"))
    kept = {name: getattr(whole, name) for name in ("target", "val")}
    found = source.run(load(Source, "source.labelled"), "labelled", whole.taxonomy, kept)
    return whole, found


LAYOUTS = {
    "the same names": ("a/images/{}.jpg", "a/labels/{}.png",
                       {"images": "images", "labels": "labels"}),
    "a suffix of labels": ("a/images/{}.jpg", "a/labels/{}_train_id.png",
                           {"images": "images", "labels": "labels", "label_suffix": "_train_id"}),
    "words of both": ("a/rgb/{}_leftImg8bit.png", "a/gt/{}_labelTrainIds.png",
                      {"images": "rgb", "labels": "gt", "image_suffix": "_leftImg8bit",
                       "label_suffix": "_labelTrainIds"}),
    "an extension in the name": ("a/i/{}.jpg", "a/m/{}.jpg.png",
                                 {"images": "i", "labels": "m", "label_suffix": ".jpg.png"}),
    "one folder, by kind": ("a/{}.jpg", "a/{}.png", {"images": ".", "labels": "."}),
    "one folder, by suffix": ("a/{}.png", "a/{}_labels.png",
                              {"images": ".", "labels": ".", "label_suffix": "_labels"}),
    "a folder for each frame": ("a/{}/rgb.png", "a/{}/label.png",
                                {"images": ".", "labels": ".", "image_suffix": "rgb",
                                 "label_suffix": "label"}),
    "deep in one root": ("a/left/train/x/{}.png", "a/fine/train/x/{}.tif",
                         {"images": "left/train", "labels": "fine/train"}),
}  # fmt: skip


def top(template, images):
    """The folder that a person would name."""
    return Path("a") if images == "." else Path("a") / images


@pytest.mark.parametrize(("image", "label", "options"), LAYOUTS.values(), ids=LAYOUTS)
def test_names_match_as_they_lie(image, label, options):
    pairs(image, label)
    told = made(top(image, options["images"]), top(label, options["labels"]), "target")
    item = read()["source"]["labelled"]
    assert (item["root"], item["options"]) == ("a", options)
    whole, found = prepared()
    assert (len(found.source), len(whole.target), len(whole.val)) == (N, N, 0)
    assert found.strays == len(found.refused) == len(whole.refused) == 0
    assert whole.taxonomy.names == ("class-0", "class-1", "class-2")
    assert "no val: models are compared by signals without labels" in told


def test_a_preview_beside_a_photograph_is_told_from_it():
    pairs("a/images/{}.jpg", "a/labels/{}.png")
    for path in Path("a/images").glob("*.jpg"):
        shutil.copy(path, path.with_suffix(".bmp"))
    made("a/images", "a/labels", "target")
    assert read()["source"]["labelled"]["options"]["image_suffix"] in (".jpg", ".bmp")
    assert len(prepared()[1].source) == N


def test_label_kinds_that_lie_together_are_told_and_one_is_chosen():
    pairs("a/img/{}_leftImg8bit.png", "a/gt/{}_gtFine_labelIds.png")
    for path in sorted(Path("a/gt").glob("*.png")):
        for kind in ("color", "instanceIds"):
            shutil.copy(path, str(path).replace("labelIds", kind))
    told = made("a/img", "a/gt", "target")
    options = read()["source"]["labelled"]["options"]
    assert options["label_suffix"] == "_gtFine_labelIds"
    assert "there are other labels too, ending in _gtFine_color, _gtFine_instanceIds" in told


def test_what_is_missing_is_said():
    pairs("a/images/{}.png", "a/labels/{}.png", keep={0, 1, 2, 3})
    save(Path("a/labels/extra.png"), np.zeros(SIZE[::-1], np.uint8))
    told = made("a/images", "a/labels", "target")
    assert "source: 2 images have no label, such as images/frame_004.png, and are refused" in told
    assert "source: 1 labels have no image, such as labels/extra.png" in told
    assert f"source: {N} images of 32x24, in a" in told
    assert "labels: 4, such as images/frame_000.png with labels/frame_000.png" in told


def test_images_that_prepare_will_refuse_are_told_before():
    pairs("a/images/{}.png", "a/labels/{}.png")
    worlds.save_rgb16(Path("a/images/frame_002.png"), np.full((*SIZE[::-1], 3), 700, np.uint16))
    told, _ = segue("own", "a/images", "a/labels", "target")
    assert "source: 1 of the files looked at cannot be used: a/images/frame_002.png" in told
    assert "16 bits a channel" in told


def test_an_image_that_cannot_be_read_stops_nothing_unless_all_are_such():
    pairs("a/images/{}.png", "a/labels/{}.png")
    images = sorted(Path("a/images").iterdir())
    images[0].write_bytes(b"")
    told, _ = segue("own", "a/images", "a/labels", "target")
    assert "source: 1 of the files looked at cannot be used: a/images/frame_000.png" in told
    for path in images:
        path.write_bytes(b"")
    told = refusal("own", "a/images", "a/labels", "target")
    assert told.startswith("source: no image can be read: a/images/frame_005.png: cannot be read")


def test_labels_of_another_size_than_their_images_are_told_before_prepare_refuses_them():
    pairs("a/images/{}.png", "a/labels/{}.png")
    labels = sorted(Path("a/labels").iterdir())
    save(labels[0], np.zeros((9, 9), np.uint8))
    told, _ = segue("own", "a/images", "a/labels", "target")
    problem = "a/labels/frame_000.png: is 9x9, its image 32x24; replace one of them"
    assert f"source: 1 of the files looked at cannot be used: {problem}" in told
    for path in labels:
        save(path, np.zeros((9, 9), np.uint8))
    told = refusal("own", "a/images", "a/labels", "target")
    assert told.startswith("source: no label can be used: a/labels/frame_005.png: is 9x9")


# --- classes -------------------------------------------------------------------------------


def test_shares_of_values_are_of_their_pixels():
    pairs("a/images/{}.png", "a/labels/{}.png", (0, 0, 0, 5))
    label = np.concatenate([np.array(Image.open(p)).ravel() for p in Path("a/labels").iterdir()])
    told = made("a/images", "a/labels", "target")
    assert f"{'0':>7}  {100 * (label == 0).mean():6.2f} %" in told
    assert f"{'5':>7}  {100 * (label == 5).mean():6.2f} %" in told


@pytest.mark.parametrize(
    ("values", "classes", "label_map", "ignore"),
    [
        ((0, 255), ["background", "class-1"], {0: "background", 255: "class-1"}, []),
        ((0, 1), ["background", "class-1"], None, None),
        ((0, 1, 2, 255), ["class-0", "class-1", "class-2"], None, None),
        ((0, 3, 7), ["class-0", "class-3", "class-7"],
         {0: "class-0", 3: "class-3", 7: "class-7"}, None),
        ((0, 100, 255), ["class-0", "class-100", "class-255"],
         {0: "class-0", 100: "class-100", 255: "class-255"}, []),
        ((1, 2, 255), ["class-1", "class-2"], {1: "class-1", 2: "class-2"}, None),
    ],
)  # fmt: skip
def test_values_become_classes(values, classes, label_map, ignore):
    pairs("a/images/{}.png", "a/labels/{}.png", values)
    made("a/images", "a/labels", "target")
    options = read()["source"]["labelled"]["options"]
    assert read()["prepare"]["classes"] == classes
    assert (options.get("label_map"), options.get("ignore")) == (label_map, ignore)
    assert len(prepared()[1].source) == N


def test_two_values_are_two_classes_however_each_side_writes_them():
    pairs("a/images/{}.png", "a/labels/{}.png", (0, 255))
    pairs("v/images/{}.png", "v/labels/{}.png", (0, 1), seed=2)
    made("a/images", "a/labels", "target", "v/images", "v/labels")
    whole, found = prepared()
    assert (len(found.source), len(whole.val)) == (N, N)
    assert (found.classes["pixels"] > 0).all()
    assert (whole.classes["pixels"] > 0).all()


LABELLED = tuple(value for value, name in LABEL_IDS.items() if name)
KNOWN = {
    "labelIds": ((*LABELLED, 0, 4, 34), "cityscapes", "labelIds"),
    "train ids": ((*range(19), 255), "cityscapes", "train ids"),
    "camvid": (tuple(range(12)), "camvid", "CamVid's"),
    "voc": ((*range(21), 255), "voc", "VOC's"),
}


@pytest.mark.parametrize(("values", "classes", "told"), KNOWN.values(), ids=KNOWN)
def test_known_sets_of_values_name_their_classes(values, classes, told):
    pairs("a/images/{}.png", "a/labels/{}.png", values)
    assert told in made("a/images", "a/labels", "target")
    assert read()["prepare"]["classes"] == classes
    found = prepared()[1]
    assert len(found.source) == N
    assert (found.classes["pixels"] > 0).all()
    coding = found.source.coding.values
    if told == "labelIds":
        assert {raw: i for raw, i in coding.items() if i != 255} == {
            raw: CITYSCAPES.names.index(LABEL_IDS[raw]) for raw in LABELLED
        }


def test_a_palette_in_label_files_names_the_values():
    colours = [(0, 0, 0), *VOC.colours[1:5]]
    palette = colours + [(9, 9, 9)] * 251
    pairs("a/images/{}.png", "a/labels/{}.png", (0, 1, 2, 4), palette=palette)
    told = made("a/images", "a/labels", "target")
    assert "named by the palette of the label files, voc's" in told
    assert read()["source"]["labelled"]["options"]["label_map"] == {
        0: "background", 1: "aeroplane", 2: "bicycle", 4: "boat"
    }  # fmt: skip


# --- pictures ------------------------------------------------------------------------------


def test_colours_of_nobody_become_classes_in_their_own_colours():
    worlds.coloured(Path("a"), N, SIZE)
    told = made("a/images", "a/labels", "target")
    content = read()
    label_map = content["source"]["labelled"]["options"]["label_map"]
    assert {*label_map} == {*worlds.FOLDER_COLOURS, "#000000"}
    classes = content["prepare"]["classes"]
    assert classes == {n: c.replace("#000000", "#3c3c3c") for c, n in label_map.items()}
    black = label_map["#000000"]
    assert f'if black, {black}, is no class: take it out, with ignore: ["#000000"]' in told
    assert len(prepared()[1].source) == N
    assert resolve(classes).names == tuple(classes)


@pytest.mark.parametrize("name", ["cityscapes", "camvid", "voc"])
def test_colours_of_a_known_palette_are_named(name):
    pairs("a/images/{}.png", "a/labels/{}.png", tuple(range(8)))
    table = np.array(resolve(name).colours, np.uint8)
    table[0] = (0, 0, 0) if name == "voc" else table[0]
    for path in Path("a/labels").glob("*.png"):
        save(path, table[np.array(Image.open(path))])
    assert f"the colours are those of the palette {name}" in made("a/images", "a/labels", "target")
    assert read()["source"]["labelled"]["options"]["label_map"] == name
    assert read()["prepare"]["classes"] == name
    assert len(prepared()[1].source) == N


# --- val, and many -------------------------------------------------------------------------


def test_a_part_of_the_source_is_held_out_where_that_is_asked_for():
    pairs("a/images/{}.png", "a/labels/{}.png")
    told = made("a/images", "a/labels", "target", "--held-out", 0.3)
    assert "val is held out of the source" in told
    whole, found = prepared()
    assert (len(whole.val), len(found.source), found.held_out) == (2, 4, 2)


def test_val_has_the_classes_of_both():
    pairs("a/images/{}.png", "a/labels/{}.png", (0, 1, 2))
    pairs("v/images/{}.png", "v/labels/{}.png", (0, 1, 5), seed=3)
    told = made("a/images", "a/labels", "target", "v/images", "v/labels")
    assert read()["prepare"]["classes"] == ["class-0", "class-1", "class-2", "class-5"]
    assert "only val has 5" in told
    assert "only the source has 2" in told
    assert len(prepared()[0].val) == N


def test_of_many_labels_some_are_looked_at_and_it_says_so(monkeypatch):
    monkeypatch.setattr(_survey, "MOST", 4)
    pairs("a/images/{}.png", "a/labels/{}.png")
    told = made("a/images", "a/labels", "target")
    assert "looked at 4 of them, always the same ones; dvc repro checks all" in told
    items = [*range(50)]
    assert _survey.drawn(items) == _survey.drawn(items) == sorted(_survey.drawn(items))
    assert len({*_survey.drawn(items)}) == 4


def test_images_are_worked_at_in_their_proportions():
    rng = np.random.default_rng(0)
    for index in range(N):
        save(Path(f"big/{index}.png"), rng.integers(0, 256, (600, 1000, 3), np.uint8))
    pairs("a/images/{}.png", "a/labels/{}.png")
    told = made("a/images", "a/labels", "big")
    item = read()["prepare"]["target"]
    assert (item["width"], item["height"]) == (320, 192)
    assert f"target: {N} images of 1000x600, in big\n  working size: 320x192" in told
    assert read()["training"]["augment"]["crop_width"] == 32
    made("a/images", "a/labels", "big", "--side", 100)
    assert read()["prepare"]["target"]["height"] == 60


# --- what was there, and what cannot be ----------------------------------------------------


def test_a_params_file_of_yours_is_kept(folder):
    pairs("a/images/{}.png", "a/labels/{}.png")
    assert "the old params.yaml" not in made("a/images", "a/labels", "target")  # a preset's
    assert "the old params.yaml" not in made("a/images", "a/labels", "target")  # the same
    edited = Path("params.yaml").read_text().replace("class-0", "soil")
    Path("params.yaml").write_text(edited)
    told = made("a/images", "a/labels", "target")
    assert "the old params.yaml is now params.previous.yaml" in told
    assert Path("params.previous.yaml").read_text() == edited


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a/images", "nowhere", "target"), "nowhere: no such folder"),
        (("a/images", "a/labels", "a/empty"), "a/empty: no images here"),
        (("a/empty", "a/labels", "target"), "a/empty: holds no image (.png"),
        (("a/images", "a/jpegs", "target"), "holds no label (.png, .bmp, .tif, .tiff), but 1 such"),
        (("a/images", "a/others", "target"), "others: no name here is of an image in a/images"),
        (("a/images", "a/labels", "a/images"), "all images of source are target's too"),
        (("a/images", "a/labels", "target", "--presets", "nowhere"),
         "nowhere/own-data.yaml: cannot be read as a preset"),
        (("a/images", "a/labels", "target", "v"), "v: give val's labels too"),
        (("a/images", "a/labels", "target", "a/images", "a/labels", "--held-out", "0.1"),
         "there is a val of your own; leave one of them out"),
        (("a/images", "a/labels", "target", "--held-out", "0"),
         "--held-out 0.0: must be above 0 and below 1, such as 0.1"),
        (("a/images", "a/labels", "target", "--held-out", "1"), "--held-out 1.0: must be above 0"),
        (("mine", "yours", "target"), "which holds more than data; link them below a folder"),
        (("a/images", "a/noise", "target"), "no label can be used"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(words, message, folder):
    pairs("a/images/{}.png", "a/labels/{}.png")
    pairs("mine/{}.png", "yours/{}.png")
    for name in ("a/empty", "a/jpegs", "data/prepared"):
        Path(name).mkdir(parents=True)
    save(Path("a/others/z.png"), np.zeros(SIZE[::-1], np.uint8))
    Image.fromarray(np.zeros(SIZE[::-1], np.uint8)).save("a/jpegs/frame_000.jpg")
    for index in range(N):
        noise = np.random.default_rng(index).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        save(Path(f"a/noise/frame_{index:03d}.png"), noise)
    before = Path("params.yaml").read_bytes()
    assert message in refusal("own", *words)
    assert Path("params.yaml").read_bytes() == before
    assert not Path("params.previous.yaml").exists()


@pytest.mark.parametrize(("given", "message"), [
    ("nowhere", "nowhere: no such folder"),
    ("target/frame_000.png", "target/frame_000.png: no such folder"),
    ("empty", "empty: no images here (.png, .jpg, .jpeg, .webp, .bmp, .tif, .tiff)"),
])  # fmt: skip
def test_of_a_target_without_images_nothing_is_said_that_a_command_cannot_be_told(given, message):
    pairs("a/images/{}.png", "a/labels/{}.png")
    Path("empty").mkdir()
    assert refusal("own", "a/images", "a/labels", given) == message


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_folder_that_params_cannot_name_is_told(place):
    pairs("a/images/{}.png", "a/labels/{}.png")
    words = ["a/images", "a/labels", "target"]
    odd = os.fsdecode(b"a/\xff")
    Path(words[place]).rename(odd)
    words[place] = odd
    assert refusal("own", *words) == r"'a/\udcff': is no UTF-8, as params.yaml is; rename it"


def test_folders_of_no_common_root_are_told_how_to_get_one(folder):
    pairs("mine/{}.png", "yours/{}.png")
    told = refusal("own", "mine", "yours", "target")
    lines = [line.split() for line in told.splitlines()[1:]]
    assert lines[0][:2] == ["mkdir", "-p"]
    place = Path(lines[0][2])
    place.mkdir(parents=True)
    for _, _, target, link in lines[1:]:
        Path(link).symlink_to(target)
    made(place / "images", place / "labels", "target")
    assert len(prepared()[1].source) == N


def test_words_are_not_cut():
    assert _endings.shared("x_leftImg8bit.png", "x_labelIds.png") == "x"
    assert _endings.shared("21_training.tif", "21_manual1.gif") == "21"
    assert _endings.shared("1/rgb.png", "1/label.png") == "1/"
    assert _endings.shared("a0.png", "a0_labels.png") == "a0"

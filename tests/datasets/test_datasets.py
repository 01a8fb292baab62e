"""Every data set reads its real layout, by one contract; then each one's own traps."""

import inspect
import json
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.domain.labels import read_label, read_raw, read_region
from pipeline.domain.palettes import PALETTES
from pipeline.domain.pixels import COLOUR, INDEX, RED16, Coding, read_image
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import CAMVID, IGNORE, Taxonomy, resolve
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests import drives, eyes, worlds

CAMVID_ROOT = Path("../shared/camvid")
REAL_LISTS = sorted(path.name for path in CAMVID_ROOT.glob("*.txt"))
IDD_LITE = Path("../shared/idd-lite")
IDD_SPLITS = sorted({"train", "val"} & {path.stem for path in IDD_LITE.glob("*.txt")})


def build(reader, root, classes="cityscapes", **options):
    return parts.build("datasets", reader, options, root=root, classes=resolve(classes))


def fabricated(reader, root, n=5):
    options = getattr(worlds, reader)(root, n)
    return build(reader, root, worlds.CLASSES[reader], **options)


@pytest.fixture(params=[*worlds.CLASSES])
def reader(request):
    return request.param


def test_every_reader_has_a_world_but_the_one_of_nothing(tmp_path):
    assert {*parts.names("datasets")} - {*worlds.CLASSES} == {"none"}
    assert build("none", tmp_path).pairs() == []


def test_pairs_are_sorted_relative_and_there(reader, tmp_path):
    dataset = fabricated(reader, tmp_path)
    pairs = dataset.pairs()
    assert pairs == sorted(pairs, key=lambda pair: pair.image)
    assert len(pairs) >= 5
    for pair in pairs:
        assert pair.label is not None
        for path in (pair.image, pair.label):
            assert not Path(path).is_absolute()
            assert (tmp_path / path).is_file()


def test_every_label_decodes_to_known_classes(reader, tmp_path):
    dataset = fabricated(reader, tmp_path)
    taxonomy = resolve(worlds.CLASSES[reader])
    coding = Coding(taxonomy.ids(dataset.values), dataset.encoding)
    seen = set()
    for pair in dataset.pairs():
        label = read_label(tmp_path / pair.label, coding)
        assert label.dtype == np.uint8
        assert label.ndim == read_image(tmp_path / pair.image).ndim - 1
        seen |= set(np.unique(label))
    assert seen <= {*range(len(taxonomy)), IGNORE}
    assert len(seen - {IGNORE}) >= min(3, len(taxonomy))


def test_values_mean_names_or_nothing(reader, tmp_path):
    dataset = fabricated(reader, tmp_path)
    assert dataset.encoding in (INDEX, RED16)
    named = {name for name in dataset.values.values() if name is not None}
    assert named
    assert named <= set(resolve(worlds.CLASSES[reader]).names) | set(resolve("cityscapes").names)


def test_a_missing_label_is_none(reader, tmp_path):
    dataset = fabricated(reader, tmp_path)
    first = dataset.pairs()[0]
    (tmp_path / first.label).unlink()
    assert dataset.pairs()[0] == replace(first, label=None)


def test_an_empty_folder_is_refused_by_name_and_layout(reader, tmp_path):
    options = getattr(worlds, reader)(tmp_path / "full", 1)
    dataset = build(reader, tmp_path / "empty", worlds.CLASSES[reader], **options)
    with pytest.raises(BadInput, match="expected ") as error:
        dataset.pairs()
    assert str(tmp_path / "empty") in str(error.value)


def test_unknown_options_are_refused(reader, tmp_path):
    with pytest.raises(BadInput, match=f"{reader}: no option 'colour'"):
        build(reader, tmp_path, worlds.CLASSES[reader], colour="red")


# --- gta5, synthia, cityscapes -------------------------------------------------------------


def test_files_that_a_system_hides_are_no_images(tmp_path):
    worlds.gta5(tmp_path, 1)
    (tmp_path / "images/._00001.png").write_bytes(b"resource fork")
    assert len(build("gta5", tmp_path).pairs()) == 2


def test_folders_behind_links_are_read_and_a_link_that_goes_round_ends(tmp_path):
    worlds.folder(tmp_path / "data", 4)
    names = worlds.CLASSES["folder"]
    plain = build("folder", tmp_path / "data", names).pairs()
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "west").rename(tmp_path / f"west-{kind}")
        (tmp_path / "data" / kind / "west").symlink_to(tmp_path / f"west-{kind}")
    (tmp_path / "west-images/round").symlink_to(tmp_path / "data")
    (tmp_path / "data/images/again").symlink_to("..")
    found = build("folder", tmp_path / "data", names).pairs()
    assert {*plain} <= {*found}  # and what lies behind `round`, once
    assert len(plain) == 4


def test_gta5_and_cityscapes_share_their_label_ids(tmp_path):
    gta5, cityscapes = build("gta5", tmp_path), build("cityscapes", tmp_path, split="val")
    assert gta5.values == cityscapes.values
    assert gta5.values[7] == "road"
    assert gta5.values[34] is None


def test_synthia_reads_the_class_and_not_the_instance(tmp_path):
    worlds.synthia(tmp_path, 1)
    raw = read_raw(tmp_path / "GT/LABELS/0000000.png", RED16)
    assert set(np.unique(raw)) <= {0, 22, 13, 14, *worlds.SYNTHIA_ID.values()}


def test_synthia_maps_every_class_it_names_to_the_one_of_cityscapes(tmp_path):
    ids = resolve("cityscapes").ids(build("synthia", tmp_path).values)
    published = {3: 0, 4: 1, 2: 2, 21: 3, 5: 4, 7: 5, 15: 6, 9: 7, 6: 8, 16: 9, 1: 10, 10: 11}
    published |= {17: 12, 8: 13, 18: 14, 19: 15, 20: 16, 12: 17, 11: 18}
    ignored = {0: IGNORE, 13: IGNORE, 14: IGNORE, 22: IGNORE}
    assert ids == published | ignored


@pytest.mark.parametrize(("given", "meaning"), [(False, None), (True, "road")])
def test_synthia_lane_markings_are_road_where_asked(given, meaning, tmp_path):
    assert build("synthia", tmp_path, lane_marking_is_road=given).values[22] == meaning


def test_cityscapes_keeps_its_splits_apart(tmp_path):
    worlds.cityscapes(tmp_path, 3, split="train")
    worlds.cityscapes(tmp_path, 2, split="val")
    assert [len(build("cityscapes", tmp_path, split=s).pairs()) for s in ("train", "val")] == [3, 2]
    with pytest.raises(BadInput, match="leftImg8bit/test"):
        build("cityscapes", tmp_path, split="test").pairs()
    with pytest.raises(BadInput, match="option split='day'"):
        build("cityscapes", tmp_path, split="day")


@pytest.mark.parametrize("beta", [0.005, 0.01, 0.02])
def test_foggy_cityscapes_is_read_at_one_density(beta, tmp_path):
    options = worlds.cityscapes(tmp_path, 3, beta=beta)
    pairs = build("cityscapes", tmp_path, **options).pairs()
    assert len(pairs) == 3
    for pair in pairs:
        assert pair.image.startswith("leftImg8bit_foggy/train/")
        assert pair.image.endswith(f"_leftImg8bit_foggy_beta_{beta}.png")
        assert (tmp_path / pair.label).is_file()
    with pytest.raises(BadInput, match="leftImg8bit/train: no such folder"):
        build("cityscapes", tmp_path, split="train").pairs()


def test_fog_of_no_density_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"beta=0.05: choose 0.005, 0.01, 0.02"):
        build("cityscapes", tmp_path, split="train", beta=0.05)


# --- several splits ------------------------------------------------------------------------

SPLITS = {
    "cityscapes": ("train", "val"), "drive": ("training", "test"), "chase_db1": ("train", "test"),
    "camvid": ("train", "val"),
}  # fmt: skip
WITH_SPLIT = [
    name for name in parts.names("datasets")
    if "split" in inspect.signature(parts.find("datasets", name)).parameters and name != "folder"
]  # fmt: skip


@pytest.mark.parametrize("reader", WITH_SPLIT)
def test_a_split_may_be_one_of_a_list(reader, tmp_path):
    options = getattr(worlds, reader)(tmp_path, 4)
    options.pop("list", None)
    split = options.pop("split", "train")
    alone, *lists = (
        build(reader, tmp_path, worlds.CLASSES[reader], **options, split=given)
        for given in (split, [split], [split, split])
    )
    assert alone.pairs()
    for one in lists:
        assert one.pairs() == alone.pairs()
    with pytest.raises(BadInput, match=r"option split=\[\]"):
        build(reader, tmp_path, worlds.CLASSES[reader], **options, split=[])


@pytest.mark.parametrize(("reader", "splits"), SPLITS.items())
def test_several_splits_are_all_of_each(reader, splits, tmp_path):
    for count, split in enumerate(splits, 2):
        getattr(worlds, reader)(tmp_path, count, split=split)
    both, *each = (
        build(reader, tmp_path, worlds.CLASSES[reader], split=given)
        for given in ([*splits], *splits)
    )
    assert both.pairs() == sorted(chain(*(one.pairs() for one in each)), key=lambda p: p.image)
    assert len(both.pairs()) == 2 + 3 + 2 * (reader == "camvid")  # a list leaves one of each out


def test_strays_of_several_splits_are_all_told_of(tmp_path):
    options = worlds.mapillary(tmp_path, 2)
    (tmp_path / "training").rename(tmp_path / "validation")
    worlds.mapillary(tmp_path, 3)
    for split in ("training", "validation"):
        next((tmp_path / split / "images").glob("*.jpg")).unlink()
    dataset = build("mapillary", tmp_path, split=["training", "validation"],
                    release=options["release"])  # fmt: skip
    assert [name.split("/")[0] for name in dataset.strays()] == ["training", "validation"]
    assert len(dataset.pairs()) == 3


# --- photographs of the retina -------------------------------------------------------------


def test_drive_is_read_as_shipped_and_as_pngs_of_one_name(tmp_path):
    eyes.drive(tmp_path / "shipped", 2)
    eyes.drive_of_one_name(tmp_path / "png", 2)
    assert build("drive", tmp_path / "shipped", "vessels", split="training").pairs()[0] == Pair(
        "training/images/21_training.tif", "training/1st_manual/21_manual1.gif",
        region="training/mask/21_training_mask.gif",
    )  # fmt: skip
    assert build("drive", tmp_path / "png", "vessels", split="training").pairs()[0] == Pair(
        "images/21_training.png", "labels/21_training.png", region="fov/21_training.png"
    )


def test_drive_to_test_may_have_masks_and_no_labels(tmp_path):
    options = eyes.drive(tmp_path, 2, split="test")
    for kind in ("1st_manual", "2nd_manual"):
        shutil.rmtree(tmp_path / "test" / kind)
    pairs = build("drive", tmp_path, "vessels", **options).pairs()
    assert [(pair.label, pair.region) for pair in pairs] == [
        (None, f"test/mask/{number}_test_mask.gif") for number in (21, 22)
    ]


def test_a_mask_that_is_missing_is_named_all_the_same(tmp_path):
    options = eyes.drive_of_one_name(tmp_path, 2)
    (tmp_path / "fov/21_training.png").unlink()
    assert build("drive", tmp_path, "vessels", **options).pairs()[0].region == "fov/21_training.png"


@pytest.mark.parametrize("write", [eyes.chase_db1, eyes.chase_db1_in_folders])
def test_chase_db1_is_split_by_child(write, tmp_path):
    for split, eyes_of in (("train", 20), ("test", 8)):
        write(tmp_path, eyes_of, split=split)
    for split, children in (("train", range(1, 11)), ("test", range(11, 15))):
        pairs = build("chase_db1", tmp_path, "vessels", split=split).pairs()
        names = [f"Image_{child:02d}{side}" for child in children for side in "LR"]
        assert [Path(pair.image).stem for pair in pairs] == names
        assert [Path(pair.label).stem[:9] for pair in pairs] == names
        assert all(pair.region == pair.image for pair in pairs)


@pytest.mark.parametrize(
    "write",
    [eyes.drive, eyes.drive_of_one_name, eyes.chase_db1, eyes.chase_db1_in_folders],
    ids=lambda write: write.__name__,
)
def test_vessels_and_what_the_camera_sees_are_read_in_every_layout(write, tmp_path):
    name = "drive" if "drive" in write.__name__ else "chase_db1"
    dataset = build(name, tmp_path, "vessels", **write(tmp_path, 1, (180, 160)))
    coding = Coding(resolve("vessels").ids(dataset.values), dark=getattr(dataset, "dark", 0))
    (pair,) = dataset.pairs()
    label = read_label(tmp_path / pair.label, coding)
    assert {*np.unique(label)} == {0, 1}
    assert label[0, 0] == 1
    region = read_region(tmp_path / pair.region, coding)
    off = (region != eyes.disc((180, 160))).mean()
    assert off < 0.02 if name == "chase_db1" else off == 0  # JPEG blurs the edge
    assert region.dtype == bool


# --- data sets of driving that are used as targets -----------------------------------------

RELEASES = [
    ("bdd100k", {"release": "seg"}), ("mapillary", {"release": "v2.0"}),
    ("mapillary", {"release": "v1.1"}), ("idd", {"ids": "ids"}), ("idd", {"ids": "csTrainIds"}),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "chosen"), RELEASES)
def test_every_release_is_read(reader, chosen, tmp_path):
    options = getattr(worlds, reader)(tmp_path, 4, **chosen)
    dataset = build(reader, tmp_path, **options)
    coding = Coding(resolve("cityscapes").ids(dataset.values))
    pairs = dataset.pairs()
    assert len(pairs) == 4
    found = [read_label(tmp_path / pair.label, coding) for pair in pairs]
    assert len({*np.unique(found)} - {IGNORE}) >= 4


@pytest.mark.parametrize("reader", [*worlds.CLASSES])
def test_nothing_that_lies_beside_is_taken_for_an_image_or_a_label(reader, tmp_path):
    dataset = fabricated(reader, tmp_path)
    pairs = dataset.pairs()
    assert len(pairs) == 5 + (reader == "gta5")  # its last pair does not fit
    assert not getattr(dataset, "strays", dict)()
    names = [name for pair in pairs for name in (pair.image, pair.label)]
    assert not [n for n in names if "olor" in n or "nst" in n or "/." in n or n.endswith("json")]


def test_acdc_reads_all_conditions_or_one(tmp_path):
    options = worlds.acdc(tmp_path, 6)
    assert len(build("acdc", tmp_path, **options).pairs()) == 6
    night = build("acdc", tmp_path, **options, condition="night").pairs()
    assert len(night) == 2
    assert {pair.image.split("/")[1] for pair in night} == {"night"}
    with pytest.raises(BadInput, match="option condition='dusk'"):
        build("acdc", tmp_path, **options, condition="dusk")


def test_acdc_has_two_maps_of_ids(tmp_path):
    options = worlds.acdc(tmp_path, 4)
    pair = build("acdc", tmp_path, **options, ids="labelIds").pairs()[0]
    assert pair.label.endswith("_gt_labelIds.png")
    values = {ids: build("acdc", tmp_path, **options, ids=ids).values for ids in
              ("labelIds", "labelTrainIds")}  # fmt: skip
    assert (values["labelIds"][7], values["labelTrainIds"][0]) == ("road", "road")


def test_dark_zurich_has_no_labels_to_train(tmp_path):
    worlds.dark_zurich(tmp_path, 2)
    train = build("dark_zurich", tmp_path, split="train", time="day").pairs()
    assert train == [Pair("rgb_anon/train/day/GOPR0345/a_rgb_anon.png", None)]


def test_idd_names_each_value_of_its_public_code(tmp_path):
    dataset = {ids: build("idd", tmp_path, split="train", ids=ids) for ids in drives.IDD_IDS}
    assert len(dataset["level3Ids"].values) == 27
    assert len(dataset["ids"].values) == 41
    for ids, one in dataset.items():
        named = {name for name in one.values.values() if name}
        missing = {"level3Ids": {"terrain", "train"}, "ids": set(), "csTrainIds": set()}[ids]
        assert named == {*resolve("cityscapes").names} - missing


def test_mapillary_means_what_its_list_says(tmp_path):
    options = worlds.mapillary(tmp_path, 1)
    values = build("mapillary", tmp_path, **options).values
    assert [*values.values()] == [*drives.MAPILLARY.values()]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("object--traffic-light--general-upright", "traffic light"),
     ("marking--discrete--text", "road"), ("marking-only--discrete--text", "road"),
     ("construction--flat--road-shoulder", "road"), ("construction--flat--driveway", None),
     ("human--person--person-group", "person"), ("object--vehicle--vehicle-group", None),
     ("object--traffic-sign--direction-back", None), ("human--rider--bicyclist", "rider")],
)  # fmt: skip
def test_mapillary_names_of_its_second_release(name, meaning, tmp_path):
    options = worlds.mapillary(tmp_path, 1, release="v2.0")
    (tmp_path / "config_v2.0.json").write_text(json.dumps({"labels": [{"name": name}]}))
    assert build("mapillary", tmp_path, **options).values == {0: meaning}


@pytest.mark.parametrize("content", [None, "{", "[]", '{"labels": [{"id": 1}]}'])
def test_mapillary_needs_its_list(content, tmp_path):
    options = worlds.mapillary(tmp_path, 1)
    (tmp_path / "config_v1.2.json").unlink()
    if content is not None:
        (tmp_path / "config_v1.2.json").write_text(content)
    with pytest.raises(BadInput, match=r"config_v1.2.json: cannot be read as Mapillary's list"):
        _ = build("mapillary", tmp_path, **options).values


@pytest.mark.parametrize("split", IDD_SPLITS)
def test_the_real_idd_lite_under_other_names_is_a_folder(split):
    dataset = build(
        "folder", IDD_LITE, "idd_lite", images=f"images/{split}", labels=f"labels/{split}"
    )
    pairs = dataset.pairs()
    assert len(pairs) == len((IDD_LITE / f"{split}.txt").read_text().split())
    assert not dataset.strays()
    coding = Coding(resolve("idd_lite").ids(dataset.values))
    assert {*np.unique(read_label(IDD_LITE / pairs[0].label, coding))} <= {*range(7), IGNORE}


# --- camvid --------------------------------------------------------------------------------


def test_camvid_reads_what_its_list_names(tmp_path):
    worlds.camvid(tmp_path, 3)
    (tmp_path / "one.txt").write_text("\ntrain/0016E5_00002.png\n\n")
    pairs = build("camvid", tmp_path, "camvid", list="one.txt").pairs()
    assert pairs == [Pair("train/0016E5_00002.png", "trainannot/0016E5_00002.png")]


def test_camvid_reads_a_whole_folder(tmp_path):
    worlds.camvid(tmp_path, 2, split="val")
    worlds.camvid(tmp_path, 1, split="train")
    dataset = build("camvid", tmp_path, "camvid", split="val")
    names = [f"0016E5_0000{index}.png" for index in range(3)]
    assert dataset.pairs() == [Pair(f"val/{name}", f"valannot/{name}") for name in names]
    assert dataset.strays() == {}
    (tmp_path / "val" / names[0]).unlink()
    assert dataset.strays() == {f"valannot/{names[0]}": f"val/{names[0]}"}


def test_camvid_values_are_its_class_ids(tmp_path):
    assert CAMVID.ids(build("camvid", tmp_path, "camvid", list="x").values) == {
        **{raw: raw for raw in range(11)},
        11: IGNORE,
    }


@pytest.mark.parametrize("entry", ["../x.png", "/SegNet/x.png", "train/../../x.png", "x.png"])
def test_camvid_lists_stay_inside_the_root(entry, tmp_path):
    (tmp_path / "bad.txt").write_text(f"train/a.png\n{entry}\n")
    with pytest.raises(BadInput) as error:
        build("camvid", tmp_path, "camvid", list="bad.txt").pairs()
    assert f"{tmp_path / 'bad.txt'}: line 2: {entry!r}" in str(error.value)


def test_camvid_lists_name_something(tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(BadInput, match=r"empty\.txt: names no images"):
        build("camvid", tmp_path, "camvid", list="empty.txt").pairs()
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\xff")
    with pytest.raises(BadInput, match=r"image\.txt: cannot be read"):
        build("camvid", tmp_path, "camvid", list="image.txt").pairs()


@pytest.mark.parametrize("options", [{}, {"list": "x.txt", "split": "val"}])
def test_camvid_needs_a_list_or_a_split(options, tmp_path):
    with pytest.raises(BadInput, match=r"camvid: give one of the options split and list"):
        build("camvid", tmp_path, "camvid", **options)


@pytest.mark.parametrize("name", REAL_LISTS)
def test_the_real_camvid_is_all_there(name):
    dataset = build("camvid", CAMVID_ROOT, "camvid", list=name)
    pairs = dataset.pairs()
    assert len(pairs) == len((CAMVID_ROOT / name).read_text().split())
    label = read_label(CAMVID_ROOT / pairs[0].label, Coding(CAMVID.ids(dataset.values)))
    assert label.shape == read_image(CAMVID_ROOT / pairs[0].image).shape[:2]


# --- folder --------------------------------------------------------------------------------

FIELD = Taxonomy(worlds.FOLDER_NAMES, ((0, 0, 0),) * 3)


def own(root, **options):
    return parts.build("datasets", "folder", options, root=root, classes=FIELD)


def test_folder_matches_by_stem_whatever_the_suffix(tmp_path):
    worlds.folder(tmp_path, 4)
    assert own(tmp_path).pairs() == [
        Pair("images/east/field.0.png", "labels/east/field.0.png"),
        Pair("images/east/field.2.webp", "labels/east/field.2.png"),
        Pair("images/west/field.1.JPG", "labels/west/field.1.png"),
        Pair("images/west/field.3.bmp", "labels/west/field.3.png"),
    ]


def test_folder_without_labels(tmp_path):
    worlds.folder(tmp_path, 2)
    assert all(pair.label is None for pair in own(tmp_path, labels=None).pairs())
    with pytest.raises(BadInput, match="truth: no such folder"):
        own(tmp_path, labels="truth").pairs()


def test_folder_of_images_may_hold_that_of_labels(tmp_path):
    worlds.save(tmp_path / "x.jpg", np.zeros((8, 8, 3), np.uint8))
    worlds.save(tmp_path / "labels/x.png", np.zeros((8, 8), np.uint8))
    worlds.save(tmp_path / ".thumbnails/x.png", np.zeros((8, 8), np.uint8))
    assert own(tmp_path, images=".").pairs() == [Pair("x.jpg", "labels/x.png")]


def test_folder_reads_the_splits_that_are_asked_for(tmp_path):
    files(tmp_path, "images/train/a.jpg", "images/test/b.jpg", "images/val/c.jpg")
    files(tmp_path, "labels/train/a.png", "labels/val/c.png")
    train, test, val = (
        Pair("images/train/a.jpg", "labels/train/a.png"), Pair("images/test/b.jpg"),
        Pair("images/val/c.jpg", "labels/val/c.png"),
    )  # fmt: skip
    assert own(tmp_path).pairs() == [test, train, val]
    assert own(tmp_path, split="val").pairs() == [val]
    found = own(tmp_path, split=["train", "test"])
    assert found.pairs() == [test, train]  # no labels of one split are no mistake
    assert found.strays() == {}
    assert own(tmp_path, split=["train", "."]).pairs() == [test, train, val]  # each once
    with pytest.raises(BadInput, match=r"images/day: no such folder; expected images/train/x"):
        own(tmp_path, split=["train", "day"]).pairs()


@pytest.mark.parametrize("split", ["../val", ["train", "/val"]])
def test_folder_splits_stay_inside_the_root(split, tmp_path):
    with pytest.raises(BadInput, match=r"option split='.*val': name a folder inside the root"):
        own(tmp_path, split=split)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_folder_refuses_two_files_of_one_name(kind, tmp_path):
    worlds.folder(tmp_path, 1)
    worlds.save(tmp_path / kind / "east/field.0.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(BadInput, match=rf"{kind}/east/field\.0\.png and .*field\.0\.tif"):
        own(tmp_path).pairs()


@pytest.mark.parametrize("option", ["images", "labels"])
@pytest.mark.parametrize("value", ["../elsewhere", "/data"])
def test_folder_stays_inside_the_root(option, value, tmp_path):
    with pytest.raises(BadInput, match=f"option {option}='{value}'"):
        own(tmp_path, **{option: value})


def test_folder_values(tmp_path):
    assert own(tmp_path).values == {0: "soil", 1: "crop", 2: "weed", 255: None}
    mapped = own(tmp_path, label_map={10: "weed", 20: "weed"}, ignore=[0, 7])
    assert mapped.values == {10: "weed", 20: "weed", 0: None, 7: None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_map": {1: "weeds"}}, "label_map: 1: 'weeds' is none of the classes; .*weed"),
        ({"label_map": {-1: "weed"}}, "option label_map=.*-1 is no value of a label"),
        ({"ignore": [70000]}, "70000 is no value of a label: these go from 0 to 65535"),
        ({"ignore": [2]}, "ignore: 2 also means 'weed'"),
    ],
)
def test_folder_refuses_values_that_cannot_be(options, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        own(tmp_path, **options)


def files(root, *names):
    for name in names:
        worlds.save(root / name, np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize(
    ("label", "options"),
    [("labels/x_train_id.png", {"label_suffix": "_train_id"}),
     ("labels/x_train_id.PNG", {"label_suffix": "_train_id.png"}),
     ("labels/x_labels.tif", {"label_suffix": "_labels"}),
     ("labels/x.jpg.png", {"label_suffix": ".jpg.png"})],
)  # fmt: skip
def test_folder_takes_the_suffix_off_a_label(label, options, tmp_path):
    files(tmp_path, "images/x.jpg", label, "labels/x_color.png", "labels/x.json.png")
    assert own(tmp_path, **options).pairs() == [Pair("images/x.jpg", label)]


def test_folder_takes_the_suffix_off_an_image_too(tmp_path):
    place = "fog/GOPR0475/a"
    files(tmp_path, f"rgb/{place}_rgb_anon.png", f"gt/{place}_gt_labelTrainIds.png")
    files(tmp_path, f"rgb/{place}_depth.png", f"gt/{place}_gt_labelColor.png")
    found = own(
        tmp_path,
        images="rgb",
        labels="gt",
        image_suffix="_rgb_anon",
        label_suffix="_gt_labelTrainIds",
    )
    assert found.pairs() == [Pair(f"rgb/{place}_rgb_anon.png", f"gt/{place}_gt_labelTrainIds.png")]
    assert found.strays() == {}


def test_folder_of_a_folder_for_each_frame(tmp_path):
    files(tmp_path, "1/rgb.png", "1/label.png", "1/depth.png", "2/rgb.png", "2/label.png")
    found = own(tmp_path, images=".", labels=".", image_suffix="rgb", label_suffix="label")
    assert found.pairs() == [Pair("1/rgb.png", "1/label.png"), Pair("2/rgb.png", "2/label.png")]


@pytest.mark.parametrize(
    ("image", "label", "options"),
    [("a.jpg", "a.png", {}), ("a_x.jpg", "a_x.png", {"image_suffix": "_x", "label_suffix": "_x"}),
     ("a.jpg", "a.png", {"image_suffix": ".jpg"}),
     ("a.bmp", "a.png", {"label_suffix": ".png"}), ("a.png", "a.bmp", {"image_suffix": ".png"}),
     ("a.png", "a_labels.png", {"label_suffix": "_labels"}),
     ("a_rgb.png", "a.png", {"image_suffix": "_rgb"}),
     ("a_rgb.png", "a_rgb_gt.png", {"image_suffix": "_rgb", "label_suffix": "_rgb_gt"}),
     ("a_img.png", "a_mask.png", {"image_suffix": "_img", "label_suffix": "_mask"})],
)  # fmt: skip
def test_folder_of_images_and_labels(image, label, options, tmp_path):
    files(tmp_path, image, label)
    assert own(tmp_path, images=".", labels="./", **options).pairs() == [Pair(image, label)]


def test_folder_of_either_side_within_the_others(tmp_path):
    files(tmp_path, "x.png", "gt/x_gt.png", "gt/x_color.png", "gt/x.jpg")
    found = own(tmp_path, images=".", labels="gt", label_suffix="_gt").pairs()
    assert found == [Pair("x.png", "gt/x_gt.png")]  # what else lies among labels is no image
    files(tmp_path / "2", "x.png", "rgb/x.png")
    assert own(tmp_path / "2", images="rgb", labels=".").pairs() == [Pair("rgb/x.png", "x.png")]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"labels": None, "label_suffix": "_gt"}, "labels is null"),
     ({"label_suffix": "_gt.jpg"}, r"label_suffix='_gt.jpg': a label must be one of .png"),
     ({"image_suffix": "rgb/_x"}, "image_suffix='rgb/_x': write how names end"),
     ({"label_suffix": "*_x"}, "label_suffix='.*_x': write how names end"),
     ({"images": ".", "labels": ".", "image_suffix": ".png", "label_suffix": ".png"},
      "image_suffix is the same, and images and labels lie in one folder")],
)  # fmt: skip
def test_folder_refuses_suffixes_that_contradict(options, message, tmp_path):
    with pytest.raises(BadInput, match=message) as error:
        own(tmp_path, **options)
    assert len(str(error.value).splitlines()) == 1


def test_folder_without_a_label_says_what_was_looked_for_and_what_lies_there(tmp_path):
    files(tmp_path, "images/a.jpg", "images/b.jpg", *(f"labels/{n}_gt.png" for n in "abcd"))
    with pytest.raises(BadInput) as error:
        own(tmp_path).pairs()
    for words in ("none of its 4 labels is of one of its 2 images", "images/a.jpg would have",
                  "labels/a.{png,bmp,tif,tiff}", "labels/a_gt.png, labels/b_gt.png, ",
                  "set image_suffix and label_suffix"):  # fmt: skip
        assert words in str(error.value)
    with pytest.raises(BadInput, match=r"no labels here, but 4 other files, such as labels/a_gt"):
        own(tmp_path, label_suffix="_mask").pairs()
    with pytest.raises(BadInput, match=r"no images here, but 2 other files, such as images/a.jpg"):
        own(tmp_path, image_suffix="_rgb", label_suffix="_gt").pairs()


def test_labels_of_no_image_are_named_with_the_image_that_is_not_there(tmp_path):
    files(tmp_path, "images/a.jpg", "labels/a_gt.png", "labels/b_gt.png")
    found = own(tmp_path, image_suffix=".jpg", label_suffix="_gt")
    assert found.pairs() == [Pair("images/a.jpg", "labels/a_gt.png")]
    assert found.strays() == {"labels/b_gt.png": "images/b.jpg"}


# --- labels that are pictures --------------------------------------------------------------


def test_colours_are_the_classes_that_label_map_says(tmp_path):
    worlds.folder(tmp_path / "values", 4)
    options = worlds.coloured(tmp_path / "colours", 4)
    plain = own(tmp_path / "values")
    made = own(tmp_path / "colours", **options)
    assert made.encoding == COLOUR
    assert made.values == {0x804000: "soil", 0x00C040: "crop", 0xC02060: "weed", 0: None}
    taxonomy = resolve(list(worlds.FOLDER_NAMES))
    for one, other in zip(plain.pairs(), made.pairs(), strict=True):
        expected = read_label(tmp_path / "values" / one.label, Coding(taxonomy.ids(plain.values)))
        coding = Coding(taxonomy.ids(made.values), made.encoding)
        assert np.array_equal(read_label(tmp_path / "colours" / other.label, coding), expected)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_colour_is_the_same_however_it_is_stored(mode, kind, tmp_path):
    grey = np.arange(0, 48, dtype=np.uint8).reshape(6, 8) // 16 * 100
    picture = Image.fromarray(np.stack([grey] * 3, -1))
    path = tmp_path / f"x.{kind.lower()}"
    (picture.convert("L") if mode == "P" else picture).convert(mode).save(path, kind)
    raw = read_raw(path, COLOUR)
    assert np.array_equal(raw, grey.astype(np.uint32) * 0x010101)


@pytest.mark.parametrize("name", PALETTES)
def test_a_palette_names_the_classes_of_its_set(name):
    given = PALETTES[name]
    taxonomy = resolve(name)
    assert {*given.values()} == {*taxonomy.names, None}
    for colour, meaning in zip(taxonomy.colours, taxonomy.names, strict=True):
        text = "#{:02x}{:02x}{:02x}".format(*colour)
        assert given.get(text, meaning) == meaning  # as it is shown, it means the same in files


@pytest.mark.parametrize(
    ("name", "colour", "meaning"),
    [
        ("cityscapes", "#804080", "road"), ("cityscapes", "#000000", None),
        ("camvid", "#0000c0", "pavement"), ("camvid", "#c080c0", "car"),
        ("camvid", "#408040", "pedestrian"), ("voc", "#000000", "background"),
        ("voc", "#e0e0c0", None), ("voc", "#c0e0e0", "?"), ("voc", "#c08080", "person"),
        ("voc", "#004080", "tvmonitor"),
    ],
)  # fmt: skip
def test_palettes_are_those_that_were_published(name, colour, meaning):
    assert PALETTES[name].get(colour, "?") == meaning


def test_a_palette_may_be_named_and_its_classes_may_be_fewer(tmp_path):
    names = ["road", "vehicle"]
    made = build("folder", tmp_path, names, label_map="cityscapes", ignore=["#0a0b0c"])
    assert made.encoding == COLOUR
    assert (made.values[0x804080], made.values[0x00008E]) == ("road", "car")
    assert made.values[0x0A0B0C] is None
    ids = resolve(names).ids(made.values)
    assert (ids[0x804080], ids[0x00008E]) == (0, IGNORE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_map": "kitti"}, "label_map='kitti': no palette of that name; choose cityscapes"),
        ({"label_map": {"#80408": "weed"}}, "'#80408' is no colour; write one as '#804080'"),
        ({"label_map": {"#804080": "weed", 7: "soil"}}, "a label holds values or colours"),
        ({"label_map": {"#804080": "weed"}, "ignore": [0]}, "ignore: 0: write colours"),
        ({"label_map": "voc", "ignore": [255]}, "ignore: 255: write colours"),
        ({"ignore": ["#000000"]}, "ignore: '#000000': write values"),
        ({"label_map": {"#804080": "weeds"}}, "label_map: #804080: 'weeds' is none of the classes"),
        ({"label_map": {"#00FF00": "weed"}, "ignore": ["#00ff00"]}, "also means 'weed'"),
    ],
)
def test_colours_that_cannot_be_are_refused(options, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        own(tmp_path, **options)


def test_colours_of_no_class_are_told_with_their_pixels_and_a_fix(tmp_path):
    options = worlds.coloured(tmp_path, 1)
    made = own(tmp_path, **options)
    label = np.zeros((8, 8, 3), np.uint8)
    label[0, :5], label[1, 0] = (1, 2, 3), (255, 0, 0)
    worlds.save(tmp_path / "x.png", label)
    coding = Coding(resolve(list(worlds.FOLDER_NAMES)).ids(made.values), made.encoding)
    with pytest.raises(BadInput) as error:
        read_label(tmp_path / "x.png", coding)
    assert str(error.value) == (
        f"{tmp_path}/x.png: 6 pixels of colours #010203 (5 pixels), #ff0000 (1 pixel) of no "
        "class; name them in label_map or ignore"
    )
    rng = np.random.default_rng(0)
    worlds.save(tmp_path / "x.png", rng.integers(0, 256, (16, 16, 3), np.uint8))
    with pytest.raises(BadInput, match=r"and 2\d\d more of no class; so many come of smoothing"):
        read_label(tmp_path / "x.png", coding)

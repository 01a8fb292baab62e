"""Classes: order, subsets, colours, and what raw values mean."""

import pytest
from cityscapesscripts.helpers.labels import labels
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.taxonomy import CAMVID, CITYSCAPES, IGNORE, LABEL_IDS, NAMED, Taxonomy, resolve

OFFICIAL = {label.trainId: label for label in labels if 0 <= label.trainId < IGNORE}


def test_cityscapes_agrees_with_its_own_scripts():
    assert len(CITYSCAPES) == len(OFFICIAL) == 19
    for train_id, label in OFFICIAL.items():
        assert CITYSCAPES.names[train_id] == label.name
        assert CITYSCAPES.colours[train_id] == label.color
        assert LABEL_IDS[label.id] == label.name


def test_every_label_id_is_known():
    ids = CITYSCAPES.ids(LABEL_IDS)
    expected = {label.id % 256: label.trainId % 256 for label in labels}
    assert ids == expected | {34: IGNORE}


def test_sixteen_and_thirteen_classes():
    absent = {"terrain", "truck", "train"}
    assert set(CITYSCAPES.names) - set(CITYSCAPES.subsets["miou16"]) == absent
    assert set(CITYSCAPES.names) - set(CITYSCAPES.subsets["miou13"]) == absent | {
        "wall", "fence", "pole",
    }  # fmt: skip
    assert [len(CITYSCAPES.subsets[key]) for key in ("miou16", "miou13", "rare")] == [16, 13, 12]
    sixteen = NAMED["cityscapes16"]
    assert sixteen.names == CITYSCAPES.subsets["miou16"]
    assert len(sixteen.subsets["rare"]) == 9
    assert sixteen.colours[sixteen.names.index("bus")] == (0, 60, 100)


def test_the_rare_classes_are_tpld_s():
    assert set(CITYSCAPES.subsets["rare"]) == {
        "wall", "fence", "pole", "traffic light", "traffic sign", "terrain",
        "rider", "truck", "bus", "train", "motorcycle", "bicycle",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_named_taxonomies_are_consistent(name):
    taxonomy = resolve(name)
    assert taxonomy is NAMED[name]
    assert len(set(taxonomy.colours)) == len(taxonomy) == len(taxonomy.names)
    assert (0, 0, 0) not in taxonomy.colours
    for subset in taxonomy.subsets.values():
        assert set(subset) <= set(taxonomy.names)


def test_camvid_has_its_eleven_classes_in_order():
    assert (len(CAMVID), CAMVID.names[0], CAMVID.names[10]) == (11, "sky", "bicyclist")


def test_ids_of_names_outside_and_of_none_are_ignored():
    assert CAMVID.ids({3: "road", 4: None, 5: "train"}) == {3: 3, 4: IGNORE, 5: IGNORE}


def test_own_classes():
    taxonomy = resolve(["soil", "crop", "weed"])
    assert taxonomy.names == ("soil", "crop", "weed")
    assert taxonomy.subsets == {}


@given(st.integers(1, IGNORE))
def test_own_colours_are_distinct(count):
    taxonomy = resolve([f"class {index}" for index in range(count)])
    assert len(set(taxonomy.colours)) == count
    assert all(0 <= channel <= 255 for colour in taxonomy.colours for channel in colour)


def test_classes_may_have_colours_of_their_own():
    taxonomy = resolve({"soil": "#804000", "crop": "#00C040"})
    assert taxonomy.names == ("soil", "crop")
    assert taxonomy.colours == ((128, 64, 0), (0, 192, 64))


@pytest.mark.parametrize(
    ("colours", "message"),
    [
        ({"soil": "#000000"}, "soil has the colour of what is not labelled, #000000"),
        ({"soil": "#010203", "crop": "#010203"}, "crop has the colour of soil, #010203"),
        ({"soil": "804000"}, "'804000' is no colour; write one as '#804080', in quotes"),
    ],
)
def test_colours_that_tell_no_classes_apart_are_refused(colours, message):
    with pytest.raises(ValueError, match=message):
        resolve(colours)


def test_unknown_names_list_the_choices():
    with pytest.raises(ValueError, match=r"'citiscapes'; choose cityscapes, .*camvid"):
        resolve("citiscapes")


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "0 classes"), (("a", "b", "a"), "occur twice: a"), (tuple(map(str, range(256))), "256")],
)
def test_impossible_classes_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        Taxonomy(names, ((0, 0, 0),) * len(names))

"""The stages prepare and source: every image is checked, the bad ones are refused with a reason."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.checks.domains import TooFewError
from pipeline.domain import artifacts
from pipeline.domain.taxonomy import IGNORE, resolve
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.stages import prepare, source
from tests import eyes, gifs, worlds

OUTPUTS = ("target", "target_truth", "val", "taxonomy", "classes", "refused")
CAMVID = Path("../shared/camvid")
REAL = [CAMVID] if CAMVID.is_dir() else []


def domain(reader, root, n=4, seed=0, **options):
    options = getattr(worlds, reader)(root, n, seed=seed, **options)
    return {"reader": reader, "root": str(root), "width": 32, "height": 24, "options": options}


@pytest.fixture
def given(tmp_path):
    """Params from GTA5 to Cityscapes, as params.yaml has them: 4, 4 and 3 good images."""
    return {
        "classes": "cityscapes",
        "source": domain("gta5", tmp_path / "gta5"),
        "target": domain("cityscapes", tmp_path / "cityscapes"),
        "val": domain("cityscapes", tmp_path / "cityscapes", 3, split="val"),
    }


@dataclass
class Both:
    """What came of both stages; `refused` and `strays` are of all domains."""

    prepared: prepare.Prepared
    checked: source.Checked

    def __getattr__(self, name):
        return getattr(self.prepared, name)

    @property
    def source(self):
        return self.checked.source

    @property
    def refused(self):
        return pd.concat([self.checked.refused, self.prepared.refused], ignore_index=True)

    @property
    def strays(self):
        return {"source": self.checked.strays, **self.prepared.strays}


def of_source(given):
    return source.Params.model_validate({**given["source"], "minimum": given.get("minimum", 1)})


def without_source(given):
    return prepare.Params.model_validate({k: v for k, v in given.items() if k != "source"})


def run(given):
    """The source's name is `source`."""
    prepared = prepare.run(without_source(given))
    kept = {name: getattr(prepared, name) for name in ("target", "val")}
    return Both(prepared, source.run(of_source(given), "source", prepared.taxonomy, kept))


def image(given, name, index):
    """The path of an image of a domain, counted as its reader does."""
    spec = given[name]
    dataset = parts.build("datasets", spec["reader"], spec["options"], root=Path(spec["root"]))
    pair = dataset.pairs()[index]
    return Path(spec["root"]) / pair.image, Path(spec["root"]) / pair.label


def section(name):
    return "source.source" if name == "source" else f"prepare.{name}"


def refused(given):
    """domain -> image -> problem."""
    table = run(given).refused
    return {name: dict(zip(t["image"], t["problem"], strict=True))
            for name, t in table.groupby("domain")}  # fmt: skip


# --- a val of nothing, or of a source ------------------------------------------------------


def own(tmp_path, images=10):
    """Params of own images, val a tenth or more of the source's."""
    made = {
        name: domain("folder", tmp_path / name, n, seed)
        for seed, (name, n) in enumerate({"source": images, "target": 3}.items())
    }
    return {
        "classes": list(worlds.FOLDER_NAMES),
        **made,
        "val": {**made["source"], "held_out": 0.3},
    }


def names(of):
    return [sample.image for sample in of.samples]


def test_val_may_be_nothing(given, tmp_path):
    given["val"] = {"reader": "none", "root": given["target"]["root"]}
    found = run(given)
    assert len(found.val) == len(found.classes) == 0
    assert found.refused["domain"].unique().tolist() == ["source"]
    assert not [told for told in found.prepared.warnings() if told.startswith("val")]
    artifacts.write_domain(tmp_path / "v.parquet", found.val)
    assert len(artifacts.read_domain(tmp_path / "v.parquet", tmp_path, empty=True)) == 0
    with pytest.raises(BadInput, match="it has no image"):
        artifacts.read_domain(tmp_path / "v.parquet", tmp_path)


def test_nothing_is_no_target_and_no_source(given):
    for name in ("target", "source"):
        none = {"reader": "none", "root": given[name]["root"], "width": 32, "height": 24}
        with pytest.raises(BadInput, match=r"reader = 'none': labels none of the classes"):
            run({**given, name: none})


def test_what_is_held_out_leaves_the_source(tmp_path):
    given = own(tmp_path)
    found = run(given)
    held, left = names(found.val), names(found.source)
    assert len(held) == found.checked.held_out == 3
    assert not {*held} & {*left}
    whole = run({**given, "val": {"reader": "none", "root": given["target"]["root"]}})
    assert sorted([*held, *left]) == names(whole.source)
    assert len(found.refused) == 0
    assert [told for told in found.prepared.warnings() if "held out of a source" in told]
    assert int(found.classes["pixels"].sum()) > 0


def test_what_is_held_out_depends_on_names_alone(tmp_path):
    given = own(tmp_path, 20)
    held = {*names(run(given).val)}
    order = sorted(
        names(run(given).val) + names(run(given).source),
        key=lambda name: hashlib.sha256(f"held out {name}".encode()).digest(),
    )
    assert held == {*order[:6]}
    assert {*names(run({**given, "val": {**given["val"], "held_out": 0.1}}).val)} < held
    limited = {**given, **{n: {**given[n], "limit": 10} for n in ("source", "val")}}
    found = run(limited)
    assert (len(found.val), len(found.source)) == (3, 7)  # of the ten that the limit draws


@pytest.mark.parametrize(("images", "share", "held"), [(2, 0.01, 1), (2, 0.99, 1), (4, 0.9, 3)])
def test_some_are_held_out_and_some_are_left(images, share, held, tmp_path):
    given = own(tmp_path, images)
    given["val"]["held_out"] = share
    found = run(given)
    assert (len(found.val), len(found.source)) == (held, images - held)


def test_a_copy_of_what_is_held_out_is_refused(tmp_path):
    given = own(tmp_path)
    root = Path(given["source"]["root"])
    first = names(run(given).val)[0]
    shutil.copy(root / first, root / f"images/copy{Path(first).suffix}")
    shutil.copy(root / "labels/east/field.0.png", root / "labels/copy.png")
    found = run(given)
    (row,) = found.refused.to_dict("records")
    assert {first, f"images/copy{Path(first).suffix}"} == {row["image"], *names(found.val)} & {
        first, f"images/copy{Path(first).suffix}"}  # fmt: skip
    assert "repeats the bytes of" in row["problem"]


# --- what is good --------------------------------------------------------------------------


def test_good_images_are_indexed_and_the_pair_that_does_not_fit_is_not(given):
    prepared = run(given)
    sizes = [len(getattr(prepared, name)) for name in ("source", "target", "val", "target_truth")]
    assert sizes == [4, 4, 3, 4]
    (row,) = prepared.refused.to_dict("records")
    assert (row["domain"], row["image"]) == ("source", "images/00005.png")
    assert row["problem"] == ("labels/00005.png: is 32x22, its image 32x23; replace one of them")


def test_domains_read_at_their_working_size(given):
    given["target"] |= {"width": 16, "height": 12}
    prepared = run(given)
    assert prepared.source.image(1).shape == (24, 32, 3)
    assert (prepared.source.samples[1].height, prepared.source.samples[1].width) == (23, 32)
    assert prepared.target.image(0).shape == (12, 16, 3)
    label = prepared.source.label(0)
    assert label.shape == (24, 32)
    assert label[0, 0] == IGNORE  # value 34


def test_the_target_has_no_labels_and_its_truth_has(given):
    prepared = run(given)
    assert all(s.label is None and s.label_hash is None for s in prepared.target.samples)
    assert all(s.label and s.label_hash for s in prepared.target_truth.samples)
    with pytest.raises(BadInput, match="has no label"):
        prepared.target.label(0)


@pytest.mark.parametrize("reader", [*worlds.CLASSES])
def test_every_data_set_can_be_prepared(reader, tmp_path):
    domains = {
        name: domain(reader, tmp_path / name, 3, seed)
        for seed, name in enumerate(("source", "target", "val"))
    }
    prepared = run({"classes": worlds.CLASSES[reader], **domains})
    assert len(prepared.source) == len(prepared.target_truth) == len(prepared.val) == 3
    assert set(prepared.refused["image"]) <= {"images/00004.png"}


def test_the_target_needs_no_labels_at_all(given):
    shutil.rmtree(Path(given["target"]["root"]) / "gtFine/train")
    prepared = run(given)
    assert (len(prepared.target), len(prepared.target_truth)) == (4, 0)
    assert set(prepared.refused["domain"]) == {"source"}


@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_labels_of_no_image_are_reported_and_refuse_nothing(name, given, main, capsys):
    lost, label = image(given, name, 0)
    lost.unlink()
    prepared = run(given)
    assert len(getattr(prepared, name)) == {"source": 3, "target": 3, "val": 2}[name]
    place = {"target": "target_truth"}.get(name, name)
    root = given[name]["root"]
    (row,) = prepared.refused.loc[
        prepared.refused["image"] == label.relative_to(root).as_posix()
    ].to_dict("records")
    assert row["domain"] == place
    assert f"is the label of no image; add {lost.relative_to(root).as_posix()}" in row["problem"]
    assert prepared.strays[place] == 1
    at = main(given)
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith(f"{place}:")]
    report = at["source_refused" if name == "source" else "refused"]
    assert line.endswith(f"{int(name == 'source')} refused; labels of no image: 1, see {report}")


def test_the_documents_way_from_gta5_to_idd_lite(tmp_path):
    text = (Path(__file__).parents[2] / "docs/data.md").read_text()
    (block,) = re.findall(r"```yaml\n([^`]*?idd_lite.*?)```", text, re.DOTALL)
    content = YAML(typ="safe").load(block)
    given = {**content["prepare"], "source": content["source"]["gta5"]}
    for seed, (name, reader) in enumerate((("source", "gta5"), ("target", "idd_lite"))):
        given[name]["root"] = str(tmp_path / name)
        getattr(worlds, reader)(tmp_path / name, 3, seed=seed)
    worlds.idd_lite(tmp_path / "val", 3, seed=2)
    prepared = run(given | {"val": given["target"] | {"root": str(tmp_path / "val")}})
    assert len(prepared.source) == len(prepared.target_truth) == 3
    assert {*np.unique(prepared.source.label(0))} <= {*range(7), IGNORE}


# --- what is refused -----------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-60])


def text(path):
    path.write_text("no picture")


def unknown(path):
    Image.open(path).point(lambda _: 77).save(path)


def colours(path):
    Image.open(path).convert("RGB").save(path)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [(cut, "truncated"), (text, "cannot identify"), (os.unlink, "has no label"),
     (unknown, "unknown label values 77"), (colours, "mode RGB")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["source", "val"])
def test_a_bad_label_refuses_the_image(harm, problem, name, given):
    bad, label = image(given, name, 1)
    harm(label)
    key = bad.relative_to(given[name]["root"]).as_posix()
    assert problem in refused(given)[name][key]


@pytest.mark.parametrize("harm", [cut, text, unknown])
def test_a_bad_label_of_the_target_refuses_it_from_the_truth_alone(harm, given):
    bad, label = image(given, "target", 1)
    harm(label)
    prepared = run(given)
    assert (len(prepared.target), len(prepared.target_truth)) == (4, 3)
    rows = prepared.refused[prepared.refused["domain"] != "source"]
    key = bad.relative_to(given["target"]["root"]).as_posix()
    assert [*rows["domain"]] == ["target_truth"]
    assert [*rows["image"]] == [key]


@pytest.mark.parametrize(("harm", "problem"), [(cut, "truncated"), (text, "cannot identify")])
@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_a_bad_image_is_refused(harm, problem, name, given):
    bad, _ = image(given, name, 0)
    harm(bad)
    key = bad.relative_to(given[name]["root"]).as_posix()
    assert problem in refused(given)[name][key]


def test_an_image_that_a_list_names_may_be_missing(tmp_path):
    domains = {
        name: domain("camvid", tmp_path / name, 3, seed)
        for seed, name in enumerate(("source", "target", "val"))
    }
    given = {"classes": "camvid", **domains}
    (tmp_path / "target/train/0016E5_00001.png").unlink()
    assert "No such file" in refused(given)["target"]["train/0016E5_00001.png"]


@pytest.mark.parametrize(
    ("first", "second"), [("target", "source"), ("val", "source"), ("target", "val")]
)
def test_the_later_of_two_equal_images_is_refused(first, second, given):
    original, _ = image(given, first, 0)
    copy, _ = image(given, second, 3 if second == "source" else 2)  # of the same size
    shutil.copy(original, copy)
    problem = refused(given)[second][copy.relative_to(given[second]["root"]).as_posix()]
    assert f"{first}'s {original.relative_to(given[first]['root']).as_posix()}" in problem


def test_an_image_twice_in_one_domain_is_refused(given):
    (original, _), (copy, label) = image(given, "val", 0), image(given, "val", 1)
    shutil.copy(original, copy)
    assert len(refused(given)["val"]) == 1
    label.unlink()  # a copy that is bad anyway does not count against the other
    assert "has no label" in next(iter(refused(given)["val"].values()))


def test_images_whose_files_would_be_named_alike_are_refused(tmp_path):
    spec = [domain("folder", tmp_path / str(seed), 3, seed) for seed in range(3)]
    for place in ("images", "labels"):
        folder = tmp_path / "1" / place
        source = tmp_path / "9" / place
        worlds.folder(tmp_path / "9", 1, seed=9)
        shutil.copy(source / "east/field.0.png", folder / "east__field.0.png")
    given = {"classes": list(worlds.FOLDER_NAMES)}
    given |= dict(zip(("source", "target", "val"), spec, strict=True))
    problem = refused(given)["target"]["images/east__field.0.png"]
    assert "like target's images/east/field.0.png" in problem


def test_a_report_does_not_depend_on_where_the_data_lies(given, tmp_path):
    text(image(given, "source", 0)[0])
    cut(image(given, "val", 0)[1])
    here = run(given)
    assert str(tmp_path) not in here.refused.to_csv()
    for name in ("source", "target", "val"):
        root = Path(given[name]["root"])
        moved = tmp_path / "moved" / root.name
        if not moved.exists():
            shutil.copytree(root, moved)
        given[name] |= {"root": str(moved)}
    pd.testing.assert_frame_equal(run(given).refused, here.refused)


# --- how many, and under which names -------------------------------------------------------


def test_a_limit_draws_the_same_images_whatever_else_there_is(given):
    everything = [s.image for s in run(given).target.samples]
    drawn = {}
    for limit in (1, 2, 3, 4, 9):
        given["target"]["limit"] = limit
        prepared = run(given)
        drawn[limit] = [s.image for s in prepared.target.samples]
        assert len(drawn[limit]) == min(limit, 4)
        assert drawn[limit] == [name for name in everything if name in drawn[limit]]
        assert [s.image for s in prepared.target_truth.samples] == drawn[limit]
    assert {*drawn[1]} < {*drawn[2]} < {*drawn[3]} < {*drawn[4]}
    by_hash = sorted(everything, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert drawn[1] == by_hash[:1]
    gone = next(name for name in everything if name not in drawn[2])
    (Path(given["target"]["root"]) / gone).unlink()
    given["target"]["limit"] = 2
    assert [s.image for s in run(given).target.samples] == drawn[2]


def test_only_what_is_drawn_is_checked(given):
    given["source"]["limit"] = 2
    kept = {s.image for s in run(given).source.samples}
    for index in range(5):
        path, _ = image(given, "source", index)
        if path.relative_to(given["source"]["root"]).as_posix() not in kept:
            text(path)
    assert {s.image for s in run(given).source.samples} == kept
    assert "source" not in refused(given)


def test_labels_whose_images_are_not_drawn_are_no_strays(given):
    given["val"]["limit"] = 1
    prepared = run(given)
    assert (len(prepared.val), prepared.strays["val"]) == (1, 0)
    assert "val" not in {*prepared.refused["domain"]}


def test_a_reader_s_classes_may_have_other_names_in_the_task(given):
    before = run(given)
    given["classes"] = ["ground", "sky", "thing"]
    names = {"road": "ground", "sidewalk": "ground", "car": "thing", "building": None}
    for name in ("source", "target", "val"):
        given[name]["rename"] = names
    found = run(given)
    ids = {"road": 0, "sidewalk": 0, "sky": 1, "car": 2}
    known = resolve("cityscapes").names
    for index in range(4):
        for new, old in ((found.source, before.source), (found.target_truth, before.target_truth)):
            table = np.array([ids.get(name, IGNORE) for name in known] + [IGNORE] * 237, np.uint8)
            assert np.array_equal(new.label(index), table[old.label(index)])


@pytest.mark.parametrize(
    ("rename", "message"),
    [({"street": "road"}, "rename: 'street' is none of the reader's classes; choose .*road"),
     ({"road": "street"}, "rename.road: 'street' is none of the classes; choose road, .* or null")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_names_that_nobody_has_are_refused(name, rename, message, given):
    given[name]["rename"] = rename
    with pytest.raises(BadInput, match=f"{section(name)}: {message}"):
        run(given)


# --- the pixels that count -----------------------------------------------------------------


@pytest.fixture
def fundus(tmp_path):
    """From DRIVE to CHASE_DB1."""
    return {
        "classes": "vessels",
        "source": domain("drive", tmp_path / "drive"),
        "target": domain("chase_db1", tmp_path / "chase"),
        "val": domain("chase_db1", tmp_path / "chase", 3, split="test"),
    }


def test_what_the_camera_does_not_see_is_ignored_everywhere(fundus):
    prepared = run(fundus)
    seen = eyes.disc((32, 24))
    for name, count in (("source", 4), ("target_truth", 4), ("val", 3)):
        found = getattr(prepared, name)
        assert len(found) == count
        for index in range(count):
            label, region = found.label(index), found.region(index)
            assert np.array_equal(label == IGNORE, ~region)
            assert (region != seen).mean() <= (0 if name == "source" else 0.2)  # JPEG's edge
    assert prepared.target.region(0).any()
    assert {*prepared.refused["domain"]} == set()
    counted = sum((of.label(i) != IGNORE).sum() for of in [prepared.source] for i in range(4))
    assert prepared.checked.classes["pixels"].sum() == counted
    for index, sample in enumerate(prepared.source.samples):
        counts = np.bincount(prepared.source.label(index).ravel(), minlength=IGNORE + 1)[:IGNORE]
        assert counts[: len(sample.pixels)].tolist() == [*sample.pixels]
        assert sample.pixels[-1] > 0 == counts[len(sample.pixels) :].any()
    assert all(sample.pixels is None for sample in prepared.target.samples)


def no_mask(path):
    path.unlink()


def small_mask(path):
    Image.open(path).resize((16, 12)).save(path)


def black_mask(path):
    path.write_bytes(gifs.written(np.zeros((24, 32), np.uint8), [(i,) * 3 for i in range(256)]))


@pytest.mark.parametrize(
    ("harm", "problem"),
    [(no_mask, "images/21_training.tif: has no mask; add training/mask/21_training_mask.gif"),
     (small_mask, "mask/21_training_mask.gif: is 16x12, its image 32x24; replace one of them"),
     (black_mask, "mask/21_training_mask.gif: no pixel is brighter than 0"),
     (text, "mask/21_training_mask.gif: cannot be read as an image"),
     (cut, "mask/21_training_mask.gif: cannot be read as an image")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_a_bad_mask_refuses_the_image_even_of_the_target(name, harm, problem, fundus, tmp_path):
    given = fundus | {name: domain("drive", tmp_path / "other", 3, seed=9)}
    harm(tmp_path / "other/training/mask/21_training_mask.gif")
    assert problem in refused(given)[name]["training/images/21_training.tif"]
    found = run(given)
    assert len(getattr(found, name)) == 2


def test_a_mask_that_is_black_at_the_working_size_is_refused(fundus, tmp_path):
    spot = np.zeros((24, 32), np.uint8)
    spot[0, 0] = 255
    path = tmp_path / "drive/training/mask/21_training_mask.gif"
    path.write_bytes(gifs.written(spot, [(i,) * 3 for i in range(256)]))
    assert len(run(fundus).source) == 4
    fundus["source"] |= {"width": 8, "height": 8}
    assert (
        "no pixel is brighter than 0"
        in refused(fundus)["source"]["training/images/21_training.tif"]
    )


def test_an_image_that_is_all_dark_is_refused(fundus):
    path, _ = image(fundus, "target", 0)
    Image.new("RGB", (32, 24), (9, 9, 9)).save(path)
    problem = refused(fundus)["target"]["Image_01L.jpg"]
    assert "no pixel is brighter than 20, so none of the image counts" in problem


def test_a_target_without_labels_keeps_its_regions_and_no_truth(fundus, main):
    for path in Path(fundus["target"]["root"]).glob("Image_0*HO.png"):
        path.unlink()
    at = main(fundus)
    table = pd.read_parquet(at["target"])
    assert [*table["region"]] == [*table["image"]]
    assert [*table["region_hash"]] == [*table["image_hash"]]
    assert "label" not in table
    found = artifacts.read_domain(at["target"], Path(fundus["target"]["root"]))
    assert found.coding.dark == 20
    assert 0.3 < found.region(0).mean() < 0.7


FUNDUS = Path("../shared/fundus")


@pytest.mark.parametrize("root", [FUNDUS] if FUNDUS.is_dir() else [])
def test_the_real_drive_and_chase_db1(root):
    chase = {"reader": "chase_db1", "root": root / "chase", "width": 125, "height": 120}
    prepared = run({
        "classes": "vessels",
        "source": {"reader": "drive", "root": root / "drive", "width": 113, "height": 117,
                   "options": {"split": ["training", "test"]}},
        "target": chase | {"options": {"split": "train"}},
        "val": chase | {"options": {"split": "test"}},
    })  # fmt: skip
    assert [len(of) for of in (prepared.source, prepared.target, prepared.val)] == [40, 20, 8]
    assert prepared.refused.empty
    for of in (prepared.source, prepared.target, prepared.val):
        assert all(0.6 < of.region(index).mean() < 0.75 for index in range(len(of)))


# --- when it stops -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_too_few_good_images_stop_it_with_the_first_three_problems(name, given):
    given |= {"minimum": 3}
    paths = [image(given, name, index)[0] for index in range(3)]
    for path in paths:
        text(path)
    with pytest.raises(TooFewError) as error:
        run(given)
    lines = str(error.value).splitlines()
    total = {"source": 5, "target": 4, "val": 3}[name]
    assert f"{section(name)}: {total - 3 - (name == 'source')} of {total} images" in lines[0]
    assert "at least 3" in lines[0]
    assert len(lines) == 4
    assert [path.name in line for path, line in zip(paths, lines[1:], strict=True)] == [True] * 3
    assert len(error.value.refused) >= 3


@pytest.mark.parametrize("name", ["source", "target", "val"])
def test_labels_that_are_all_of_no_image_stop_it(name, given):
    _, label = image(given, name, 0)
    for path in [*label.parents[name != "source"].rglob(f"*{label.suffix}")]:
        path.rename(path.with_name(f"other-{path.name}"))
    with pytest.raises(
        BadInput, match=rf"{section(name)}: .* none of its \d labels is of one"
    ) as error:
        run(given)
    assert label.name in str(error.value)
    assert f"other-{label.name}" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reader": "gta6"}, "prepare.target: no 'gta6' among the datasets; choose .*gta5"),
        ({"root": "nowhere"}, "prepare.target: nowhere.*expected"),
        ({"options": {}}, "prepare.target: datasets/cityscapes: .*split"),
        ({"options": {"split": "train", "crop": 3}}, "prepare.target: .*no option 'crop'"),
    ],
)
def test_a_domain_that_cannot_be_read_is_named(change, message, given):
    given["target"] |= change
    with pytest.raises(BadInput, match=message):
        run(given)


def test_classes_that_a_reader_never_labels_are_refused(given):
    given["classes"] = ["strasse", "auto"]
    with pytest.raises(BadInput, match=r"prepare.target.reader = .*: labels none of .*strasse"):
        run(given)


@pytest.mark.parametrize(
    "change",
    [{"classes": "cityscape"}, {"classes": ["a", "a"]}, {"minimum": 0}, {"sourc": {}},
     {"source": {"reader": "gta5", "root": "x", "width": 4, "height": 24}}],
)  # fmt: skip
def test_params_are_validated(change, given):
    of = of_source if "source" in change else without_source
    with pytest.raises(ValidationError):
        of(given | change)


# --- the process ---------------------------------------------------------------------------


def flags(at):
    return [part for name, path in at.items()
            for part in (f"--{name.replace('_', '-')}", str(path))]  # fmt: skip


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Runs the stages on a params.yaml; returns the paths of their outputs."""

    def call(given, out="out"):
        monkeypatch.chdir(tmp_path)
        own = {key: value for key, value in given.items() if key != "source"}
        minimum = {"minimum": given.get("minimum", 1)}
        content = {"prepare": own, "source": {"source": {**given["source"], **minimum}}}
        YAML(typ="safe").dump(content, Path("params.yaml"))
        kinds = {"taxonomy": ".json", "refused": ".csv", "classes": ".csv"}
        at = {name: tmp_path / out / f"{name}{kinds.get(name, '.parquet')}" for name in OUTPUTS}
        monkeypatch.setattr("sys.argv", ["prepare", *flags(at)])
        prepare.main()
        found = {"index": "source.parquet", "refused": "source_refused.csv",
                 "classes": "source_classes.csv"}  # fmt: skip
        found = {name: tmp_path / out / file for name, file in found.items()}
        read = {name: at[name] for name in ("target", "val", "taxonomy")}
        monkeypatch.setattr("sys.argv", ["source", "source", *flags({**read, **found})])
        source.main()
        return at | {"source": found["index"], "source_refused": found["refused"]}

    return call


def test_what_it_writes_can_be_read(main, given, capsys):
    at = main(given)
    roots = {name: Path(given[name.split("_")[0]]["root"]) for name in OUTPUTS[:3]}
    domains = {name: artifacts.read_domain(at[name], root) for name, root in roots.items()}
    domains |= artifacts.read_sources(at["source"], lambda name: Path(given[name]["root"]))
    prepared = run(given)
    for name, read in domains.items():
        expected = getattr(prepared, name)
        kept = [s if name == "source" else replace(s, pixels=None) for s in expected.samples]
        assert list(read.samples) == kept  # of target and val no index counts classes
        assert read.size == expected.size
        assert name == "target" or read.coding == expected.coding
    assert artifacts.read_taxonomy(at["taxonomy"]) == prepared.taxonomy
    tables = [artifacts.read_table(at[name]) for name in ("source_refused", "refused")]
    pd.testing.assert_frame_equal(tables[0], prepared.refused, check_dtype=False)
    assert tables[1].empty
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "source: 4 good, 1 refused"
    assert sorted(lines)[1:] == [
        "target: 4 good, 0 refused", "target_truth: 4 good, 0 refused", "val: 3 good, 0 refused",
    ]  # fmt: skip


def test_nothing_of_the_truth_or_the_machine_is_in_the_target(main, given, tmp_path):
    at = main(given)
    table = pd.read_parquet(at["target"])
    assert [*table.columns] == ["domain", "image", "image_hash", "height", "width"]
    for path in at.values():
        assert str(tmp_path).encode() not in path.read_bytes()
    assert b"gtFine" not in at["target"].read_bytes()


def test_the_same_data_gives_the_same_bytes(main, given):
    first, second = main(given, "first"), main(given, "second")
    assert [p.read_bytes() for p in first.values()] == [p.read_bytes() for p in second.values()]


def test_the_report_is_written_even_where_it_stops(main, given, tmp_path):
    given["minimum"] = 4
    with pytest.raises(BadInput, match=r"prepare.val: 3 of 3"):
        main(given)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["refused.csv"]
    assert artifacts.read_table(tmp_path / "out/refused.csv").empty


def test_the_report_of_a_source_is_written_even_where_it_stops(main, given, tmp_path):
    given["source"]["root"] = str(tmp_path / "few")
    worlds.gta5(tmp_path / "few", 2, seed=8)
    given["minimum"] = 3
    with pytest.raises(BadInput, match=r"source.source: 2 of 3"):
        main(given)
    assert not (tmp_path / "out/source.parquet").exists()
    assert len(artifacts.read_table(tmp_path / "out/source_refused.csv")) == 1


def test_wrong_params_name_file_key_and_value(main, given):
    given["target"]["width"] = 4
    given["classes"] = "cityscape"
    with pytest.raises(BadInput) as error:
        main(given)
    assert "params.yaml: prepare.target.width = 4: " in str(error.value)
    assert "'cityscape'" in str(error.value)


@pytest.mark.parametrize("root", REAL)
def test_the_real_camvid_by_day_and_dusk(root):
    lists = {"source": "source-day", "target": "target-dusk", "val": "val-dusk"}
    domains = {
        name: {"reader": "camvid", "root": root, "width": 120, "height": 90,
               "options": {"list": f"{file}.txt"}}
        for name, file in lists.items()
    }  # fmt: skip
    prepared = run({"classes": "camvid", **domains})
    sizes = [len(getattr(prepared, name)) for name in ("source", "target", "val", "target_truth")]
    assert sizes == [305, 42, 20, 42]
    assert prepared.refused.empty

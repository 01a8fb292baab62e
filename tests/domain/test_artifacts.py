"""Files between stages: what is written is read back, atomically and always as the same bytes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import INDEX, RED16, Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import CAMVID, CITYSCAPES, IGNORE, resolve
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.runtime.files import BadInput, read_json, write_bytes, write_json
from tests import worlds

TABLE = pd.DataFrame({"image": ["a", "b"], "score": [0.25, np.nan], "kept": [1, 2]})


def domain(root, n=3, encoding=INDEX):
    samples = [
        Sample("source", f"i/{k}.png", f"{k:064x}", 4, 6 + k, f"l/{k}.png", f"{k + 9:064x}")
        for k in range(n)
    ]
    return Domain(samples, root, (6, 4), Coding({0: IGNORE, 7: 0, 300: 1}, encoding))


def test_a_sources_index_counts_its_classes_where_they_are_known(tmp_path):
    plain, path = domain(tmp_path), tmp_path / "x.parquet"
    counted = replace(
        plain, samples=[replace(s, pixels=(k, 2)) for k, s in enumerate(plain.samples)]
    )
    for of, expected in ((counted, [(0, 2), (1, 2), (2, 2)]), (plain, [None] * 3)):
        artifacts.write_sources(path, {"source": of})
        found = artifacts.read_sources(path, lambda _: tmp_path)["source"]
        assert [sample.pixels for sample in found.samples] == expected
        assert ("pixels" in pq.read_schema(path).names) == (of is counted)
    for labelled in (True, False):  # val, and the target, of which nothing may leak
        artifacts.write_domain(path, counted, labelled=labelled)
        assert "pixels" not in pq.read_schema(path).names


# --- atomicity and determinism -------------------------------------------------------------


def test_bytes_are_written_below_new_folders_readable_by_all(tmp_path):
    path = tmp_path / "new/er/x.bin"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(step, failure, tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})

    def fail(*_):
        raise failure

    monkeypatch.setattr(step, fail)
    with pytest.raises(BadInput if isinstance(failure, OSError) else type(failure)):
        write_json(path, {"new": 1})
    monkeypatch.undo()
    assert read_json(path) == {"old": 1}
    assert [*tmp_path.iterdir()] == [path]


def test_content_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"new": float("nan")})
    assert read_json(path) == {"old": 1}


def write_all(folder):
    write_json(folder / "x.json", {"b": [1, None], "a": "ü"})
    artifacts.write_table(folder / "x.csv", TABLE)
    artifacts.write_table(folder / "x.parquet", TABLE)
    artifacts.write_domain(folder / "d.parquet", domain(folder))
    artifacts.write_domain(folder / "t.parquet", domain(folder), labelled=False)
    artifacts.write_taxonomy(folder / "taxonomy.json", CITYSCAPES)
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pictures.write_label(folder / "l.png", label, CAMVID.colours)


def test_the_same_content_gives_the_same_bytes_in_any_folder(tmp_path):
    for name in ("first", "second/below"):
        write_all(tmp_path / name)
    files = sorted(path for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(files) == 7
    for path in files:
        other = tmp_path / "second/below" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == other.read_bytes(), path.name
        assert str(tmp_path).encode() not in path.read_bytes()


# --- json, tables, taxonomies --------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_come_back(suffix, tmp_path):
    artifacts.write_table(tmp_path / f"x.{suffix}", TABLE)
    pd.testing.assert_frame_equal(artifacts.read_table(tmp_path / f"x.{suffix}"), TABLE)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_empty_tables_keep_their_columns(suffix, tmp_path):
    artifacts.write_table(tmp_path / f"x.{suffix}", TABLE[:0])
    assert [*artifacts.read_table(tmp_path / f"x.{suffix}").columns] == [*TABLE.columns]


def test_a_class_may_be_called_na(tmp_path):
    table = pd.DataFrame({"class": ["NA", "null", "nan"], "iou": [1.0, np.nan, 0.5]})
    artifacts.write_table(tmp_path / "x.csv", table)
    pd.testing.assert_frame_equal(artifacts.read_table(tmp_path / "x.csv"), table)


@pytest.mark.parametrize("classes", ["cityscapes", "cityscapes16", "camvid", ["a", "b"]])
def test_taxonomies_come_back(classes, tmp_path):
    taxonomy = resolve(classes)
    artifacts.write_taxonomy(tmp_path / "x.json", taxonomy)
    assert artifacts.read_taxonomy(tmp_path / "x.json") == taxonomy


# --- domains -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [INDEX, RED16])
@pytest.mark.parametrize("n", [0, 3])
def test_domains_come_back_below_any_root(encoding, n, tmp_path):
    written = domain(tmp_path / "here", n, encoding)
    artifacts.write_domain(tmp_path / "d.parquet", written)
    read = artifacts.read_domain(tmp_path / "d.parquet", tmp_path / "there", memory=5, empty=True)
    assert read == replace(written, root=tmp_path / "there", memory=5)


def test_an_index_put_together_of_parts_has_the_bytes_of_one_written_at_once(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("whole.parquet", "parts.parquet")]
    given = with_regions(domain(tmp_path, 5))
    artifacts.write_domain(paths[0], given)
    monkeypatch.setattr(artifacts, "_AT_ONCE", 2)
    artifacts.write_domain(paths[1], given)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_without_labels_nothing_of_them_is_written(tmp_path):
    path = tmp_path / "t.parquet"
    artifacts.write_domain(path, domain(tmp_path), labelled=False)
    read = artifacts.read_domain(path, tmp_path)
    assert [sample.label for sample in read.samples] == [None] * 3
    assert read.coding == Coding({})
    assert not {"label", "label_hash"} & set(pq.read_schema(path).names)
    assert b"l/1.png" not in path.read_bytes()


def with_regions(domain, dark=20):
    samples = [
        replace(sample, region=f"m/{sample.name}.gif", region_hash=f"{index:064x}")
        for index, sample in enumerate(domain.samples)
    ]
    return replace(domain, samples=samples, coding=replace(domain.coding, dark=dark))


@pytest.mark.parametrize("labelled", [True, False])
def test_regions_come_back_with_labels_and_without(labelled, tmp_path):
    written = with_regions(domain(tmp_path))
    artifacts.write_domain(tmp_path / "d.parquet", written, labelled=labelled)
    read = artifacts.read_domain(tmp_path / "d.parquet", tmp_path)
    assert [s.region for s in read.samples] == [s.region for s in written.samples]
    assert [s.region_hash for s in read.samples] == [s.region_hash for s in written.samples]
    assert read.coding == (written.coding if labelled else Coding({}, dark=20))
    assert labelled or b"l/1.png" not in (tmp_path / "d.parquet").read_bytes()


def test_an_index_without_regions_says_nothing_of_them(tmp_path):
    artifacts.write_domain(tmp_path / "d.parquet", domain(tmp_path))
    schema = pq.read_schema(tmp_path / "d.parquet")
    assert not {"region", "region_hash"} & {*schema.names}
    assert "dark" not in schema.metadata[b"segue"].decode()


def test_one_of_a_mix_may_have_regions(tmp_path):
    sources = {"plain": domain(tmp_path), "eyes": with_regions(domain(tmp_path))}
    artifacts.write_sources(tmp_path / "d.parquet", sources)
    read = artifacts.read_sources(tmp_path / "d.parquet", lambda _: tmp_path)
    for name, one in sources.items():
        assert read[name].coding == one.coding
        assert [s.region for s in read[name].samples] == [s.region for s in one.samples]


def test_a_region_outside_its_root_is_refused(tmp_path):
    written = with_regions(domain(tmp_path))
    written.samples = [replace(s, region="../m.gif") for s in written.samples]
    artifacts.write_domain(tmp_path / "d.parquet", written)
    with pytest.raises(BadInput, match=r"'../m.gif' leaves its root"):
        artifacts.read_domain(tmp_path / "d.parquet", tmp_path)


# --- label maps ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", range(256))
def test_every_train_id_comes_back(value, tmp_path):
    label = np.full((3, 5), value, np.uint8)
    label[0, 0] = 0
    pictures.write_label(tmp_path / "l.png", label, CITYSCAPES.colours)
    read = pictures.read_label_map(tmp_path / "l.png", 255)
    assert read.dtype == np.uint8
    assert np.array_equal(read, label)


def test_all_train_ids_at_once_in_one_palette_image_of_eight_bits(tmp_path):
    label = np.arange(256, dtype=np.uint8).reshape(8, 32)
    pictures.write_label(tmp_path / "l.png", label, CITYSCAPES.colours)
    with Image.open(tmp_path / "l.png") as image:
        assert image.mode == "P"
        colours = np.asarray(image.convert("RGB"))
    assert (tmp_path / "l.png").read_bytes()[24:26] == b"\x08\x03"  # depth 8, palette
    assert np.array_equal(colours, pictures.colourise(label, CITYSCAPES.colours))
    assert np.array_equal(pictures.read_label_map(tmp_path / "l.png", 255), label)


def test_colours_follow_the_taxonomy_and_ignored_is_black():
    shown = pictures.colourise(np.array([[0, 18, IGNORE]], np.uint8), CITYSCAPES.colours)
    assert shown.tolist() == [[[128, 64, 128], [119, 11, 32], [0, 0, 0]]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_label_map_comes_back_from_an_editor_that_made_rgb_of_it(mode, tmp_path):
    label = np.array([[*range(11), IGNORE]], np.uint8)
    pictures.write_label(tmp_path / "l.png", label, CAMVID.colours)
    with Image.open(tmp_path / "l.png") as image:
        image.convert("RGB").convert(mode).save(tmp_path / "edited.png")
    read = pictures.read_label_map(tmp_path / "edited.png", 11, CAMVID.colours)
    assert read.dtype == np.uint8
    assert np.array_equal(read, label)


def test_an_edited_label_map_of_other_colours_is_refused_with_those_it_may_have(tmp_path):
    shown = pictures.colourise(np.zeros((2, 2), np.uint8), CAMVID.colours)
    shown[0, 0] = 1
    worlds.save(tmp_path / "l.png", shown)
    match = r"l\.png: 1 pixel of colours #010101 \(1 pixel\) of no class; use #808080, .*black"
    with pytest.raises(BadInput, match=match):
        pictures.read_label_map(tmp_path / "l.png", 11, CAMVID.colours)
    half = np.zeros((2, 2, 4), np.uint8)
    worlds.save(tmp_path / "l.png", half)
    with pytest.raises(BadInput, match="partly transparent"):
        pictures.read_label_map(tmp_path / "l.png", 11, CAMVID.colours)


def test_label_maps_of_other_classes_or_formats_are_refused(tmp_path):
    path = tmp_path / "l.png"
    pictures.write_label(path, np.array([[1, 11, IGNORE]], np.uint8), CAMVID.colours)
    with pytest.raises(BadInput, match=r"l\.png: value 11; train ids run from 0 to 10"):
        pictures.read_label_map(path, 11)
    worlds.save(path, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BadInput, match=r"l\.png: .*mode RGB"):
        pictures.read_label_map(path, 11)
    with pytest.raises(BadInput, match=r"none\.png"):
        pictures.read_label_map(tmp_path / "none.png", 11)


def test_pseudo_labels_lie_under_their_samples_names(tmp_path):
    whole = domain(tmp_path)
    whole.samples = [replace(sample, image_hash="") for sample in whole.samples]
    worlds.save(tmp_path / "i/1.png", np.full((4, 7, 3), 9, np.uint8))
    pictures.write_label(tmp_path / "p/i__1.png", np.full((8, 12), 1, np.uint8), CAMVID.colours)
    labelled = PseudoLabelled(whole, tmp_path / "p", 2)
    assert len(labelled) == len(labelled.samples) == 3
    assert labelled.image(1).shape == (4, 6, 3)
    assert np.array_equal(labelled.label(1), np.full((4, 6), 1))
    assert (PseudoLabelled(whole, None, 2).label(1) == np.full((4, 6), IGNORE)).all()


def test_an_index_without_an_image_is_refused_where_some_are_needed(tmp_path):
    artifacts.write_domain(tmp_path / "d.parquet", Domain([], tmp_path, (8, 8)))
    assert len(artifacts.read_domain(tmp_path / "d.parquet", tmp_path, empty=True)) == 0
    with pytest.raises(BadInput, match=r"d\.parquet: cannot be read as the index.*has no image"):
        artifacts.read_domain(tmp_path / "d.parquet", tmp_path)


TABLE = pd.DataFrame({"image": ["a", "a", "b", "b"], "class": ["x", "y"] * 2, "k": [1.0] * 4})


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="k"), "it has no column 'k'"),
        (lambda t: t.iloc[:-1], "its classes are not the 2 of the task"),
        (lambda t: t.iloc[::-1], "its classes are not the 2 of the task"),
        (lambda t: t.iloc[:0], "its classes are not the 2 of the task"),
        (lambda t: t.replace("b", "c"), "its images are not the target's: b is in one alone"),
        (lambda t: t.iloc[:2], "its images are not the target's: b is in one alone"),
    ],
)
def test_a_table_of_something_else_is_refused(change, words, suffix, tmp_path):
    """Well-formed, and made of other classes or images, or cut short."""
    path = tmp_path / f"t.{suffix}"
    given = {"classes": ["x", "y"], "images": ["a", "b"]}
    artifacts.write_table(path, TABLE)
    assert len(artifacts.read_table(path, "k", **given)) == len(TABLE)
    artifacts.write_table(path, change(TABLE))
    with pytest.raises(BadInput, match=words):
        artifacts.read_table(path, "k", **given)

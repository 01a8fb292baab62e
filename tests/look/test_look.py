"""The look between rounds: maps as scripts, a round's table, the page's data."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.pixels import resize_label
from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import labelling
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.look import maps, page, views
from pipeline.runtime.files import BadInput, read_json
from pipeline.stages import panels
from tests import looks
from tests.rounds import HEIGHT, THREE, WIDTH, predictions_of


def data(folder):
    text = (folder / "page/data.js").read_text(encoding="ascii")
    assert text.startswith("look.open(")
    return text, json.loads(text.removeprefix("look.open(").removesuffix(");\n"))


# --- maps ----------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 40), st.randoms())
def test_a_packed_map_is_what_was_packed(width, height, random):
    plane = np.array([[random.randrange(256) for _ in range(width)] for _ in range(height)])
    packed = maps.pack(plane.astype(np.uint8))
    assert np.array_equal(maps.unpack(packed, (width, height)), plane)


@pytest.mark.parametrize(
    ("working", "width", "expected"),
    [((2048, 1024), 512, (512, 256)), ((256, 128), 512, (256, 128)), ((64, 1), 16, (16, 1))],
)
def test_panels_keep_the_shape_and_are_never_enlarged(working, width, expected):
    assert maps.size_of(working, width) == expected


@pytest.mark.parametrize("text", [*looks.HOSTILE, "\\u003c</script>", "é\u2029\0"])
def test_a_script_holds_any_text_and_nothing_but_data(text):
    made = maps.script("look.open(", {"name": text})
    assert made.isascii()
    assert b"<" not in made
    assert json.loads(made[len("look.open(") : -len(");\n")]) == {"name": text}


# --- of an image and a round ---------------------------------------------------------------


@pytest.fixture
def written(pseudo, tmp_path):
    labels: PseudoLabelled = pseudo[0].labels
    found = predictions_of(labels.domain, tmp_path / "p")
    truths = {0: np.zeros((12, 16), np.uint8), 1: np.full((12, 16), IGNORE, np.uint8)}
    made = views.write(tmp_path / "look", "r", found, labels.label, truths.get, (16, 12))
    return tmp_path / "look/maps", found, labels, made


def test_maps_are_of_every_image_at_panel_size(written):
    folder, found, labels, _ = written
    assert len(list(folder.glob("*.js"))) == len(labels) == 5
    for index in range(5):
        planes = maps.read(maps.file(folder, index))
        grid = found[index].logits.astype(np.float32)
        predicted, k, _ = labelling.measure(grid, 12, 16)
        label = resize_label(labels.label(index), (16, 12))
        assert np.array_equal(maps.unpack(planes["predicted"], (16, 12)), predicted)
        assert np.array_equal(maps.unpack(planes["label"], (16, 12)), label)
        sure = maps.unpack(planes["confidence"], (8, 6)) / (maps.LEVELS - 1)
        assert np.abs(sure - np.exp(-k[::2, ::2])).max() <= 0.5 / (maps.LEVELS - 1) + 1e-6
    assert (HEIGHT, WIDTH) == (24, 32)  # the label was of another size than its panel


def test_labels_are_there_at_their_own_size_row_by_row(written):
    folder, _, labels, _ = written
    for index in range(5):
        packed = maps.read(maps.file(folder.parent / "labels/maps", index))["label"]
        rows = maps.unpack(packed, (WIDTH, HEIGHT)).copy()
        for y in range(1, HEIGHT):
            rows[y] ^= rows[y - 1]
        assert np.array_equal(rows, labels.label(index))


def test_labels_are_left_out_where_nobody_corrects_on_the_page(pseudo, tmp_path):
    labels = pseudo[0].labels
    found = predictions_of(labels.domain, tmp_path / "p")
    look = tmp_path / "look"
    views.write(look, "r", found, labels.label, {}.get, (16, 12), whole=False)
    assert not (look / "labels").exists()
    assert not (look / "confusion").exists()  # nor is anything of a truth that is not there


def test_a_confusion_counts_the_pixels_that_have_both(written):
    folder, _, _, _ = written
    planes = maps.read(maps.file(folder.parent / "confusion/maps", 0))
    truth = np.zeros((12, 16), np.uint8)
    for name in ("predicted", "label"):
        made = maps.unpack(maps.read(maps.file(folder, 0))[name], (16, 12))
        counts = np.zeros((3, 3), int)
        for row, column in zip(truth.flat, made.flat, strict=True):
            if column != IGNORE:
                counts[row, column] += 1
        flat = maps.unpack(planes[name], (2 * 9 * 2, 1)).view("<u2").reshape(2, 3, 3)
        assert np.array_equal(np.floor(flat[0].astype(int) * made.size / maps.WHOLE), counts)
        assert not flat[1].any()  # the second image's truth is ignored everywhere


def test_disagreement_is_of_labelled_pixels_with_a_truth(written):
    folder, _, _, made = written
    label = maps.unpack(maps.read(maps.file(folder, 0))["label"], (16, 12))
    assert made["wrong"][0] == (label[label != IGNORE] != 0).mean()
    assert made["wrong"][1:].isna().all()  # nothing known, nothing labelled, no truth
    assert made["wrong_prediction"][1:].isna().all()


def test_wrong_labels_of_a_class_are_counted_in_pixels_of_the_working_size(written):
    folder, _, _, made = written
    label = maps.unpack(maps.read(maps.file(folder, 0))["label"], (16, 12))
    larger = WIDTH * HEIGHT // label.size  # the truth of the first image is class 0 everywhere
    expected = [0, *(larger * int((label == each).sum()) for each in (1, 2))]
    assert [each.tolist() for each in made["wrong_kept"]] == [expected, *[[0, 0, 0]] * 4]
    assert sum(expected) > 0


def test_an_odd_size_has_its_last_row_and_column(pseudo, tmp_path):
    found = predictions_of(pseudo[0].labels.domain, tmp_path / "p")
    seen = views.view(found[0], np.zeros((24, 32), np.uint8), (15, 11))
    assert seen.predicted.shape == seen.label.shape == (11, 15)
    assert seen.confidence.shape == (6, 8)


def test_a_table_is_in_the_order_of_the_images():
    coverage = pd.DataFrame(
        {"image": ["b", "b", "a", "a"], "predicted": [6, 2, 0, 8], "kept": [3, 0, 0, 8],
         "mean_entropy": [0.5, 0.1, np.nan, 0.25], "mean_confidence": [0.4, 0.8, np.nan, 1.0]}
    )  # fmt: skip
    split = pd.DataFrame(
        {"image": ["a", "b"], "score": [0.2, 0.4], "rank": [0, 1], "subset": ["easy", "hard"]}
    )
    found = pd.DataFrame({"wrong": [0.1, None], "wrong_prediction": [0.2, None]})
    found["wrong_kept"] = [[0, 4], [0, 0]]
    table = views.table(["a", "b"], ["a", "b"], found, coverage, split, {"b"}).set_index("image")
    assert table.loc["a", ["coverage", "entropy", "confidence"]].tolist() == [1, 0.25, 1]
    assert table.loc["b", ["coverage", "entropy", "confidence"]].tolist() == [0.375, 0.4, 0.5]
    assert table["subset"].tolist() == ["easy", "hard"]
    assert table["corrected"].tolist() == [False, True]
    assert [list(row) for row in table["kept"]] == [[0, 8], [3, 0]]
    assert [list(row) for row in table["wrong_kept"]] == [[0, 4], [0, 0]]
    given = {"a": (found[:1], coverage[2:]), "b": (found[1:], coverage[:2])}
    parts = [views.table([name], [name], *of, split, {"b"}) for name, of in given.items()]
    pd.testing.assert_frame_equal(pd.concat(parts).set_index("image"), table)


# --- the page ------------------------------------------------------------------------------


def test_the_page_knows_every_image_and_round(tmp_path):
    shown = looks.world(tmp_path, corrected={"east__field.3"})
    _, known = data(tmp_path)
    assert known == json.loads(json.dumps(shown))
    assert known["images"] == list(looks.NAMES)
    assert [r["name"] for r in known["rounds"]] == ["round-1", "round-2"]
    assert [r["before"] for r in known["rounds"]] == [None, "round-1"]
    for made in known["rounds"]:
        assert made["hard"] == [0] * 6 + [1] * 6
        assert [n for n, value in enumerate(made["corrected"]) if value] == [3]
        assert made["columns"]["coverage"] == [0.5] * 12
        assert [v is None for v in made["columns"]["wrong"]] == [False, True] * 6
        for at, (index, share) in enumerate(zip(range(12), _shares(made, "kept"), strict=True)):
            label = maps.unpack(_planes(tmp_path, made["name"], index)["label"], looks.SIZE)
            counts = np.bincount(label[label != IGNORE], minlength=3) / label.size
            assert np.abs(share - counts).max() < 1 / 65000, at
    assert len(set(known["ids"])) == 12


def _planes(folder, name, index):
    return maps.read(maps.file(folder / "look" / name / "maps", index))


def _shares(made, key):
    flat = maps.unpack(made["shares"][key], (2 * 3 * 12, 1)).view("<u2")
    return flat.reshape(12, 3) / 65535


def test_change_is_the_share_of_pixels_predicted_otherwise(tmp_path):
    looks.world(tmp_path)
    first, second = data(tmp_path)[1]["rounds"]
    assert first["columns"]["change"] is None
    for index, change in enumerate(second["columns"]["change"]):
        one, two = (
            maps.unpack(_planes(tmp_path, name, index)["predicted"], looks.SIZE)
            for name in ("round-1", "round-2")
        )
        assert change == pytest.approx((one != two).mean(), abs=1e-4)


@pytest.mark.parametrize("names", [looks.NAMES[:1], looks.NAMES])
def test_a_page_without_truth_or_with_one_image(names, tmp_path):
    shown = looks.world(tmp_path, names, truth=False)
    assert shown["truth"] == [False] * len(names)
    assert all(value is None for value in shown["rounds"][1]["columns"]["wrong"])
    assert not list((tmp_path / "panels").glob("*.js"))


@pytest.mark.parametrize("flip", [True, False])
def test_label_quality_and_flips_are_those_of_pseudo_labels_table(flip, tmp_path):
    looks.world(tmp_path, flip=flip)
    given = looks.quality(looks.target(), flip=flip)
    for made in data(tmp_path)[1]["rounds"]:
        known = given["quality"].to_numpy().reshape(12, 4)
        assert _shares(made, "quality") == pytest.approx(np.nan_to_num(known[:, :3]), abs=2e-5)
        assert made["columns"]["quality"] == pytest.approx(known[:, 3], abs=1e-4)
        flips = given["flip"].to_numpy().reshape(12, 4)[:, 3]
        expected = pytest.approx(flips, abs=1e-4) if flip else [None] * 12
        assert made["columns"]["flip"] == expected


def test_an_image_that_is_left_out_is_neither_easy_nor_hard(tmp_path):
    looks.world(tmp_path, rounds=1)
    path = tmp_path / "look/round-1/images.parquet"
    table = pd.read_parquet(path)
    table.loc[4, "subset"] = "excluded"  # as a verdict has it
    table.to_parquet(path)
    metrics, found = looks.tables(["source", "round-1"])
    places = (tmp_path / "panels", tmp_path / "look")
    given = (looks.params(1), metrics, found, THREE, *places)
    shown = page.content(*given, {}, {"round-1": [looks.quality(looks.target())]})
    assert shown["rounds"][0]["hard"] == [0] * 4 + [2, 0] + [1] * 6


def test_a_page_without_rounds(tmp_path):
    assert looks.world(tmp_path, rounds=0)["rounds"] == []


def test_hostile_names_are_data_alone(tmp_path):
    looks.world(tmp_path)
    text, known = data(tmp_path)
    assert "<" not in text
    assert set(looks.HOSTILE) <= set(known["images"])
    files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    assert all(set(file) <= set("abcdefghijklmnopqrstuvwxyzLICENSE0123456789-./") for file in files)


def test_the_same_reports_give_the_same_bytes_wherever_they_lie(tmp_path):
    for name in ("one", "another-place"):
        looks.world(tmp_path / name)
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (tmp_path / "one", tmp_path / "another-place")
    )
    assert one == two
    assert not any(str(tmp_path).encode() in content for content in one.values())


def test_the_page_brings_all_that_it_loads(tmp_path):
    looks.world(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert "http" not in html.replace("http-equiv", "")
    parts = [w.split('"')[1] for w in html.split() if w.startswith(("src=", "href="))]
    assert "page/data.js" in parts
    assert all((tmp_path / part).is_file() for part in parts if part.startswith("page/"))
    assert (tmp_path / "page/uplot.LICENSE").read_text().startswith("The MIT License")


def test_overlapping_hashes_are_told_apart():
    domain = looks.target(looks.NAMES[:2])
    alike = [replace(s, image_hash=f"aaaaaaaa{n}") for n, s in enumerate(domain.samples)]
    about = panels.index_of(replace(domain, samples=alike), panels.Params(), [False] * 2)
    assert about["ids"] == ["aaaaaaaa0", "aaaaaaaa1"]


def test_every_class_of_the_taxonomy_has_its_colour(tmp_path):
    shown = looks.world(tmp_path)
    assert shown["classes"] == list(THREE.names)
    rgb = [tuple(bytes.fromhex(colour[1:])) for colour in shown["colours"]]
    assert rgb == list(THREE.colours)


def test_a_missing_table_is_named(tmp_path):
    looks.world(tmp_path)
    (tmp_path / "look/round-1/images.parquet").unlink()
    metrics, found = looks.tables(["source", "round-1", "round-2"])
    places = (tmp_path / "panels", tmp_path / "look")
    with pytest.raises(BadInput, match=r"round-1.images\.parquet"):
        page.content(looks.params(), metrics, found, THREE, *places, {}, {"round-1": None})
    assert read_json(tmp_path / "panels/index.json")["size"] == [64, 32]

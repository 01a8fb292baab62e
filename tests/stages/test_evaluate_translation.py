"""evaluate_translation: closeness and structure in numbers, in words and in pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.domain import artifacts
from pipeline.domain.pixels import resize_label
from pipeline.domain.taxonomy import IGNORE
from pipeline.evaluation import scores
from pipeline.inference import predict
from pipeline.look import maps
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import root
from pipeline.stages import evaluate_translation
from pipeline.translation import references
from tests import translating
from tests.rounds import THREE
from tests.translating import FOLDER, both, painted, read_image

NAME = Path("reports/sources/painted")
ROLES = {"model": "source", "adapted": "warm"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def models():
    for seed, name in enumerate(ROLES.values()):
        made = model.create(Recipe("small", THREE, {"width": 8}), seed)
        drawn = torch.Generator().manual_seed(seed)
        torch.nn.init.normal_(
            made.network.classifier.weight, std=5, generator=drawn
        )  # classes differ
        model.save(Path(f"models/{name}.pt"), made)


@pytest.fixture
def world(scenes, tmp_path, monkeypatch):
    found = translating.build(scenes, tmp_path, 6)
    both(monkeypatch)
    models()
    return found


def predictions(role, domain, count=6):
    made = model.load(Path(f"models/{ROLES[role]}.pt")).eval()
    width, height = domain.size
    for index in range(count):
        image = torch.from_numpy(domain.image(index).copy()).permute(2, 0, 1)[None]
        logits, over = predict.scores(made, image)
        yield predict.labels(logits, height, width, over)[0].numpy()


def read(path):
    (found,) = artifacts.read_sources(Path(path), root).values()
    return found


def test_numbers_are_those_of_each_image_by_itself(world, monkeypatch, capsys):
    source, _ = world
    metrics = translating.evaluated(monkeypatch)
    first = [s for s in read(FOLDER / "index.parquet").samples if s.image.startswith("images/1/")]
    translated = replace(read(FOLDER / "index.parquet"), samples=first)
    images = artifacts.read_table(NAME / "translation/images.parquet")
    assert images["image"].tolist() == [s.image for s in source.samples]
    changes = artifacts.read_table(NAME / "changes.csv")
    for role in ROLES:
        before, after = ([*predictions(role, domain)] for domain in (source, translated))
        shares = [float((b != a).mean()) for b, a in zip(before, after, strict=True)]
        assert images[role].tolist() == shares
        assert max(shares) > 0
        for when, predicted in (("before", before), ("after", after)):
            confusion = scores.Confusion(3)
            for index, one in enumerate(predicted):
                confusion.add(source.label(index), one)
            expected = scores.summary(confusion.iou(), THREE)["miou"]
            assert metrics["miou"][role][when] == pytest.approx(expected)
        assert metrics["agreement"][role] == pytest.approx(100 * (1 - np.mean(shares)))
        pixels = changes.loc[changes["model"] == role, "pixels"].sum()
        assert pixels == sum((b != a).sum() for b, a in zip(before, after, strict=True))
    assert capsys.readouterr().out.splitlines()[-1] == f"painted: {metrics['verdict']}"


def test_the_table_has_the_two_reference_rows(world, monkeypatch):
    metrics = translating.evaluated(monkeypatch)
    table = artifacts.read_table(NAME / "translation.csv").set_index("images")
    assert [*table.index] == ["translated", "source", "target"]
    assert table["miou_model"].iloc[:2].tolist() == pytest.approx(
        [metrics["miou"]["model"]["after"], metrics["miou"]["model"]["before"]], abs=1e-5
    )
    assert table.loc["target", ["miou_model", "miou_adapted"]].isna().all()
    assert table.drop(columns=["miou_model", "miou_adapted"]).notna().all(axis=None)
    assert table["colours"]["translated"] < table["colours"]["source"]


def test_the_page_has_both_pictures_the_maps_and_the_reference(world, monkeypatch):
    source, target = world
    translating.evaluated(monkeypatch)
    images = artifacts.read_table(NAME / "translation/images.parquet")
    for index, sample in enumerate(source.samples):
        assert images["reference"][index] == references.drawn(3, sample.image, 1, len(target))
        planes = maps.read(maps.file(NAME / "translation/maps", index))
        for role in ROLES:
            expected = [*predictions(role, source)][index]
            found = maps.unpack(planes[f"{role}_before"], source.size)
            assert np.array_equal(found, resize_label(expected, source.size))
        for folder in ("source", "translated"):
            with Image.open(maps.file(NAME / "translation" / folder, index, "jpg")) as picture:
                assert picture.size == source.size
    text = (NAME / "translation/maps/00000.js").read_text()
    assert json.loads(text[len("look.put(") : -3])["key"] == "sources/painted/translation"
    with Image.open(NAME / "translation/mosaic.png") as mosaic:
        assert mosaic.size[0] > 6 * 300


def test_the_same_bytes_twice(world, monkeypatch):
    translating.evaluated(monkeypatch)
    first = translating.contents(NAME)
    translating.evaluated(monkeypatch)
    assert translating.contents(NAME) == first


def test_the_size_of_a_batch_changes_nothing_but_last_digits(scenes, tmp_path, monkeypatch):
    found = []
    for batch in (1, 4):
        given = {"batch": batch}
        translating.build(scenes, tmp_path, 6, **painted(evaluate_translation=given))
        both(monkeypatch)
        models()
        metrics = translating.evaluated(monkeypatch)
        found.append([*metrics["miou"]["model"].values(), *metrics["colours"].values()])
    assert found[0] == pytest.approx(found[1], abs=0.5)


def test_features_of_a_backbone_give_other_numbers(scenes, tmp_path, monkeypatch):
    given = {"backbone": "timm/tf_efficientnet_lite0", "pretrained": "package:efficientnet-lite0"}
    found = []
    for features in (None, given):
        translating.build(
            scenes, tmp_path, 6, **painted(evaluate_translation={"features": features})
        )
        both(monkeypatch)
        models()
        found.append(translating.evaluated(monkeypatch))
    assert found[0]["miou"] == found[1]["miou"]
    assert found[0]["kid"]["last"] != found[1]["kid"]["last"]


def test_an_image_without_a_translation_is_told_of(world, monkeypatch):
    whole = read(FOLDER / "index.parquet")
    lost = replace(whole, samples=[s for s in whole.samples if not s.image.endswith("__3.png")])
    artifacts.write_sources(FOLDER / "index.parquet", {"painted": lost})
    with pytest.raises(BadInput, match=r"images/1/source__i__3\.png: has no translation"):
        translating.evaluated(monkeypatch)


def test_too_few_images_to_compare_are_told_of(scenes, tmp_path, monkeypatch):
    translating.build(scenes, tmp_path, 3)
    both(monkeypatch)
    models()
    with pytest.raises(BadInput, match="source and target have 3 and 4 images, and at least 4"):
        translating.evaluated(monkeypatch)


def test_labels_of_no_class_count_in_no_miou(world):
    source, _ = world
    judge = evaluate_translation.structure.Judge(THREE)
    nothing = np.full(source.size[::-1], IGNORE, np.uint8)
    judge.add(nothing, source.label(0), source.label(1))
    assert judge.mious() == (0.0, 0.0)


def test_of_a_mix_as_many_images_of_each_source_are_judged(scenes, tmp_path, monkeypatch):
    mixed = {"mix": {"games": {"one": "game", "other": "drawn"}},
             "source": {"drawn": {"root": str(tmp_path)}}}  # fmt: skip
    mixed |= painted(source="games", evaluate_translation=ROLES | {"images": 8})
    source, _ = translating.build(scenes, tmp_path, 6, **mixed)
    both_ = {"game": source, "drawn": scenes(9, name="drawn", seed=4)}
    artifacts.write_sources(Path("data/sources/games/index.parquet"), both_)
    translating.fit(monkeypatch, source="games")
    translating.made(monkeypatch, source="games")
    models()
    translating.evaluated(monkeypatch, source="games")
    images = artifacts.read_table(NAME / "translation/images.parquet")
    expected = [f"game/source/i/{n}.png" for n in (0, 2, 3, 5)]
    expected += [f"drawn/drawn/i/{n}.png" for n in (0, 3, 5, 8)]
    assert images["image"].tolist() == expected
    drawn = [references.drawn(3, name.partition("/")[2], 1, 4) for name in expected]
    assert images["reference"].tolist() == drawn
    made = read_image(FOLDER / "drawn/images/1/drawn__i__8.png")
    with Image.open(maps.file(NAME / "translation/translated", 7, "jpg")) as picture:
        assert np.abs(np.asarray(picture, int) - made).mean() < 20

"""fit_translator and translate: a source of its own, the same bytes however it is made."""

import os
import re
import shutil
import signal
import tracemalloc
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.domain import artifacts, pictures
from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.pixels import Coding
from pipeline.domain.sampling import SamplingParams
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import AugmentParams
from pipeline.runtime import parts, threads
from pipeline.runtime.files import BadInput, digest
from pipeline.runtime.params import root
from pipeline.stages import mix, prior, translate
from pipeline.translation import references
from tests import translating
from tests.rounds import THREE
from tests.translating import FOLDER, both, contents, painted


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def world(scenes, tmp_path):
    return translating.build(scenes, tmp_path)


def read(name="painted"):
    return artifacts.read_sources(Path(f"data/sources/{name}/index.parquet"), root)


# --- what it is ----------------------------------------------------------------------------


def test_a_translation_is_a_source_with_the_images_of_its_translator(world, monkeypatch, capsys):
    source, target = world
    both(monkeypatch)
    assert capsys.readouterr().out == "painted: 10 images of 5\n"
    (found,) = read().values()
    assert [*read()] == ["painted"]
    assert (found.size, found.root) == (source.size, FOLDER)
    translator = parts.build("translators", "lab", {})
    for index, sample in enumerate(source.samples):
        for copy in (1, 2):
            at = 2 * index + copy - 1
            assert found.samples[at].image == f"images/{copy}/{sample.name}.png"
            assert found.samples[at].image_hash == digest(FOLDER / found.samples[at].image)
            chosen = references.drawn(3, sample.image, copy, len(target))
            row = translator.measure(target.image(chosen), None)
            expected = translator.translate(source.image(index), None, row)
            assert np.array_equal(found.image(at), expected)
            assert np.array_equal(found.label(at), source.label(index))


def test_it_says_how_many_pixels_each_class_has(world, monkeypatch):
    both(monkeypatch)
    table = artifacts.read_table(Path("reports/sources/painted/classes.csv"), classes=THREE.names)
    labels = np.stack([world[0].label(index) for index in range(5)])
    assert table["pixels"].tolist() == [2 * int((labels == c).sum()) for c in range(3)]


def test_it_holds_no_path_of_the_machine_and_may_be_moved(world, monkeypatch, tmp_path):
    found = both(monkeypatch)
    assert str(tmp_path).encode() not in found["index.parquet"]
    assert {*found} == {
        "index.parquet",
        *(f"images/{c}/source__i__{n}.png" for c in (1, 2) for n in range(5)),
        *(f"labels/source__i__{n}.png" for n in range(5)),
    }


def test_a_mean_of_all_is_one_reference(scenes, tmp_path, monkeypatch):
    given = {"fit_translator": {"references": "mean"}, "translate": {"copies": 1}}
    _, target = translating.build(scenes, tmp_path, **painted(**given))
    both(monkeypatch)
    fitted = references.read(Path("data/translators/painted.npy"))
    translator = parts.build("translators", "lab", {})
    rows = np.stack([translator.measure(target.image(i), None) for i in range(4)])
    assert np.allclose(fitted, rows.mean(0, dtype=float)[None], rtol=1e-6)


def test_the_target_is_measured_at_the_sources_size(scenes, tmp_path, monkeypatch):
    source, target = translating.build(
        scenes, tmp_path, **painted(fit_translator={"translator": "fda"})
    )
    wide = replace(target, size=(target.size[0] * 2, target.size[1] * 3))
    artifacts.write_domain(Path("data/prepared/target.parquet"), wide, labelled=False)
    both(monkeypatch)
    fitted = references.read(Path("data/translators/painted.npy"))
    translator = parts.build("translators", "fda", {})
    assert np.array_equal(
        fitted[1], translator.measure(replace(target, size=source.size).image(1), None)
    )


def test_what_lies_outside_a_region_counts_on_neither_side(scenes, tmp_path, monkeypatch):
    source, target = translating.build(scenes, tmp_path)
    width, height = source.size
    inside = np.zeros((height, width), np.uint8)
    inside[2:-2, 3:-5] = 255
    Image.fromarray(inside).save("mask.png")
    with_masks = [
        replace(d, samples=[replace(s, region="mask.png", region_hash="") for s in d.samples])
        for d in (source, target)
    ]
    artifacts.write_sources(Path("data/sources/game/index.parquet"), {"game": with_masks[0]})
    artifacts.write_domain(Path("data/prepared/target.parquet"), with_masks[1], labelled=False)
    both(monkeypatch)
    (found,) = read().values()
    translator, within = parts.build("translators", "lab", {}), inside > 0
    chosen = references.drawn(3, source.samples[0].image, 1, 4)
    row = translator.measure(target.image(chosen), within)
    assert np.array_equal(found.image(0), translator.translate(source.image(0), within, row))
    assert np.array_equal(found.image(0)[~within], source.image(0)[~within])
    assert (found.label(0)[~within] == IGNORE).all()


# --- wherever a source is named ------------------------------------------------------------


def test_a_training_draws_from_it_a_mix_takes_it_and_a_prior_counts_it(world, monkeypatch):
    both(monkeypatch)
    (found,) = read().values()
    augment = Augment(AugmentParams(crop_width=16, crop_height=16))
    batch = Draws((([found], 4), None), augment, 0)[0]
    assert batch.source.images.shape == (4, 3, 16, 16)
    original = artifacts.read_sources(Path("data/sources/game/index.parquet"), root)
    artifacts.write_sources(Path("mixed.parquet"), mix.run(original, read()))
    mixed = artifacts.read_sources(Path("mixed.parquet"), root)
    assert np.array_equal(mixed["painted"].image(1), found.image(1))
    expected, shares = (prior.run(prior.Params(), [d], 3) for d in (world[0], found))
    assert np.allclose(expected[0], shares[0])


def test_rare_classes_are_drawn_from_it_and_from_a_mix_with_its_source(world, monkeypatch):
    both(monkeypatch)
    ((original,), (found,)) = (read(name).values() for name in ("game", "painted"))
    for index, sample in enumerate(found.samples):
        counts = np.bincount(found.label(index).ravel(), minlength=256)[:IGNORE]
        assert sample.pixels == tuple(counts[: counts.nonzero()[0].max() + 1])
    counted = replace(original, samples=[replace(s, pixels=(1, 0, 2)) for s in original.samples])
    artifacts.write_sources(Path("mixed.parquet"), {"game": counted, "painted": found})
    members = [*artifacts.read_sources(Path("mixed.parquet"), root).values()]
    augment = Augment(AugmentParams(crop_width=16, crop_height=16))
    batch = Draws(((members, 4), None), augment, 0, sampling=SamplingParams())[0]
    assert batch.source.origins.tolist() == [0, 1, 0, 1]


def test_a_translation_of_a_translation(scenes, tmp_path, monkeypatch):
    item = {**translating.PARAMS["translations"]["painted"], "source": "painted"}
    translating.build(scenes, tmp_path, translations={"repainted": item})
    both(monkeypatch)
    translating.fit(monkeypatch, "repainted", "painted")
    translating.made(monkeypatch, "repainted", "painted")
    assert len(read("repainted")["repainted"]) == 20


# --- the same bytes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["appearance", "fda", "histogram", "lab", "fastcut", "pixelda"])
def test_the_same_bytes_twice_and_with_any_number_of_workers(name, scenes, tmp_path, monkeypatch):
    translating.build(scenes, tmp_path, 12, **painted(**translating.changes(name)))
    found = {}
    for workers in (0, 0, 2, 5):
        if workers:
            monkeypatch.setattr(threads.os, "cpu_count", lambda n=workers: n)
        else:  # in this thread, one after the other
            monkeypatch.setattr(threads, "on_all_cores", map)
        made = both(monkeypatch)
        made["fitted"] = Path("data/translators/painted.npy").read_bytes()
        assert found.setdefault("first", made) == made
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)


def test_another_seed_draws_others_and_another_image_changes_none(scenes, tmp_path, monkeypatch):
    translating.build(scenes, tmp_path)
    first = both(monkeypatch)
    source, _ = translating.build(scenes, tmp_path)
    fewer = replace(source, samples=source.samples[2:])
    artifacts.write_sources(Path("data/sources/game/index.parquet"), {"game": fewer})
    both(monkeypatch)
    found = contents()
    assert {name for name in found if name.startswith("images")} < {*first}
    assert all(found[name] == first[name] for name in found if name.startswith("images"))
    translating.build(scenes, tmp_path, seed=4)
    assert both(monkeypatch) != first


def _stopped(images, folder):
    """As a process that is killed once it has written so many images."""
    os.chdir(folder)
    written = []
    write = pictures.write_image

    def counted(path, image):
        write(path, image)
        if "images" in path.parts:
            written.append(path)
            if len(written) == images:
                os.kill(os.getpid(), signal.SIGKILL)

    patch = pytest.MonkeyPatch()
    patch.setattr(pictures, "write_image", counted)
    translating.made(patch)


@pytest.mark.parametrize("images", [1, 7, 10])
def test_a_killed_run_goes_on_and_leaves_the_same_bytes(images, world, tmp_path, monkeypatch):
    expected = both(monkeypatch)
    shutil.rmtree(FOLDER)
    process = get_context("fork").Process(target=_stopped, args=(images, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not FOLDER.exists()
    left = [*Path("data/unfinished/translate/painted").rglob("images/*/*.png")]
    assert len(left) >= images
    asked = []
    found = parts.find("translators", "lab")
    real = found.translate
    monkeypatch.setattr(found, "translate", lambda *given: asked.append(1) or real(*given))
    translating.made(monkeypatch)
    assert contents() == expected
    assert len(asked) == 10 - len(left)
    assert not Path("data/unfinished/translate/painted").exists()


def test_what_a_run_of_other_options_left_is_not_taken(world, tmp_path, scenes, monkeypatch):
    translating.fit(monkeypatch)
    process = get_context("fork").Process(target=_stopped, args=(3, tmp_path))
    process.start()
    process.join()
    given = {"fit_translator": {"options": {"lightness": "gamma"}}}
    translating.build(scenes, tmp_path, **painted(**given))
    found = both(monkeypatch)
    shutil.rmtree(FOLDER)
    assert both(monkeypatch) == found


def test_memory_is_the_same_for_any_number_of_images(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
    peaks = []
    for images in (8, 60):
        translating.build(scenes, tmp_path, images, **painted(translate={"copies": 1}))
        both(monkeypatch)
        tracemalloc.start()
        both(monkeypatch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    picture = np.prod(read()["painted"].size) * 3
    assert peaks[1] - peaks[0] < 52 * picture / 2  # rows of the index grow, and no pixels


# --- what is refused -----------------------------------------------------------------------


def test_every_image_is_translated_or_the_stage_fails(world, monkeypatch):
    source, _ = world
    translating.fit(monkeypatch)
    (source.root / source.samples[3].image).write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"source/i/3\.png: cannot be read as an image"):
        translating.made(monkeypatch)
    assert not FOLDER.exists()


def test_a_file_of_another_translator_is_refused(world, scenes, tmp_path, monkeypatch):
    translating.fit(monkeypatch)
    translating.build(scenes, tmp_path, **painted(fit_translator={"translator": "histogram"}))
    with pytest.raises(BadInput, match="has rows of 12 numbers, and this translator takes 768"):
        translating.made(monkeypatch)


def test_what_is_no_translation_is_not_replaced(world, monkeypatch):
    translating.fit(monkeypatch)
    FOLDER.mkdir(parents=True)
    (FOLDER / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="is no translation; move it away"):
        translating.made(monkeypatch)
    assert (FOLDER / "thesis.txt").read_text() == "mine"


def test_labels_of_a_translation_are_train_ids():
    coding = translate.coding(3)
    assert coding == Coding({0: 0, 1: 1, 2: 2, IGNORE: IGNORE})
    assert re.fullmatch("[0-2]|255", str(max(coding.values)))

"""MADAN's translators: each term by slow loops, each part switched off, and a mix as stages."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.domain import artifacts, pictures
from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.model.grids import resample
from pipeline.runtime import parts, threads
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import root
from pipeline.stages import mix
from pipeline.training import fitting
from pipeline.training.cycles import Way
from pipeline.training.directions import Pairs
from pipeline.training.generators import Networks
from pipeline.training.translation import pixels, scaled
from pipeline.translation import references
from tests import trained, translating
from tests.trained import CROP, NETWORKS
from tests.translating import FOLDER, contents

WEIGHTS = {"sad": 0.5, "ccd": 0.25, "consistency": 2.0, "cycle": 3.0, "identity": 4.0}


def build(sources=3, **options):
    """Translator, network and a batch of as many images as sources, in another order."""
    given = trained.params("madan", options={"networks": NETWORKS} | WEIGHTS | options)
    made, network = fitting.start(given, trained.CLASSES, trained.segmenter(), sources)
    batch = Draws(trained.sides(sources), Augment(CROP), 0)[0]
    origins = torch.tensor([2, 0, 1][:sources] if sources > 2 else [1, 0])
    return made, network, batch._replace(source=batch.source._replace(origins=origins))


def losses(made, network, batch):
    """All terms by name, as numbers."""
    found = {}
    for loss in made.losses(network, batch):
        found |= {name: term.item() for name, term in {**loss.terms, **loss.seen}.items()}
    return found


class Slow:
    """Everything that is made of a batch, an image at a time."""

    def __init__(self, made, network, batch):
        self.made, self.origins = made, batch.source.origins.tolist()
        self.x, self.t = (scaled(side.images) for side in batch[:2])
        self.pairs = network.pairs
        self.there = [self.go(n, "generator", x) for n, x in zip(self.origins, self.x, strict=True)]
        self.home = [self.go(n, "back", t) for n, t in zip(self.origins, self.t, strict=True)]

    def go(self, source, way, image):
        return getattr(self.pairs[source], way)(image[None])[0]

    def squares(self, name, number, image, aim):
        judge = self.made.modules[f"discriminator_{name}"]
        judge = judge if number is None else judge.own[number]
        return ((judge(image[None]) - aim) ** 2).mean().item()

    def mean(self, values):
        values = [*values]
        return sum(values) / len(values)

    def alike(self, own, others):
        """Of each source's discriminator: a mean over its own, and one over the others'."""
        total = 0.0
        for source in self.origins:
            each = {j: self.squares("alike", source, image, own if j == source else others)
                    for j, image in zip(self.origins, self.there, strict=True)}  # fmt: skip
            mine = each.pop(source)
            total += mine + self.mean(each.values())
        return total / len(self.origins)


def test_generators_learn_from_every_term_by_hand():
    made, network, batch = build()
    slow = Slow(made, network, batch)
    found, of = losses(made, network, batch), [*enumerate(slow.origins)]
    back = [slow.go(n, "back", slow.there[k]) for k, n in of]
    again = [slow.go(n, "generator", slow.home[k]) for k, n in of]
    apart = lambda one, other: (one - other).abs().mean().item()  # noqa: E731
    cycle = slow.mean(apart(b, x) for b, x in zip(back, slow.x, strict=True))
    cycle += slow.mean(apart(a, t) for a, t in zip(again, slow.t, strict=True))
    identity = slow.mean(apart(slow.go(n, "back", slow.x[k]), slow.x[k]) for k, n in of)
    identity += slow.mean(apart(slow.go(n, "generator", slow.t[k]), slow.t[k]) for k, n in of)
    expected = {
        "adversarial_target": slow.mean(slow.squares("target", None, g, 1) for g in slow.there),
        "adversarial_source": slow.mean(slow.squares("source", n, slow.home[k], 1) for k, n in of),
        "adversarial_alike": 0.5 * slow.alike(own=0, others=1),
        "cycle": 3 * cycle, "identity": 4 * identity,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_discriminators_have_half_of_each_side():
    made, network, batch = build()
    slow = Slow(made, network, batch)
    found, of = losses(made, network, batch), [*enumerate(slow.origins)]
    target = [slow.squares("target", None, t, 1) for t in slow.t]
    target += [slow.squares("target", None, g, 0) for g in slow.there]
    source = [slow.squares("source", n, slow.x[k], 1) for k, n in of]
    source += [slow.squares("source", n, slow.home[k], 0) for k, n in of]
    expected = {"told_target": slow.mean(target), "told_source": slow.mean(source),
                "told_alike": slow.alike(own=1, others=0) / 2}  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_each_source_counts_alike_however_many_images_a_batch_has_of_it():
    made, network, _ = build(2)
    batch = Draws(trained.sides(3, 2), Augment(CROP), 0)[0]
    batch = batch._replace(source=batch.source._replace(origins=torch.tensor([0, 1, 0])))
    slow, found = Slow(made, network, batch), losses(made, network, batch)
    for name, own, weight in (("told_alike", 1, 1 / 2), ("adversarial_alike", 0, WEIGHTS["sad"])):
        total = 0.0
        for source, mine, others in ((0, (0, 2), (1,)), (1, (1,), (0, 2))):
            for places, aim in ((mine, own), (others, 1 - own)):
                each = [slow.squares("alike", source, slow.there[k], aim) for k in places]
                total += slow.mean(each)
        assert found[name] == pytest.approx(weight * total / 2, rel=1e-4)


def test_an_image_that_came_back_to_another_source_is_judged_as_one_of_it():
    """Of two sources there is one other."""
    made, network, batch = build(2)
    slow = Slow(made, network, batch)
    found, of = losses(made, network, batch), [*enumerate(slow.origins)]
    crossed = [slow.go(1 - n, "back", slow.there[k]) for k, n in of]
    cross = slow.mean(slow.squares("source", 1 - n, crossed[k], 1) for k, n in of)
    lie = slow.mean(slow.squares("source", 1 - n, crossed[k], 0) for k, n in of)
    real = slow.mean(slow.squares("source", n, slow.x[k], 1) for k, n in of)
    assert found["adversarial_cross"] == pytest.approx(0.25 * cross, rel=1e-4)
    assert found["told_cross"] == pytest.approx((real + lie) / 2, rel=1e-4)


def test_of_three_sources_the_other_is_the_keys_and_never_its_own():
    made, network, batch = build()
    asked = []

    def seen(images, to, origins):
        asked.append(origins)
        return network(images, to, origins)

    keys, drawn = batch.source.keys, set()
    for shift in range(6):
        given = batch.source._replace(keys=keys + shift)
        next(iter(made.losses(seen, batch._replace(source=given))))
        others = next(of for of in asked if not torch.equal(of, given.origins))
        assert (others != given.origins).all()
        drawn |= {tuple(pair) for pair in torch.stack([given.origins, others], 1).tolist()}
        asked.clear()
    assert len(drawn) == 6  # each way of each source


@pytest.mark.parametrize("dynamic", [True, False])
def test_consistency_is_a_divergence_from_what_a_frozen_model_sees_in_the_image(dynamic):
    made, network, batch = build(dynamic=dynamic)
    slow = Slow(made, network, batch)
    reading = made.modules["task"] if dynamic else made.segmenter
    assert ("task" in made.modules) == dynamic
    with torch.no_grad():
        for weights in reading.parameters():
            weights.add_(0.1 * torch.randn(weights.shape, generator=torch.manual_seed(1)))
    total = 0.0
    for x, g in zip(slow.x, slow.there, strict=True):
        p, q = (logs(model, image) for model, image in ((reading, g), (made.segmenter, x)))
        total += (np.exp(p) * (p - q)).sum(0).mean()
    found = losses(made, network, batch)
    assert found["semantic"] == pytest.approx(2 * total / 3, rel=1e-3)
    if dynamic:
        labels, rows = batch.source.labels.numpy(), [logs(reading, g) for g in slow.there]
        picked = [-rows[n][labels[n, y, x], y, x] for n, y, x in np.argwhere(labels != 255)]
        assert found["told_task"] == pytest.approx(np.mean(picked), rel=1e-4)


@torch.no_grad()
def logs(model, image):
    """log p, float64 (C, H, W)."""
    outputs = model(pixels(image[None]))
    full = resample(outputs.logits, image.shape[-2:], outputs.over.logits)
    return full.double().log_softmax(1)[0].numpy()


OFF = {
    "sad": ({"adversarial_alike", "told_alike", "accuracy_alike"}, {"discriminator_alike"}),
    "ccd": ({"adversarial_cross", "told_cross", "accuracy_cross"}, set()),
    "consistency": ({"semantic", "told_task"}, {"task"}),
    "dynamic": ({"told_task"}, {"task"}),
    "identity": ({"identity"}, set()),
}


@pytest.mark.parametrize("part", OFF)
def test_a_part_that_is_switched_off_leaves_the_others_as_they_are(part):
    made, network, batch = build()
    every = losses(made, network, batch)
    off, other, _ = build(**{part: False if part == "dynamic" else 0.0})
    other.load_state_dict(network.state_dict())
    for name, module in off.modules.items():
        module.load_state_dict(made.modules[name].state_dict())
    found = losses(off, other, batch)
    terms, modules = OFF[part]
    assert {*every} - {*found} == terms
    assert {*made.modules} - {*off.modules} == modules
    same = {*found} - ({"semantic"} if part == "dynamic" else set())
    assert {n: found[n] for n in same} == pytest.approx({n: every[n] for n in same}, rel=1e-5)


# --- its network ---------------------------------------------------------------------------


def test_each_image_goes_by_its_sources_pair_and_an_absent_one_has_a_gradient_of_nothing():
    network = Pairs(Networks(**NETWORKS), 3)
    images, origins = torch.rand(4, 3, 12, 12), torch.tensor([2, 0, 2, 0])
    for to, way in (("target", "generator"), ("source", "back")):
        found = network(images, to, origins)
        for k, n in enumerate(origins.tolist()):
            expected = getattr(network.pairs[n], way)(images[k : k + 1])[0]
            torch.testing.assert_close(found[k], expected, rtol=1e-4, atol=1e-5)
    found.sum().backward()
    absent = [weights.grad for weights in network.pairs[1].back.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in absent)


def test_matched_crops_lie_at_one_place_and_others_do_not(fabric, monkeypatch):
    kept = []
    real = Draws.__getitem__
    monkeypatch.setattr(Draws, "__getitem__", lambda *of: kept.append(real(*of)) or kept[-1])
    for matched in (False, True):
        options = {"networks": NETWORKS, "matched": matched}
        trained.train("madan", fabric, steps=3, options=options)
    apart = [not torch.equal(b.source.windows, b.target.windows) for b in kept]
    assert apart == [True] * 3 + [False] * 3
    assert not set(kept[3].source.keys.tolist()) & set(kept[3].target.keys.tolist())


def test_matched_crops_need_one_size():
    one, other = (trained.Uneven(2, size=size) for size in ((24, 20), (24, 24)))
    one.size, other.size = (20, 24), (24, 24)
    fitting.check_sizes(one, one)
    with pytest.raises(BadInput, match="images of 20x24 and 24x24 have no places in common"):
        fitting.check_sizes(one, other)


# --- as stages -----------------------------------------------------------------------------

FIT = {"translator": "madan", "segmenter": "source", "training": translating.TRAINING,
       "options": {"networks": NETWORKS}}  # fmt: skip
PLACES = ("painted/game", "painted/drawn")


@pytest.fixture
def world(scenes, tmp_path, monkeypatch):
    """Two sources whose images have the same names, their mix, and its translation's params."""
    monkeypatch.chdir(tmp_path)
    changes = {"source": {"drawn": {"root": str(tmp_path / "drawn")}},
               "mix": {"games": {"one": "game", "other": "drawn"}}}  # fmt: skip
    changes |= translating.painted(source="games", fit_translator=FIT, translate={"copies": 1})
    one, _ = translating.build(scenes, tmp_path, 5, **changes)
    other = scenes(6, name="drawn/source", seed=5)
    own = [replace(s, image=s.image[6:], label=s.label[6:]) for s in other.samples]
    found = {"game": one, "drawn": replace(other, samples=own, root=tmp_path / "drawn")}
    artifacts.write_sources(Path("data/sources/games/index.parquet"), found)
    return found


def read():
    return artifacts.read_sources(FOLDER / "index.parquet", root)


def both(monkeypatch):
    translating.fit(monkeypatch, source="games")
    translating.made(monkeypatch, source="games")
    return contents()


def test_a_translated_mix_is_a_mix_each_of_whose_sources_has_its_own_generator(world, monkeypatch):
    first = both(monkeypatch)
    fitted = references.read(Path("data/translators/painted.npy"))
    assert len(fitted) == 2
    assert not np.array_equal(fitted[0], fitted[1])
    found = read()
    assert tuple(found) == PLACES
    for number, (source, place) in enumerate(zip(world.values(), PLACES, strict=True)):
        translator = parts.build("translators", "madan", FIT["options"], segmenter=None, sources=2)
        translator.take(fitted[number : number + 1], Compute(accelerator="cpu"))
        made, empty = found[place], np.zeros(0, np.float32)
        assert made.root == Path("data/sources", place)
        assert len(made) == len(source)
        for index in range(len(source)):
            expected = translator.translate(source.image(index), None, empty)
            assert np.array_equal(made.image(index), expected)
            assert np.array_equal(made.label(index), source.label(index))
    labels = np.concatenate([d.label(n).ravel() for d in world.values() for n in range(len(d))])
    counted = artifacts.read_table(Path("reports/sources/painted/classes.csv"))["pixels"]
    assert counted.tolist() == np.bincount(labels, minlength=3)[:3].tolist()
    assert both(monkeypatch) == first


def test_a_model_learns_from_its_sources_in_turn_and_a_mix_may_have_it(world, monkeypatch):
    both(monkeypatch)
    (batch,) = (Draws((([*read().values()], 4), None), Augment(CROP), 0)[0],)
    assert batch.source.origins.tolist() == [0, 1, 0, 1]
    artifacts.write_sources(Path("all.parquet"), mix.run({"game": world["game"]}, read()))
    again = artifacts.read_sources(Path("all.parquet"), root)
    assert [*again] == ["game", *PLACES]
    assert np.array_equal(again[PLACES[1]].image(2), read()[PLACES[1]].image(2))


def test_a_run_that_is_cut_off_within_the_second_source_leaves_the_same_bytes(world, monkeypatch):
    expected = both(monkeypatch)
    written, write = [], pictures.write_image

    def cut(path, image):
        write(path, image)
        written.extend([path] * ("images" in path.parts))
        if len(written) == 7:
            raise BadInput("no space")

    monkeypatch.setattr(pictures, "write_image", cut)
    monkeypatch.setattr(threads, "on_all_cores", map)
    with pytest.raises(BadInput):
        translating.made(monkeypatch, source="games")
    monkeypatch.setattr(pictures, "write_image", write)
    left = [*Path("data/unfinished/translate/painted").rglob("images/*/*.png")]
    assert len(left) == 7
    translating.made(monkeypatch, source="games")
    assert contents() == expected


def test_generators_of_other_sources_are_refused(world, monkeypatch):
    both(monkeypatch)
    fitted = references.read(Path("data/translators/painted.npy"))
    references.write(Path("data/translators/painted.npy"), [fitted[0].copy()], 1)
    with pytest.raises(BadInput, match="has 1 generators, and there are 2 sources; run dvc repro"):
        translating.made(monkeypatch, source="games")


@pytest.mark.parametrize("name", ["cyclegan", "lab"])
def test_any_translator_may_have_a_mix_with_one_for_all(name, world, monkeypatch):
    fit = {"translator": name, "segmenter": "none", "options": {}, "training": None}
    if name == "cyclegan":
        fit |= {"training": translating.TRAINING, "options": {"networks": NETWORKS}}
    content = YAML(typ="safe").load(Path("params.yaml"))
    content["translations"]["painted"]["fit_translator"] = fit
    YAML().dump(content, Path("params.yaml"))
    both(monkeypatch)
    assert [len(of) for of in read().values()] == [5, 6]
    if name == "cyclegan":
        assert len(references.read(Path("data/translators/painted.npy"))) == 1
        return
    wide = {**world, "drawn": replace(world["drawn"], size=(40, 30))}
    artifacts.write_sources(Path("data/sources/games/index.parquet"), wide)
    with pytest.raises(BadInput, match=r"of several sizes .*, drawn 40x30.*; give them one"):
        translating.fit(monkeypatch, source="games")


def test_dropout_is_no_difference_of_meaning():
    """The task model starts as the segmenter, which sees without it; it has it where it learns."""
    judge = trained.segmenter()
    torch.nn.init.normal_(judge.network.classifier.weight, std=5)
    judge.network = torch.nn.Sequential(torch.nn.Dropout(0.5), judge.network)
    given = trained.params("madan", options={"networks": NETWORKS} | WEIGHTS)
    made, _ = fitting.start(given, trained.CLASSES, judge, 2)
    _, _, batch = build(2)
    images = batch.source.images
    way = Way(batch.source, scaled(images), scaled(images), scaled(images))
    for _ in range(2):
        assert made.more(way, way)["semantic"].item() == pytest.approx(0, abs=1e-6)
        next(iter(made.along(way, way)))
        assert made.modules["task"].training is True

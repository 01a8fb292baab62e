"""Appearance adaptation: its Gram matrices and its steps by hand, and what decides its images."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.model import model
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.translation import references
from pipeline.translation.extractors import covered, gram
from tests import colours, memory, translating
from tests.translating import FOLDER, both, painted

LAYERS = ["stem", "low"]


def build(**options):
    given = {"extractor": {"layers": LAYERS}, "start": "image", "iterations": 2}
    looking = model.load(Path(memory.reference()))
    return parts.build("translators", "appearance", given | options, segmenter=looking)


class Linear(nn.Module):
    """Two maps: sums of colours, and each value beside its right neighbour."""

    def forward(self, images):
        x = images / 255
        return [torch.cat([x.sum(1, keepdim=True), x[:, :1]], 1), x[..., 1:] * 2 + x[..., :-1]]


def maps_of(image):
    """The same of float64 (3, h, w)."""
    x = image / 255
    return [np.stack([x.sum(0), x[0]]), 2 * x[..., 1:] + x[..., :-1]]


def gram_of(maps, shares=None):
    """Product by product, place by place."""
    shares = np.ones(maps.shape[1:]) if shares is None else shares
    found = np.zeros((len(maps), len(maps)))
    for i, j in np.ndindex(found.shape):
        for y, x in np.ndindex(maps.shape[1:]):
            found[i, j] += shares[y, x] * maps[i, y, x] * maps[j, y, x]
    return found


def cost(image, kept, grams, alpha):
    total = 0.0
    for maps, own, wanted in zip(maps_of(image), kept, grams, strict=True):
        total += ((maps - own) ** 2).sum() + alpha * ((gram_of(maps) - wanted) ** 2).sum()
    return total


def linear(**options):
    made = build(**options)
    made.extractor = Linear()
    return made


def planes(image):
    return image.transpose(2, 0, 1).astype(float)


# --- its parts -----------------------------------------------------------------------------


def test_a_gram_matrix_is_a_sum_over_places_that_count():
    maps, shares = torch.rand(1, 3, 4, 5), torch.rand(1, 1, 4, 5)
    expected = gram_of(maps[0].double().numpy(), shares[0, 0].double().numpy())
    assert np.allclose(gram(maps, shares), expected, rtol=1e-5)


def test_what_is_measured_are_the_upper_triangles_of_each_map():
    image = colours.photo(0, (7, 5))
    expected = [gram_of(maps)[np.triu_indices(len(maps))] for maps in maps_of(planes(image))]
    assert np.allclose(linear().measure(image, None), np.concatenate(expected), rtol=1e-5)


def test_a_place_counts_as_much_of_it_lies_inside():
    inside = np.zeros((4, 6), bool)
    inside[:3, 1:5] = True
    assert np.allclose(
        covered(inside, torch.zeros(1, 9, 2, 3))[0, 0], [[0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    )
    assert (covered(np.zeros((4, 6), bool), torch.zeros(1, 9, 2, 3)) == 1).all()


def test_one_step_by_differences_of_the_cost():
    image, other = colours.photo(0, (6, 4)), colours.photo(1, (6, 4), low=20, high=90)
    made = linear(iterations=1, step=7.0, alpha=0.3)
    found = made.translate(image, None, made.measure(other, None))
    x, grams = planes(image), [gram_of(maps) for maps in maps_of(planes(other))]
    kept, slope = maps_of(x), np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        by = np.zeros(x.shape)
        by[place] = 0.01
        slope[place] = cost(x + by, kept, grams, 0.3) - cost(x - by, kept, grams, 0.3)
    moved = x - 7 * slope / np.abs(slope).mean()
    expected = np.clip(np.floor(moved + 0.5), 0, 255).transpose(1, 2, 0)
    assert np.abs(found - expected).max() <= (np.abs(moved % 1 - 0.5).min() < 1e-3)
    assert np.abs(found.astype(float) - image).mean() > 4


def test_steps_fall_to_nothing_and_are_of_one_length_whatever_the_gradients(monkeypatch):
    made = linear(iterations=4, step=2.0)
    asked = []

    def slope(x, _):
        asked.append(x)
        sign = torch.ones_like(x)
        sign[..., ::2] = -3.0
        return 10.0 ** len(asked) * sign

    monkeypatch.setattr(made, "gradient", slope)
    image = colours.photo(0, (6, 4), low=60, high=160)
    found = made.translate(image, None, made.measure(image, None)).astype(float)
    moves = [(b - a).abs().mean().item() for a, b in pairwise(asked)]
    assert moves == pytest.approx([2.0, 1.5, 1.0], rel=1e-4)
    assert np.abs(found - image).mean() == pytest.approx(2.0 + 1.5 + 1.0 + 0.5, abs=0.3)


def test_a_region_is_all_that_counts_and_all_that_moves():
    image, other = colours.photo(0), colours.photo(1, low=10, high=80)
    inside = np.zeros(image.shape[:2], bool)
    inside[8:20, 8:32] = True
    made = linear(alpha=1.0, step=5.0)
    elsewhere = other.copy()
    elsewhere[:6] = 255
    row = made.measure(other, inside)
    assert np.array_equal(row, made.measure(elsewhere, inside))
    found = made.translate(image, inside, row)
    assert np.array_equal(found[~inside], image[~inside])
    assert np.abs(found.astype(float) - image)[inside].mean() > 2
    nothing = np.zeros_like(inside)
    assert np.array_equal(made.translate(image, nothing, row), image)


# --- as a whole ----------------------------------------------------------------------------


def distance(made, image, row):
    own = made.measure(image, None)
    return np.square(own.astype(float) - row).sum()


def test_an_image_comes_nearer_to_the_references_matrices():
    image, other = colours.photo(0), colours.photo(1, low=10, high=80)
    made = build(iterations=20, step=4.0, alpha=1.0)
    row = made.measure(other, None)
    found = made.translate(image, None, row)
    assert distance(made, found, row) < 0.3 * distance(made, image, row)


def test_noise_becomes_what_the_image_shows():
    image = colours.photo(0)
    made = linear(start="noise", iterations=80, step=10.0, alpha=0.0)
    row = made.measure(image, None)
    first = linear(start="noise", iterations=1, step=1e-3).translate(image, None, row)
    found = made.translate(image, None, row)
    kept = maps_of(planes(image))
    apart = [cost(planes(x), kept, [0, 0], 0.0) for x in (first, found)]
    assert apart[1] < 0.1 * apart[0]


def test_noise_is_the_keys():
    image, made = colours.photo(0), build(start="noise")
    row = made.measure(colours.photo(1), None)
    one, again, other = (
        made.translate(image, None, np.append(row, np.float32(seed))) for seed in (3, 3, 4)
    )
    assert np.array_equal(one, again)
    assert np.abs(one.astype(float) - other).mean() > 20


# --- as stages -----------------------------------------------------------------------------


def test_a_copy_is_what_its_key_and_the_mean_of_the_target_make_it(scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = translating.options("appearance")
    given = {"translator": "appearance", "references": "mean", "options": options}
    given["segmenter"] = "source"
    source, target = translating.build(scenes, tmp_path, 3, **painted(fit_translator=given))
    found = both(monkeypatch)
    looking = model.load(Path("models/source.pt"))
    made = parts.build("translators", "appearance", options, segmenter=looking)
    fitted = references.read(Path("data/translators/painted.npy"))
    rows = [made.measure(target.image(i), None) for i in range(len(target))]
    assert np.allclose(fitted, np.mean(rows, 0, dtype=float)[None], rtol=1e-6)
    sample = source.samples[1]
    made.take(fitted, Compute(accelerator="cpu"))
    reference = made.reference(references.keyed(3, sample.image, 2))
    assert np.array_equal(reference[:-1], fitted[0])
    alone = made.translate(source.image(1), None, reference)
    assert np.array_equal(translating.read_image(FOLDER / f"images/2/{sample.name}.png"), alone)
    assert found["images/1/source__i__0.png"] != found["images/2/source__i__0.png"]


# --- what looks ----------------------------------------------------------------------------


def test_by_default_a_models_first_convolution_and_its_features_count():
    made = build(extractor=None)
    known = model.load(Path(memory.reference())).eval()
    image = torch.randint(0, 256, (1, 3, 32, 48)).float()
    first, last = made.extractor(image)
    x = (image / 255 - known.mean) / known.std
    torch.testing.assert_close(first, known.network.stem[0](x))
    torch.testing.assert_close(last, known(image).features)
    assert not any(p.requires_grad for p in made.extractor.parameters())


@pytest.mark.parametrize(("layers", "told"), [
    (["stem", "hight"], "has no module 'hight'; it has stem, low, high"),
    (["branches.0.0", "classifier", "fuse", "skip", ""], "layer '' gives no maps of images"),
])  # fmt: skip
def test_a_layer_that_is_none_is_refused(layers, told):
    with pytest.raises(BadInput, match=told):
        build(extractor={"layers": layers}).measure(colours.photo(0), None)


def test_a_mean_of_two_models_looks_at_nothing():
    one = model.load(Path(memory.reference()))
    with pytest.raises(BadInput, match="segmenter: is a mean of two models; name one of them"):
        parts.build("translators", "appearance", {}, segmenter=model.mean(one, one))


def test_without_a_model_or_a_backbone_nothing_looks():
    with pytest.raises(BadInput, match=r"name a model as fit_translator\.segmenter, or give"):
        parts.build("translators", "appearance", {})


def test_two_translators_by_one_model_see_their_own_images():
    looking, image = model.load(Path(memory.reference())), colours.photo(0)
    one, _ = (parts.build("translators", "appearance", {}, segmenter=looking) for _ in range(2))
    expected = build(extractor=None).measure(image, None)
    with ThreadPoolExecutor(1) as pool:  # in which the other has seen nothing
        assert np.array_equal(pool.submit(one.measure, image, None).result(), expected)


def test_a_backbone_needs_weights_that_there_are():
    with pytest.raises(BadInput, match="no such weights are known; choose package:"):
        build(extractor={"backbone": "timm/tf_efficientnet_lite0", "pretrained": "package:lite9"})

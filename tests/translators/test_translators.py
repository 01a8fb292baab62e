"""Every measured translator keeps the contract; slow references; faults of public code."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from scipy import fft

from pipeline.model import model
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.translation import matching
from tests import colours, memory

NAMES = [
    n for n in parts.names("translators") if not hasattr(parts.find("translators", n), "trained")
]
LAYERS = {"layers": ["stem", "low", "high"]}
NEEDED = {"appearance": {"extractor": LAYERS, "start": "image", "iterations": 3}}
"""What a translator by which a small model looks is built with."""
KINDS = [
    *((name, {}) for name in NAMES),
    ("lab", {"lightness": "gamma"}), ("lab", {"colour": "histogram"}), ("lab", {"transport": True}),
    ("lab", {"lightness": "gamma", "colour": "histogram"}), ("fda", {"beta": 0.09}),
    ("fda", {"beta": 0.0}), ("fda", {"beta": 0.2, "soft": True}),
    ("appearance", {"step": 2.0, "alpha": 1e-3}),
]  # fmt: skip
each = pytest.mark.parametrize(("name", "options"), KINDS, ids=lambda value: f"{value}")
colouring = pytest.mark.parametrize(
    ("name", "options"), [kind for kind in KINDS if kind[0] not in NEEDED], ids=str
)
"""Of those that move colours at once, and not by steps."""


def build(name, **options):
    given = {"segmenter": model.load(Path(memory.reference()))} if name in NEEDED else {}
    return parts.build("translators", name, NEEDED.get(name, {}) | options, **given)


def translated(image, other, name, inside=None, **options):
    made = build(name, **options)
    return made.translate(image, inside, made.measure(other, inside))


def region(image):
    inside = np.zeros(image.shape[:2], bool)
    inside[3:-4, 5:-2] = True
    return inside


# --- the contract --------------------------------------------------------------------------


@each
def test_a_reference_is_a_row_and_a_translation_an_image(name, options):
    image, other = colours.photo(0), colours.photo(1, low=60, high=140)
    for inside in (None, region(image)):
        made = build(name, **options)
        row = made.measure(other, inside)
        assert (row.dtype, row.ndim) == (np.float32, 1)
        assert np.isfinite(row).all()
        assert row.shape == made.measure(image, None).shape
        found = made.translate(image, inside, row)
        assert (found.dtype, found.shape) == (np.uint8, image.shape)
        assert found.flags.c_contiguous
        assert not np.array_equal(found, image)
        if inside is not None:
            assert np.array_equal(found[~inside], image[~inside])


@each
def test_neither_changes_what_it_is_given(name, options):
    image, other = colours.photo(0), colours.photo(1)
    made = build(name, **options)
    row = made.measure(other, None)
    before = image.copy(), other.copy(), row.copy()
    image.flags.writeable = other.flags.writeable = row.flags.writeable = False
    found = made.translate(image, None, row)
    assert np.array_equal(found, made.translate(image, None, row))
    assert all(map(np.array_equal, before, (image, other, row)))


@each
def test_an_image_is_its_own_translation(name, options):
    for image in (
        colours.photo(0),
        colours.noise_of_1_over_f(1),
        np.full((24, 30, 3), 91, np.uint8),
    ):
        found = translated(image, image, name, **options)
        assert np.abs(found.astype(int) - image).max() <= 1


@colouring
def test_flat_images_of_either_side_leave_numbers(name, options):
    flat, other = np.full((28, 40, 3), (90, 120, 60), np.uint8), colours.photo(1)
    found = translated(flat, other, name, **options)
    if name != "fda":  # which draws the reference's low frequencies
        assert len(np.unique(found.reshape(-1, 3), axis=0)) == 1
    back = translated(other, flat, name, **options)
    assert np.abs(np.median(back.reshape(-1, 3), 0) - flat[0, 0]).max() < 60


@each
def test_black_and_white_stay_within_the_numbers(name, options):
    other = colours.photo(1)
    for value in (0, 255):
        found = translated(np.full((28, 40, 3), value, np.uint8), other, name, **options)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_mean_of_rows_is_a_reference(name):
    made = build(name)
    rows = [made.measure(colours.photo(seed), None) for seed in range(4)]
    found = made.translate(
        colours.photo(9), None, np.mean(rows, 0, dtype=np.float64).astype(np.float32)
    )
    assert found.shape == colours.photo(9).shape


def test_every_option_of_every_translator_is_tried():
    tried = {(n, key) for n, options in [*KINDS, *NEEDED.items()] for key in options}
    asked = {
        (n, key)
        for n in NAMES
        for key in inspect.signature(parts.find("translators", n)).parameters
        if key != "segmenter"  # which its stage supplies
    }
    assert asked == tried


# --- lab -----------------------------------------------------------------------------------


def test_lab_against_its_formula():
    image, other = colours.photo(0), colours.photo(1, low=40, high=200)
    found = translated(image, other, "lab")
    assert np.abs(found.astype(int) - colours.reinhard(image, other)).max() <= 1


def test_lab_has_the_references_mean_and_deviation():
    image, other = colours.photo(0, low=60, high=180), colours.photo(1, low=100, high=150)
    found, wanted = (
        colours.to_lab(x).reshape(-1, 3) for x in (translated(image, other, "lab"), other)
    )
    assert np.abs(found.mean(0) - wanted.mean(0)).max() < 0.3
    assert np.abs(found.std(0) - wanted.std(0)).max() < 0.3


def test_transport_has_its_covariance_too():
    image, other = colours.photo(0, low=60, high=180), colours.photo(1, low=100, high=150)
    found = colours.to_lab(translated(image, other, "lab", transport=True)).reshape(-1, 3)
    wanted = colours.to_lab(other).reshape(-1, 3)
    assert np.abs(found.mean(0) - wanted.mean(0)).max() < 0.3
    assert np.allclose(np.cov(found.T), np.cov(wanted.T), atol=3)
    separate = colours.to_lab(translated(image, other, "lab")).reshape(-1, 3)
    off = ~np.eye(3, dtype=bool)
    apart = [np.abs(np.cov(x.T) - np.cov(wanted.T))[off].max() for x in (found, separate)]
    assert apart[0] < apart[1] / 5


def test_the_histogram_of_colour_is_that_of_pixels_of_the_same_rank():
    image, other = colours.photo(0, low=90, high=150), colours.photo(1, low=100, high=150)
    found = colours.to_lab(translated(image, other, "lab", colour="histogram"))
    own, wanted = colours.to_lab(image), colours.to_lab(other)
    for channel in (1, 2):
        expected = colours.of_the_same_rank(own[..., channel], wanted[..., channel])
        assert np.abs(found[..., channel].ravel() - expected).max() < 1.5  # 8 bits, bins of 0.5


def test_gamma_of_lightness_against_all_pixels():
    image, other = colours.photo(0), colours.photo(1, low=20, high=120)
    lightness = colours.to_lab(image)[..., 0].clip(0) / 100
    mean = colours.to_lab(other)[..., 0].mean() / 100
    powers = np.linspace(0.1, 10, 5000)
    costs = [(np.mean(lightness**p) - mean) ** 2 + 0.01 * (p - 1) ** 2 for p in powers]
    best = powers[np.argmin(costs)]
    found = translated(image, other, "lab", lightness="gamma", colour="histogram")
    expected = 100 * lightness**best
    grey = np.abs(colours.to_lab(found)[..., 0] - expected)
    assert np.quantile(grey, 0.9) < 1  # where the colour is within the screen's
    assert best > 1.05


def test_transport_with_options_of_single_channels_is_refused():
    with pytest.raises(BadInput, match="transport moves all channels at once"):
        build("lab", transport=True, colour="histogram")


def test_a_small_deviation_is_a_factor_of_what_can_be_seen_at_most():
    image = np.full((20, 20, 3), 100, np.uint8)
    image[:10] = 101  # deviates by 0.2
    wide = colours.photo(1)
    made = build("lab")
    found = colours.to_lab(made.translate(image, None, made.measure(wide, None))).reshape(-1, 3)
    own, wanted = (colours.to_lab(x).reshape(-1, 3).std(0) for x in (image, wide))
    assert found.std(0)[0] <= own[0] * wanted[0] / matching.JUST_SEEN + 0.5


# --- histogram -----------------------------------------------------------------------------


def test_histogram_against_a_count_of_pixels():
    image, other = colours.photo(0), colours.photo(1, low=60, high=140)
    expected = colours.histograms(image, other)
    assert np.abs(translated(image, other, "histogram").astype(int) - expected).max() <= 1


def test_channels_are_matched_each_by_itself():
    """All together, as a library does it, would give each the same distribution of all."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)
    other = np.stack([rng.integers(low, low + 30, (30, 40)) for low in (10, 110, 210)], -1)
    found = translated(image, other.astype(np.uint8), "histogram")
    assert np.abs(found.reshape(-1, 3).mean(0) - other.reshape(-1, 3).mean(0)).max() < 1


def test_pixels_that_are_tied_stay_tied():
    image = np.random.default_rng(0).choice([10, 200], (30, 40, 3)).astype(np.uint8)
    found = translated(image, colours.photo(1), "histogram")
    for channel in range(3):
        assert len(np.unique(found[..., channel])) == 2


def test_a_flat_image_gets_the_median_and_not_the_brightest():
    other = colours.photo(1)
    found = translated(np.full((9, 9, 3), 77, np.uint8), other, "histogram")
    median = np.median(other.reshape(-1, 3), 0)
    assert np.abs(found[0, 0] - median).max() <= 2


# --- fda -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(40, 28), (41, 28), (40, 29), (31, 33)])
@pytest.mark.parametrize("beta", [0.0, 0.05, 0.1, 0.3, 0.49])
def test_fda_against_whole_spectra(size, beta):
    image, other = colours.photo(0, size), colours.photo(1, size)
    expected = colours.fourier(image, other, int(beta * min(size)))
    found = translated(image, other, "fda", beta=beta)
    rounded = np.clip(np.floor(expected + 0.5), 0, 255)
    assert np.abs(found - rounded).max() <= (1 if np.abs(expected % 1 - 0.5).min() < 1e-3 else 0)


def asymmetric(image, other, b):
    """Rows and columns -b to b - 1, as public code has them: complex, and nothing where b is 0."""
    made = np.empty(image.shape, complex)
    for channel in range(3):
        own, wanted = (np.fft.fft2(x[..., channel].astype(float)) for x in (image, other))
        amplitude = np.abs(own)
        at = np.r_[0:b, -b:0]
        amplitude[np.ix_(at, at)] = np.abs(wanted)[np.ix_(at, at)]
        made[..., channel] = np.fft.ifft2(amplitude * np.exp(1j * np.angle(own)))
    return made


def test_an_asymmetric_window_is_not_real_and_ours_is():
    """The slow reference, which ours is the same as, asserts that its inverse is real."""
    image, other = colours.noise_of_1_over_f(0), colours.noise_of_1_over_f(1)
    assert np.abs(asymmetric(image, other, 3).imag).max() > 0.1
    expected = colours.fourier(image, other, 3)
    found = translated(image, other, "fda", beta=3.5 / 48)
    assert np.abs(found - np.clip(expected, 0, 255)).max() < 0.51


def test_of_no_width_the_mean_colour_is_left_and_not_nothing():
    image, other = colours.photo(0, low=90, high=160), colours.photo(1, low=120, high=180)
    assert np.array_equal(asymmetric(image, other, 0).real.round().astype(np.uint8), image)
    found = translated(image, other, "fda", beta=0.0)
    shift = other.reshape(-1, 3).mean(0) - image.reshape(-1, 3).mean(0)
    assert np.abs(found - (image + shift)).max() < 0.6


def test_what_leaves_8_bits_is_clipped_and_does_not_wrap_round():
    dark, light = colours.photo(0, low=0, high=60), colours.photo(1, low=190, high=255)
    for image, other in ((dark, light), (light, dark)):
        expected = colours.fourier(image, other, 8)
        assert expected.min() < -3 or expected.max() > 258
        found = translated(image, other, "fda", beta=0.3)
        assert np.abs(found - np.clip(expected, 0, 255)).max() < 0.51


def test_a_soft_edge_draws_less_rings():
    """A step against a flat reference: what swings beyond it, where nothing was."""
    image = np.full((64, 64, 3), 60, np.uint8)
    image[:, 32:] = 190
    other = np.full_like(image, 120)
    hard, soft = (
        translated(image, other, "fda", beta=0.1, soft=s).astype(float) for s in (False, True)
    )
    rings = [np.abs(np.diff(x[:, 2:29, 0], 2, axis=1)).sum() for x in (hard, soft)]
    assert rings[1] < rings[0] / 2


def test_the_phase_stays(monkeypatch):
    image, other = colours.photo(0, low=100, high=150), colours.photo(1, low=100, high=150)
    found = translated(image, other, "fda", beta=0.1)
    own, made = (fft.rfft2(x.transpose(2, 0, 1).astype(float)) for x in (image, found))
    strong = np.abs(own) > 50 * image[..., 0].size ** 0.5
    assert strong.sum() > 20
    turned = np.angle(own[strong] * made[strong].conj())
    assert np.abs(turned).max() < 0.05


@pytest.mark.parametrize("beta", [0.5, 1, -0.01])
def test_a_window_beyond_the_spectrum_is_refused(beta):
    with pytest.raises(BadInput, match="option beta"):
        build("fda", beta=beta)

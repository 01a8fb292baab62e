"""Maps at other places than their cells', against torch's interpolation and slow references."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.domain.windows import WHOLE, centres, covered, mirrored, weights
from pipeline.model.grids import doubled, finer, resample

NEARLY = (-1e-12, 0.0, 1.0, 1.0)
"""The whole image in all but name: the products, not torch's interpolation."""


def maps(rows=9, columns=7):
    return torch.randn(2, 5, rows, columns, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(33, 41), (9, 7), (64, 7), (5, 6), (2, 2), (5, 40)])
def test_over_the_whole_image_it_is_torchs_interpolation(size):
    shrinks = size[0] < 9 or size[1] < 7
    expected = F.interpolate(maps(), size, mode="bilinear", antialias=shrinks)
    assert torch.equal(resample(maps(), size), maps() if size == (9, 7) else expected)
    torch.testing.assert_close(resample(maps(), size, NEARLY), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(72, 56), (40, 31)])
def test_of_cells_on_multiples_of_a_step_each_cell_is_found_at_its_pixel(size):
    window = covered((9, 7), size, 8, (0.0, 0.0))
    wide = resample(maps(), size, window)
    rows, columns = -(-size[0] // 8), -(-size[1] // 8)
    torch.testing.assert_close(wide[..., ::8, ::8], maps()[..., :rows, :columns])
    between = (maps()[..., 2, 1] + maps()[..., 2, 2]) / 2
    torch.testing.assert_close(wide[..., 16, 12], between)


def test_beyond_the_outermost_centres_is_the_outermost_value():
    window = covered((9, 7), (200, 300), 8, (60.0, 100.0))
    wide = resample(maps(), (200, 300), window)
    assert (wide[..., :60, :100] == maps()[..., :1, :1]).all()
    assert (wide[..., 140:, 160:] == maps()[..., -1:, -1:]).all()


def test_a_window_says_where_cells_are_centred_and_is_mirrored_with_its_image():
    window = covered((5, 9), (33, 70), 8, (3.0, 1.0))
    first, step = centres(window, (5, 9), (33, 70))
    np.testing.assert_allclose((*first, *step), (3, 1, 8, 8), atol=1e-12)
    assert covered((4, 8), (32, 64), 8) == WHOLE == mirrored(WHOLE)
    turned = resample(maps(5, 9).flip(-1), (33, 70), mirrored(window)).flip(-1)
    torch.testing.assert_close(turned, resample(maps(5, 9), (33, 70), window))


def test_weights_are_shares_that_find_a_slope_again():
    for count in (3, 12, 40):
        found = weights(12, (-0.1, 1.05), count, (0.1, 0.9))
        np.testing.assert_allclose(found.sum(1), 1)
        cells = -0.1 + 1.15 * (np.arange(12) + 0.5) / 12
        places = 0.1 + 0.8 * (np.arange(count) + 0.5) / count
        np.testing.assert_allclose(found @ cells, places, atol=0.01)


def test_gradients_go_back_to_the_cells():
    given = maps(4, 5).double().requires_grad_()
    window = covered((4, 5), (30, 38), 8, (0.0, 0.0))
    assert torch.autograd.gradcheck(lambda x: resample(x, (30, 38), window).sin(), given)


@pytest.mark.parametrize("times", [1, 2, 4, 8])
def test_doubling_is_interpolation_but_for_what_is_cut_off(times):
    like = torch.zeros(2, 1, 9 * times, 7 * times)
    whole = F.interpolate(maps(), like.shape[2:], mode="bilinear")
    assert torch.equal(doubled(maps(), like), whole)
    cut = torch.zeros(2, 1, 9 * times - times // 2, 7 * times - times // 2)
    assert torch.equal(doubled(maps(), cut), whole[..., : cut.shape[2], : cut.shape[3]])


@pytest.mark.parametrize("first", [(1.5, 7.5), (0.0, 0.0), (3.0, 15.0), (0.0, 15.0)])
def test_coarse_maps_say_the_same_of_a_pixel_on_finer_cells(first):
    """A map that holds the column of each of its cells still does so on the other's."""
    size = (96, 103)
    fine, coarse = (
        covered((-(-96 // step), -(-103 // step)), size, step, (at, at))
        for step, at in zip((4, 16), first, strict=True)
    )
    columns = first[1] + 16.0 * torch.arange(7).expand(1, 2, 6, 7)
    like = torch.empty(1, 3, 24, 26)
    found = finer(columns, coarse, like, fine)
    assert found.shape == (1, 2, 24, 26)
    expected = (first[0] + 4.0 * torch.arange(26)).clip(first[1], first[1] + 16 * 6)
    torch.testing.assert_close(found, expected.expand_as(found))
    if first == (1.5, 7.5):
        assert torch.equal(found, doubled(columns, like))

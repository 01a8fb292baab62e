"""The labelled images that a model is chosen by: which they are, and what is left of val."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.samples import Domain, Sample
from pipeline.evaluation import few
from pipeline.runtime.files import BadInput


def domain(names):
    samples = [Sample("x", name, "", 8, 8, f"l/{name}", "") for name in names]
    return Domain(samples, Path(), (8, 8))


def named(n, of="t"):
    return [f"{of}/{index:03d}.png" for index in range(n)]


def images(of):
    return [sample.image for sample in of.samples]


def chosen(count, seed, names):
    """Those of a target of these names."""
    return images(few.draw(count, seed, domain(names), domain(named(1, "v"))).images)


def test_they_are_of_the_target_where_enough_have_a_truth():
    drawn = few.draw(4, 1, domain(named(4)), domain(named(9, "v")))
    assert drawn.origin == "target"
    assert images(drawn.images) == named(4)
    assert images(drawn.rest) == named(9, "v")


def test_they_are_of_val_where_too_few_have_and_are_out_of_it_then():
    drawn = few.draw(5, 1, domain(named(4)), domain(named(9, "v")))
    assert drawn.origin == "val"
    assert len(drawn.images) == 5
    assert len(drawn.rest) == 4
    assert sorted(images(drawn.images) + images(drawn.rest)) == named(9, "v")
    assert images(drawn.rest) == sorted(images(drawn.rest))  # in val's order


def test_a_target_whose_images_are_called_as_vals_takes_none_of_these():
    drawn = few.draw(2, 1, domain(named(4)), domain(named(4)))
    assert images(drawn.rest) == named(4)


@pytest.mark.parametrize("truth", [0, 3])
def test_none_are_drawn_unless_asked_for(truth):
    drawn = few.draw(0, 1, domain(named(truth)), domain(named(2, "v")))
    assert len(drawn.images) == 0
    assert images(drawn.rest) == named(2, "v")


def test_val_keeps_one_and_more_are_refused():
    truth, val = domain(named(2)), domain(named(6, "v"))
    assert len(few.draw(5, 0, truth, val).rest) == 1
    with pytest.raises(BadInput) as error:
        few.draw(6, 0, truth, val)
    assert str(error.value) == (
        "params.yaml: evaluate.few = 6: the target has 2 labelled images and val 6, one of which "
        "must be left to report on; 5 is the most"
    )


@given(st.integers(0, 9), st.permutations(named(9)), st.integers(1, 9))
def test_they_follow_from_the_seed_and_the_names_alone(seed, names, count):
    moved = replace(domain(names), root=Path("elsewhere"), size=(4, 4))
    drawn = few.draw(count, seed, moved, domain(named(1, "v")))
    assert sorted(images(drawn.images)) == chosen(count, seed, named(9))
    assert images(drawn.images) == [name for name in names if name in images(drawn.images)]


@given(st.integers(0, 9), st.integers(1, 8))
def test_fewer_are_some_of_them_and_a_new_image_takes_the_place_of_one(seed, count):
    before = {*chosen(count, seed, named(9))}
    assert {*chosen(count, seed, named(9))} < {*chosen(count + 1, seed, named(9))}
    assert len(before - {*chosen(count, seed, named(10))}) <= 1


def test_each_image_is_drawn_as_often_as_any_over_the_seeds():
    found = [name for seed in range(600) for name in chosen(3, seed, named(10))]
    counts = [found.count(name) for name in named(10)]
    assert sum(counts) == 1800
    assert all(135 <= count <= 225 for count in counts)  # 180 expected, four deviations of 11


def test_another_seed_draws_others():
    assert len({tuple(chosen(3, seed, named(20))) for seed in range(20)}) > 15

"""What the data hold: classes without a pixel, and images that the working size squeezes."""

import numpy as np
import pytest

from pipeline.checks import census
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import resolve
from pipeline.stages import prepare, source
from tests import worlds


def domain(*sizes, at=(64, 32)):
    samples = [
        Sample("x", f"{n}.png", "", height, width) for n, (width, height) in enumerate(sizes)
    ]
    return Domain(samples, None, at)


@pytest.fixture
def prepared(tmp_path):
    """Of masks 0 and 255 for two classes, as `own-data` reads them: 255 is ignored."""
    for seed, role in enumerate(("source", "target", "val")):
        rng = np.random.default_rng(seed)
        for index in range(3):
            image, _ = worlds.scene(rng, worlds.SIZE, 2)
            worlds.save(tmp_path / role / f"images/{index}.png", image)
            values = (0, 255) if role == "source" else (0, 1)
            mask = rng.choice(values, worlds.SIZE[::-1]).astype(np.uint8)
            worlds.save(tmp_path / role / f"labels/{index}.png", mask)
    options = {"label_map": {0: "ground", 1: "thing"}}

    def of(**options_of_source):
        roles = {role: {"reader": "folder", "root": str(tmp_path / role), "width": 16, "height": 12,
                        "options": options} for role in ("source", "target", "val")}  # fmt: skip
        roles["source"]["options"] = options | options_of_source
        given = source.Params.model_validate(roles.pop("source"))
        both = prepare.run(prepare.Params.model_validate({"classes": ["ground", "thing"], **roles}))
        return both, source.run(given, "game", both.taxonomy)

    return of


def test_a_class_that_no_label_holds_is_told(prepared):
    both, found = prepared()
    assert found.classes["pixels"].tolist()[1] == 0
    assert both.classes["pixels"].min() > 0
    assert both.warnings() == []
    (told,) = found.warnings("game")
    assert told == (
        "game: no pixel of 1 of 2 classes (thing): no model can learn it; see whether a value is "
        "missing from label_map, or is ignored"
    )


def test_where_every_class_is_there_nothing_is_told(prepared):
    both, found = prepared(label_map={0: "ground", 255: "thing"}, ignore=[])
    assert both.warnings() == found.warnings("game") == []
    assert found.classes["pixels"].sum() == 3 * 16 * 12  # at the working size


def test_a_class_that_the_evaluation_set_lacks_is_told():
    table = census.table(np.arange(256), resolve(["a", "b"]))
    (told,) = census.lacking("val", table, census.UNMEASURED)
    assert told.startswith("val: no pixel of 1 of 2 classes (a): its IoU says nothing")


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([(640, 320), (1914, 1052), (960, 720)], 0),  # wide ones, near enough
        ([(640, 320), (480, 640)], 1),
        ([(480, 640), (500, 640), (640, 320)], 2),
        ([(4000, 400)], 1),  # a panorama
    ],
)
def test_images_of_other_proportions_are_counted(sizes, count):
    told = [*census.squeezed("target", domain(*sizes))]
    assert len(told) == (count > 0)
    if count:
        assert f"target: {count} of {len(sizes)} images have other proportions" in told[0]
        assert "is squeezed" in told[0]

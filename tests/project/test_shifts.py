"""The presets of real shifts, on tiny copies of the folders that they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.params import read, validate
from pipeline.stages import prepare, source
from tests import copies

ROOT = Path(__file__).parents[2]
SHARED = Path("../shared")
PRESETS = {
    path.stem: path for path in sorted((ROOT / "presets").glob("*.yaml"))
    if str(SHARED) in path.read_text()
}  # fmt: skip
IDD_OF_CAMVID = np.full(256, IGNORE, np.uint8)
IDD_OF_CAMVID[:12] = [6, 5, 4, 0, 1, 5, 4, 4, 3, 2, 2, IGNORE]
"""IDD Lite's class of each of CamVid's, whose own last id is void."""


def moved(domain, folder):
    """A domain whose root is not beside the project, but in `folder`."""
    place = Path(domain["root"]).relative_to(SHARED)
    return domain | {"root": str(folder / place)}


def checked(name, folder, n=10):
    """What prepare and source make of a preset's own sections."""
    for place, write in copies.FOLDERS.items():
        write(folder / place, n)
    content = read(PRESETS[name])
    domains = {role: moved(content["prepare"][role], folder) for role in ("target", "val")}
    prepared = prepare.run(
        validate(prepare.Params, content["prepare"] | domains, f"{name}: prepare")
    )
    kept = {role: getattr(prepared, role) for role in domains}
    found = {}
    for own, item in content["source"].items():
        params = validate(source.Params, moved(item, folder), f"{name}: source.{own}")
        found[own] = source.run(params, own, prepared.taxonomy, kept)
    return prepared, found


COUNTS = {
    "camvid-dusk": (10, 10, 10, 10), "camvid-dusk-small": (10, 10, 10, 10),
    "camvid-idd": (10, 20, 10, 10), "drive-chase": (10, 10, 8, 10),
    "rendered-camvid": (10, 10, 10, 10), "rendered-camvid-idd": (10, 20, 10, 10),
    "rendered-camvid-fda": (10, 10, 10, 10), "rendered-camvid-lab": (10, 10, 10, 10),
    "rendered-idd": (10, 20, 10, 10),
    "camvid-dusk-online": (10, 10, 10, 10), "camvid-dusk-distil": (10, 10, 10, 10),
    "rendered-camvid-online": (10, 10, 10, 10), "rendered-camvid-cycada": (10, 10, 10, 10),
    "rendered-camvid-cyclegan": (10, 10, 10, 10), "rendered-camvid-fastcut": (10, 10, 10, 10),
    "rendered-camvid-pixelda": (10, 10, 10, 10),
}  # fmt: skip
"""Of each source, target, val and the target's truth, of copies of ten."""


def test_all_of_them_are_counted():
    assert {*COUNTS} == {*PRESETS}


@pytest.mark.parametrize("name", COUNTS)
def test_all_that_lies_there_is_good_and_has_every_class(name, tmp_path):
    prepared, sources = checked(name, tmp_path)
    assert prepared.refused.empty
    for key, found in sources.items():
        assert found.refused.empty
        domains = (found.source, prepared.target, prepared.val, prepared.target_truth)
        assert tuple(map(len, domains)) == COUNTS[name]
        assert (found.classes["pixels"] > 0).all()
        assert not found.warnings(key)
    assert (prepared.classes["pixels"] > 0).all()
    assert not prepared.warnings()


@pytest.mark.parametrize("name", ["rendered-idd", "camvid-idd"])
def test_camvids_classes_become_idds(name, tmp_path):
    _, sources = checked(name, tmp_path)
    ((found),) = [each.source for each in sources.values()]
    _, plain = checked({"rendered-idd": "rendered-camvid", "camvid-idd": "camvid-dusk"}[name],
                       tmp_path)  # fmt: skip
    (before,) = [each.source for each in plain.values()]
    for index in range(len(found)):
        assert np.array_equal(found.label(index), IDD_OF_CAMVID[before.label(index)])


def test_both_sources_of_one_preset_are_those_of_two():
    both = read(PRESETS["rendered-camvid-idd"])
    alone = [read(PRESETS[name]) for name in ("rendered-idd", "camvid-idd")]
    assert both["source"] == alone[0]["source"] | alone[1]["source"]
    assert all(both["prepare"] == each["prepare"] for each in alone)


@pytest.mark.parametrize("name", ["rendered-idd", "camvid-idd"])
def test_of_idds_images_three_hundred_are_drawn(name, tmp_path):
    content = read(PRESETS[name])["prepare"]["target"]
    assert content["limit"] == 300
    copies.idd_lite(tmp_path / "idd-lite", 160)
    params = validate(prepare.Params, read(PRESETS[name])["prepare"] | {
        role: moved(read(PRESETS[name])["prepare"][role], tmp_path) for role in ("target", "val")
    }, name)  # fmt: skip
    prepared = prepare.run(params)
    assert len(prepared.target) == 300
    assert 100 < len(prepared.target_truth) <= 160  # those of the split that has labels


def test_children_are_of_the_target_or_of_val(tmp_path):
    prepared, _ = checked("drive-chase", tmp_path)
    target, val = ({Path(s.image).stem[:-1] for s in of.samples}
                   for of in (prepared.target, prepared.val))  # fmt: skip
    assert target
    assert val
    assert not target & val


@pytest.mark.parametrize(
    "name", ["rendered-camvid", "camvid-idd", "rendered-idd", "rendered-camvid-idd"]
)
def test_no_frame_of_val_is_trained_on(name, tmp_path):
    prepared, sources = checked(name, tmp_path)
    seen = {s.image_hash for of in sources.values() for s in of.source.samples}
    seen |= {s.image_hash for s in prepared.target.samples}
    assert not seen & {s.image_hash for s in prepared.val.samples}

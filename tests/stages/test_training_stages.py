"""infer, pretrain, warmup and retrain on a tiny domain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.inference import predict
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model.recipe import Normalisation
from pipeline.runtime.files import BadInput
from pipeline.sections.pretrain import Network
from pipeline.stages import (
    infer,
    pretrain,
    retrain,
    warmup,
)
from tests.nets import PACKAGE
from tests.rounds import (
    HEIGHT,
    THREE,
    TRAINING,
    WIDTH,
    equal,
    full,
    ignore_log,
    small,
    without_label,
    write_labels,
)

SHARES = torch.tensor([[0.5, 0.3, 0.2]])


def test_each_target_image_has_a_prediction_in_order(target, fabric):
    given = infer.Params(stride=8, flip=True, batch=3)
    found = list(infer.run(given, small(), target, fabric, [range(4)]))
    assert [p.image for p in found] == [sample.image for sample in target.samples]
    network = small().eval()
    for index, prediction in enumerate(found):
        image = torch.from_numpy(target.image(index).copy()).permute(2, 0, 1)[None]
        logits, over = predict.scores(network, image, True)
        cells, window = predict.grid(logits, HEIGHT, WIDTH, 8, over)
        assert (prediction.height, prediction.width) == (HEIGHT, WIDTH)
        assert prediction.logits.dtype == np.float16
        assert prediction.window == window
        np.testing.assert_allclose(prediction.logits, cells[0], atol=2e-3)


@pytest.mark.parametrize("steps", [0, 2])
def test_pretraining_starts_from_the_seed_and_takes_its_steps(steps, scenes, fabric):
    network = {"name": "small", "options": {"width": 4}}
    given = pretrain.Params(**(TRAINING | {"steps": steps, "network": network, "seed": 5}))
    logged = []
    found = pretrain.run(given, [scenes(3)], THREE, fabric, lambda step, _: logged.append(step))
    assert logged == list(range(steps))
    assert equal(found, small(5)) == (steps == 0)


def test_the_normalisation_beside_the_weights_is_the_models(scenes, fabric):
    caffe = {"mean": [104.0, 116.7, 122.7], "std": [1, 1, 1], "scale": 1, "bgr": True}
    network = {"name": "small", "options": {"width": 4}, "normalisation": caffe}
    given = pretrain.Params(**(TRAINING | {"steps": 0, "network": network, "seed": 5}))
    found = pretrain.run(given, [scenes(3)], THREE, fabric, ignore_log).recipe.normalisation
    assert found == Normalisation((104.0, 116.7, 122.7), (1.0, 1.0, 1.0), 1.0, bgr=True)


@pytest.mark.parametrize("named", [None, {"mean": [0.4, 0.4, 0.4]}])
def test_without_a_normalisation_it_is_that_of_the_weights(named, scenes, fabric):
    network = {"name": "deeplabv3plus", "options": PACKAGE}
    network |= {"normalisation": named} if named else {}
    given = pretrain.Params(**(TRAINING | {"steps": 0, "network": network, "seed": 5}))
    found = pretrain.run(given, [scenes(3)], THREE, fabric, ignore_log).recipe.normalisation
    assert found == (Normalisation((0.4, 0.4, 0.4)) if named else Normalisation(*[(0.5,) * 3] * 2))


def test_an_interrupted_run_knows_the_files_that_its_weights_are_of(tmp_path):
    (tmp_path / "w.pth").touch()
    files = [tmp_path / "w.pth", Path("other.pth")]
    options = {"pretrained": str(files[0])}
    assert Network(name="fcn", options=options, weights=files[1]).files == files
    for pretrained in ("DEFAULT", True, None, "package:efficientnet-lite0"):
        assert Network(name="fcn", options={"pretrained": pretrained}).files == []


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_retraining_moves_the_start(share, scenes, target, tmp_path, fabric):
    labels = write_labels(tmp_path / "labels", {s.name: full(1) for s in target.samples})
    given = retrain.Params(**TRAINING, objective="self_training", source_share=share)
    terms = set()
    pseudo = pseudo_of(PseudoLabelled(target, labels, 3))
    log = lambda _, values: terms.update(values)  # noqa: E731
    found = retrain.run(given, small(), [scenes(3)], pseudo, fabric, log)
    assert not equal(found, small())
    sides = {"source"} if share == 1 else {"target"} if share == 0 else {"source", "target"}
    assert terms == {"lr", *sides}


def test_warming_up_moves_the_start_without_any_target_label(scenes, target, fabric):
    given = warmup.Params(**TRAINING | {"from": "source"}, objective="source_only")
    pseudo = PseudoLabelled(without_label(target), None, 3)
    found = warmup.run(given, small(), [scenes(3)], pseudo, SHARES, fabric, ignore_log)
    assert not equal(found, small())


SEVERAL = ("mdan", "moment_matching", "deep_cocktail", "collaborative")


@pytest.mark.parametrize("name", SEVERAL)
def test_a_warmup_on_several_sources_makes_a_model_that_goes_on(name, scenes, target, fabric):
    given = warmup.Params(**TRAINING | {"from": "source", "batch": 4}, objective=name)
    unlabelled = PseudoLabelled(without_label(target), None, 3)
    sources, terms = [scenes(3), scenes(2, name="drawn")], set()
    log = lambda _, values: terms.update(values)  # noqa: E731
    found = warmup.run(given, small(), sources, unlabelled, SHARES, fabric, log)
    counts = {"deep_cocktail": (2, 1), "collaborative": (1, 2)}
    assert (found.recipe.classifiers, found.recipe.networks) == counts.get(name, (1, 1))
    assert ("told" in terms) == (name in ("mdan", "deep_cocktail"))
    images = torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    with torch.no_grad():
        assert not torch.equal(found(images).logits, small().eval()(images).logits)
    again = warmup.Params(**TRAINING | {"from": "source"}, objective="minent")
    warmup.run(again, found, sources, unlabelled, SHARES, fabric, ignore_log)  # of any other


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(("count", "batch", "told"), [
    (1, 4, "source: is a single one, and .* name a mix"),
    (2, 2, "batch = 2: its source_share of 0.5 has no image of each of the 2 sources"),
])  # fmt: skip
def test_a_warmup_on_too_few_sources_or_images_is_refused(
    name, count, batch, told, scenes, target, fabric
):
    given = warmup.Params(**TRAINING | {"from": "source", "batch": batch}, objective=name)
    sources = [scenes(2, name=key) for key in ("game", "drawn")[:count]]
    unlabelled = PseudoLabelled(without_label(target), None, 3)
    with pytest.raises(BadInput, match=told):
        warmup.run(given, small(), sources, unlabelled, SHARES, fabric, ignore_log)


def pseudo_of(target, hard=None, predicted=(9, 9, 9)):
    table = pd.DataFrame({"class": THREE.names, "k": [0.1, 0.2, 0.0], "predicted": predicted})
    return retrain.Pseudo(target, hard, table)


def test_the_easy_images_are_chosen(target):
    names = {target.samples[i].image for i in (3, 1)}
    found = retrain.chosen(target, names | {"another"})
    assert found == [1, 3]
    assert np.array_equal(retrain.only(target, found).image(0), target.image(1))
    assert len(target) == 4
    with pytest.raises(BadInput, match=r"split: no image is easy, .*change split\.easy"):
        retrain.chosen(target, set())

"""A mean of two models is a model: its probabilities are their mean, wherever models are used."""

import json

import numpy as np
import onnxruntime
import pytest
import torch

from pipeline.commands import export
from pipeline.domain.taxonomy import resolve
from pipeline.inference import labelling, predict
from pipeline.model import model
from pipeline.model.recipe import Normalisation, Recipe
from pipeline.runtime.files import BadInput
from pipeline.sections import evaluate as evaluating
from pipeline.sections import infer as inferring
from pipeline.stages import evaluate, infer, mean
from tests.commandline import segue
from tests.nets import THREE, pixels

BGR = Normalisation((104.0, 116.7, 122.7), (1.0, 1.0, 1.0), 1.0, bgr=True)


def made(seed=0, name="small", norm=BGR, **given):
    recipe = Recipe(name, THREE, given or {"width": 4}, norm)
    built = model.create(recipe, seed).eval()
    with torch.no_grad():
        for key, value in built.named_parameters():
            if "classifier" in key or "score" in key:
                value.mul_(20)  # sure enough to differ
    return built


def probabilities(of, images):
    with torch.inference_mode():
        return of(images).logits.double().softmax(1)


def both():
    return mean.run(made(1), made(2, norm=Normalisation())).eval()


def test_probabilities_are_the_mean():
    images = pixels(2, 40, 56)
    one, other = (probabilities(part, images) for part in (both().one, both().other))
    assert (one - other).abs().max() > 0.1
    with torch.inference_mode():
        found = both()(images)
    torch.testing.assert_close(found.logits.double().exp(), (one + other) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_the_grid_is_the_finer_of_two(turned):
    coarse, fine, images = made(1, "fcn8s", width=8), made(2), pixels(1, 64, 96)
    pair = (fine, coarse) if turned else (coarse, fine)
    with torch.inference_mode():
        found = mean.run(*pair).eval()(images)
        wide = torch.nn.functional.interpolate(coarse(images).logits, (16, 24), mode="bilinear")
    expected = (wide.double().softmax(1) + probabilities(fine, images)) / 2
    torch.testing.assert_close(found.logits.double().exp(), expected, rtol=1e-4, atol=1e-6)


def test_a_mean_of_a_mean_is_one_too():
    images, third = pixels(1, 40, 56), made(3)
    nested = mean.run(third, both()).eval()
    expected = (probabilities(third, images) + probabilities(both(), images)) / 2
    torch.testing.assert_close(probabilities(nested, images), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 2 / 3])
def test_the_first_counts_its_share_on_either_grid(share):
    coarse, fine, images = made(1, "fcn8s", width=8), made(2), pixels(1, 64, 96)
    with torch.inference_mode():
        wide = torch.nn.functional.interpolate(coarse(images).logits, (16, 24), mode="bilinear")
    each = wide.double().softmax(1), probabilities(fine, images)
    for pair, own in (((coarse, fine), each), ((fine, coarse), each[::-1])):
        found = probabilities(mean.run(*pair, share).eval(), images)
        expected = share * own[0] + (1 - share) * own[1]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_three_alike_are_a_mean_of_a_mean_that_counts_two_thirds(tmp_path):
    """As FDA takes the mean of its three models."""
    images = pixels(1, 40, 56)
    model.save(tmp_path / "three.pt", mean.run(both(), made(3), 2 / 3))
    found = probabilities(model.load(tmp_path / "three.pt").eval(), images)
    parts = [made(1), made(2, norm=Normalisation()), made(3)]
    expected = sum(probabilities(part, images) for part in parts) / 3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_means_of_two_alike_are_stored_as_they_were(tmp_path):
    model.save(tmp_path / "m.pt", both())
    assert torch.load(tmp_path / "m.pt")["recipe"].keys() == {"mean"}


def test_a_share_that_is_none_is_refused(tmp_path):
    model.save(tmp_path / "m.pt", mean.run(made(1), made(2), 0.3))
    content = torch.load(tmp_path / "m.pt")
    content["recipe"]["share"] = 1.5
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(BadInput, match=r"m\.pt: its recipe cannot be read: .*share 1\.5"):
        model.load(tmp_path / "m.pt")


def test_it_is_saved_and_loaded_as_it_was(tmp_path):
    nested, images = mean.run(both(), made(3)).eval(), pixels(1, 40, 56)
    for name in ("a.pt", "b.pt"):
        model.save(tmp_path / name, nested)
    loaded = model.load(tmp_path / "a.pt").eval()
    assert loaded.recipe == nested.recipe
    assert torch.equal(probabilities(loaded, images), probabilities(nested, images))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_model_that_is_no_mean_has_the_recipe_that_it_had(tmp_path):
    model.save(tmp_path / "m.pt", made())
    recipe = torch.load(tmp_path / "m.pt")["recipe"]
    assert recipe.keys() == {"network", "taxonomy", "options", "normalisation", "second"}


def test_models_of_other_classes_are_refused():
    other = model.create(Recipe("small", resolve(["soil", "rock"]), {"width": 4}), 0)
    with pytest.raises(BadInput, match=r"mean: one model has the 3 classes soil, crop, weed"):
        mean.run(made(), other)


def test_it_teaches_and_is_evaluated_as_a_model(target, fabric):
    taught = mean.run(made(1), made(2))
    given = inferring.Params(stride=4, flip=True, batch=2)
    found = list(infer.run(given, taught, target, fabric, [range(4)]))
    for index, prediction in enumerate(found):
        image = torch.from_numpy(target.image(index).copy()).permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits, over = predict.scores(taught.eval(), image, True)
        expected = predict.labels(logits, prediction.height, prediction.width, over)[0].numpy()
        size = prediction.height, prediction.width
        grid = prediction.logits.astype(np.float32)
        made_of = labelling.measure(grid, *size, window=prediction.window)[0]
        assert (made_of == expected).mean() > 0.98
    confusion = evaluate.run(evaluating.Params(batch=2), taught, target, fabric)
    assert confusion.matrix.sum() > 0
    signals = evaluate.label_free(evaluating.Params(batch=2), taught, target, fabric)
    assert 0 <= signals["entropy"] <= 1


def test_it_is_exported(tmp_path):
    taught, images = both(), pixels(2, 40, 64)
    model.save(tmp_path / "m.pt", taught)
    segue("export", tmp_path / "m.pt", tmp_path / "m.onnx", "--height", 40, "--width", 64)
    content = (tmp_path / "m.onnx").read_bytes()
    assert export.difference(taught, content, 40, 64) < 1e-4
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    expected = probabilities(taught, images).numpy()
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-3, atol=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map["step"]) == [4, 4]

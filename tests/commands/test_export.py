"""A model as ONNX: what onnxruntime computes is what torch does."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from pipeline.commands import export
from pipeline.model import model
from pipeline.model.recipe import Normalisation, Recipe
from pipeline.model.several import with_others
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests.commandline import refusal, segue
from tests.nets import THREE, TIMM, options, pixels

CAFFE = Normalisation((104.00698793, 116.66876762, 122.67891434), (1, 1, 1), 1.0, bgr=True)


def saved(path, name="small", **given):
    made = model.create(Recipe(name, THREE, given, CAFFE), seed=1).eval()
    for part in made.modules():  # norms that do nothing would hide that they are left out
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
            nn.init.uniform_(part.running_var, 0.5, 2)
    model.save(path, made)
    return made


def run(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    return session, logits


def same(found, made, images):
    with torch.inference_mode():
        expected = made(images).logits.numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_export_takes_the_size_that_the_model_was_trained_on(tmp_path):
    model.save(tmp_path / "m.pt", saved(tmp_path / "m.pt", width=8), (48, 40))
    told, aside = segue("export", tmp_path / "m.pt", tmp_path / "m.onnx")
    assert "images of 40x48" in told
    assert "images of 48x40, the size it was trained at; --width changes it" in aside


def test_export_writes_what_onnxruntime_runs_alike(tmp_path):
    made = saved(tmp_path / "m.pt", width=8)
    told, _ = segue("export", tmp_path / "m.pt", tmp_path / "m.onnx", "--height", 40, "--width", 64)
    assert "m.onnx" in told
    assert "images of 40x64" in told
    for n in (1, 3):
        session, found = run(tmp_path / "m.onnx", pixels(n, 40, 64, seed=n))
        same(found, made, pixels(n, 40, 64, seed=n))
    assert session.get_inputs()[0].type == "tensor(uint8)"
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(THREE.names)
    assert json.loads(told["first"]) == [1.5, 1.5]
    assert json.loads(told["step"]) == [4, 4]


@pytest.mark.parametrize("asked", [{"classifiers": 2}, {"networks": 2}])
def test_a_model_of_several_classifiers_is_exported(asked, tmp_path):
    made = with_others(saved(tmp_path / "one.pt", width=4), **asked).eval()
    for part in made.others:
        nn.init.normal_(next(reversed([*part.parameters()])), std=2)
    made.shares.copy_(torch.tensor([0.2, 0.8]))
    model.save(tmp_path / "m.pt", made)
    segue("export", tmp_path / "m.pt", tmp_path / "m.onnx", "--height", 40, "--width", 64)
    same(run(tmp_path / "m.onnx", pixels(3, 40, 64))[1], made, pixels(3, 40, 64))


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    made = saved(tmp_path / "m.pt", width=8)
    content = export.to_onnx(made, 32, 48)
    assert export.difference(made, content, 32, 48) < 1e-5
    other = saved(tmp_path / "other.pt", width=8)
    nn.init.constant_(other.network.classifier.bias, 1)
    assert export.difference(other, content, 32, 48) > 0.1
    for wrong in (2e-4, float("nan")):
        monkeypatch.setattr(export, "to_onnx", lambda *_: content)
        monkeypatch.setattr(export, "difference", lambda *_, wrong=wrong: wrong)
        told = refusal("export", tmp_path / "m.pt", tmp_path / "m.onnx")
        assert "m.onnx: not written" in told
        assert f"by {wrong:.1e} of the largest" in told
        assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_export_says_what_is_not_installed(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    told = refusal("export", tmp_path / "m.pt", tmp_path / "m.onnx")
    assert f"export needs {name}: pip install" in told
    assert ".[export]" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        *((name, None) for name in parts.names("networks")),
        ("deeplabv2", {"aux": True, "dilations": 2}),  # the ResNet of old weights
        *TIMM.values(),
    ],
)
def test_every_network_is_exported(name, given, tmp_path):
    made = saved(tmp_path / "m.pt", name, **(options(name) if given is None else given))
    segue("export", tmp_path / "m.pt", tmp_path / "m.onnx", "--height", 72, "--width", 104)
    same(run(tmp_path / "m.onnx", pixels(3, 72, 104))[1], made, pixels(3, 72, 104))


def test_a_model_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no\.pt: no such file"):
        segue("export", tmp_path / "no.pt", tmp_path / "m.onnx")

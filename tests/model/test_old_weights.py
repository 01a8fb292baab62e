"""Weights of public code mean the same numbers here; what starts such training is taken too."""

import pytest
import torch

from pipeline.domain.taxonomy import resolve
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests import old_weights

FIVE = resolve(["road", "car", "tree", "sky", "sign"])


def given(state, **options):
    """A network of meta tensors with a state's own in their place: nothing is drawn."""
    with torch.device("meta"):
        network = parts.build("networks", "deeplabv2", options, classes=5)
    missing, unexpected = network.load_state_dict(network.rename(state), strict=False, assign=True)
    assert not unexpected
    assert {key.rpartition(".")[2] for key in missing} <= {"num_batches_tracked"}
    return network.eval()


@pytest.fixture(scope="module")
def resnet():
    """A state of ResNet-101 with an image's maps; each size of the image rounds somewhere."""
    torch.manual_seed(0)
    state, x = old_weights.resnet(), torch.randn(1, 3, 45, 66)
    heads = {
        "middle": old_weights.classifier("layer5", 1024, 5),
        "last": old_weights.classifier("layer6", 2048, 5),
    }
    with torch.inference_mode():
        return state, heads, x, old_weights.resnet_maps(state, x)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("count", [2, 4], ids=["AdaptSegNet", "ADVENT"])
def test_two_levels_give_their_networks_numbers(count, resnet):
    state, heads, x, (middle, last) = resnet
    whole = state | heads["middle"] | heads["last"]
    with torch.inference_mode():
        found = given(whole, aux=True, dilations=count)(x)
        assert found.logits.shape == (1, 5, 6, 9)
        close(found.logits, old_weights.aspp(whole, "layer6", last, count))
        close(found.aux, old_weights.aspp(whole, "layer5", middle, count))
        close(found.features, last)
        alone = given(whole, dilations=count)(x)
        assert torch.equal(alone.logits, found.logits)
        assert alone.aux is None


@pytest.mark.parametrize("name", ["layer5", "layer6"], ids=["CRST, AdaptSegNet", "ADVENT"])
def test_one_level_gives_its_networks_numbers(name, resnet):
    state, heads, x, (_, last) = resnet
    head = {key.replace("layer6", name): value for key, value in heads["last"].items()}
    with torch.inference_mode():
        close(given(state | head)(x).logits, old_weights.aspp(head, name, last, 4))


def test_the_transfer_learning_librarys_names_give_the_same_numbers(resnet):
    state, heads, x, (_, last) = resnet
    head = {key.replace("layer6", "classifier"): value for key, value in heads["last"].items()}
    with torch.inference_mode():
        found = given({f"backbone.{key}": value for key, value in state.items()} | head)(x)
        close(found.logits, old_weights.aspp(head, "classifier", last, 4))


def test_all_dilations_are_not_the_published_networks(resnet):
    state, heads, x, _ = resnet
    with torch.inference_mode():
        two, four = (given(state | heads["last"], dilations=n)(x).logits for n in (2, 4))
    assert (two - four).abs().max() > 0.1 * two.abs().max()


def test_vgg16_gives_its_networks_numbers():
    torch.manual_seed(0)
    state, x = old_weights.vgg16(5), torch.randn(1, 3, 45, 66)
    with torch.inference_mode():
        found = given(state, backbone="vgg16")(x)
        features = old_weights.vgg16_map(state, x)
        assert features.shape == (1, 1024, 5, 8)
        close(found.features, features)
        close(found.logits, old_weights.aspp(state, "classifier", features, 4))


def empty(state):
    """The same shapes from one number each, so that a file of them is small."""
    return {key: torch.full((), 0.5).expand(value.shape) for key, value in state.items()}


def file(path, state, **options):
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as torch 0.3 wrote it
    return model.create(Recipe("deeplabv2", FIVE, options), 0, path).network


def test_files_are_read_by_whatever_prefix_they_have(resnet, tmp_path):
    state, heads, *_ = resnet
    whole = empty(state | heads["middle"] | heads["last"])
    for prefix in ("", "module."):
        renamed = {prefix + key: value for key, value in whole.items()}
        network = file(tmp_path / "old.pth", renamed, aux=True)
        assert all((p == 0.5).all() for p in network.parameters())


@pytest.mark.parametrize("kind", ["Scale.", "fc."])
def test_what_training_starts_from_leaves_the_classifier_as_drawn(kind, resnet, tmp_path):
    start = empty(resnet[0])
    if kind == "Scale.":
        start |= empty(old_weights.classifier("layer5", 2048, 21))
        start = {f"Scale.{key}": value for key, value in start.items()}
    else:
        start |= {"fc.weight": torch.ones(1000, 2048), "fc.bias": torch.ones(1000)}
    network = file(tmp_path / "start.pth", start)
    for name, parameter in network.named_parameters():
        assert (parameter == 0.5).all() == (not name.startswith("head.")), name
    assert 0.005 < network.head[0].weight.std() < 0.02


def test_what_is_missing_or_of_other_classes_is_refused_by_name(resnet, tmp_path):
    state, heads, *_ = resnet
    whole = empty(state | heads["last"])
    lacking = {key: value for key, value in whole.items() if not key.startswith("layer4.2")}
    with pytest.raises(BadInput, match=r"missing \['backbone\.layer4\.2\.bn1\.bias'"):
        file(tmp_path / "lacking.pth", lacking)
    with pytest.raises(BadInput, match=r"missing \['aux_head\.0\.bias'"):
        file(tmp_path / "single.pth", whole, aux=True)
    other = empty(state | old_weights.classifier("layer6", 2048, 19))
    with pytest.raises(BadInput, match=r"head\.0\.bias \(19,\) instead of \(5,\)"):
        file(tmp_path / "other.pth", other)


def test_half_of_clans_classifiers_is_refused(resnet, tmp_path):
    state, heads, *_ = resnet
    whole = empty(state | heads["last"] | old_weights.classifier("layer5", 2048, 5))
    with pytest.raises(BadInput, match=r"clan\.pth: is CLAN's, whose layer5 and layer6 are both"):
        file(tmp_path / "clan.pth", whole)


def test_own_weights_keep_their_names(resnet):
    state, heads, *_ = resnet
    network = given(state | heads["last"])
    assert network.rename(network.state_dict()).keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "vgg16", "aux": True}, "vgg16 has no auxiliary head"),
        ({"pretrained": "DEFAULT"}, "add caffe: false"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(BadInput, match=message):
        parts.build("networks", "deeplabv2", options, classes=5)


def test_segformers_published_weights_are_taken_by_name():
    network = parts.build("networks", "segformer", {}, classes=5)
    trained = old_weights.segformer_b0(5)
    renamed = network.rename(trained)
    own = network.state_dict()
    shapes = {key: value.shape for key, value in own.items() if not key.endswith("tracked")}
    assert {key: value.shape for key, value in renamed.items()} == shapes

    bare = {key.removeprefix("backbone."): v for key, v in trained.items() if "backbone" in key}
    start = network.rename(
        bare | {"head.weight": torch.ones(1000, 256), "head.bias": torch.ones(1000)}
    )
    assert start.keys() == own.keys()
    assert all(start[key] is not own[key] or key.startswith("head.") for key in own)
    assert all(torch.equal(start[key], own[key]) for key in own if key.startswith("head."))

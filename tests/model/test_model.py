"""What a model says of itself."""

import pytest
import torch

from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime.files import BadInput
from tests.memory import recipe
from tests.rounds import THREE


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_channels_are_counted_where_the_model_is(device):
    """Warm-ups may begin with a model that was just trained, on a GPU."""
    made = model.create(recipe(width=4), 0)
    expected = made.network.classifier.in_channels
    assert model.channels(made.to(device)) == expected
    assert made.training


def test_a_model_carries_the_size_of_the_images_that_it_learned_from(tmp_path):
    made = model.create(Recipe("small", THREE, {"width": 4}), 0)
    model.save(tmp_path / "old.pt", made)
    assert "size" not in torch.load(tmp_path / "old.pt", weights_only=True)["recipe"]
    assert model.load(tmp_path / "old.pt").recipe.size is None
    model.save(tmp_path / "new.pt", made, (64, 32))
    again = model.load(tmp_path / "new.pt")
    assert again.recipe.size == (64, 32)
    model.save(tmp_path / "again.pt", again)
    assert (tmp_path / "again.pt").read_bytes() == (tmp_path / "new.pt").read_bytes()
    model.save(tmp_path / "later.pt", again, (128, 64))  # a round's model learned from the target
    assert model.load(tmp_path / "later.pt").recipe.size == (128, 64)
    both = model.mean(made, again)
    model.save(tmp_path / "both.pt", both)
    assert model.load(tmp_path / "both.pt").recipe.size == (64, 32)


@pytest.mark.parametrize("size", [(0, 3), (1,), "ab", 7])
def test_a_size_that_is_none_is_refused(size, tmp_path):
    model.save(tmp_path / "m.pt", model.create(Recipe("small", THREE, {"width": 4}), 0))
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    content["recipe"]["size"] = size
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(BadInput, match=r"m\.pt: its recipe cannot be read"):
        model.load(tmp_path / "m.pt")

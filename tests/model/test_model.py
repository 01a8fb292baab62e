"""What a model says of itself."""

import pytest

from pipeline.model import model
from tests.memory import recipe


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_channels_are_counted_where_the_model_is(device):
    """Warm-ups may begin with a model that was just trained, on a GPU."""
    made = model.create(recipe(width=4), 0)
    expected = made.network.classifier.in_channels
    assert model.channels(made.to(device)) == expected
    assert made.training

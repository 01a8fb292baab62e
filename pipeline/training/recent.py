"""What was seen in the last steps, as a checkpoint keeps it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Recent(nn.Module):
    """The mean of the last `window` values, or of all while there are fewer."""

    last: Tensor  # (window,), each value in the place of the oldest
    count: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(window))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, value: Tensor) -> Tensor:
        """Takes one more value, (), and gives the mean, ()."""
        self.last[self.count % len(self.last)] = value
        self.count += 1
        return self.last.sum() / self.count.clamp(max=len(self.last))

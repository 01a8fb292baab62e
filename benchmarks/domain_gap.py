"""How far apart the features of two domains are, as a new discriminator sees it."""

from __future__ import annotations

import torch
from experiments import World
from torch.nn import functional as F

from pipeline.domain.samples import Domain
from pipeline.model import model
from pipeline.training.discriminators import PixelDiscriminator
from pipeline.training.passes import fixed_statistics

IMAGES, STEPS = 48, 300  # of each domain, half to learn from; of the discriminator of `told`


def told(world: World, found: model.Model) -> float:
    """How often a new discriminator tells whose the features are, of images that it did not see.

    Batch norm has the statistics of eight whole images of one domain. 50 % is a guess; the two have
    other shares of classes, so that no alignment need reach it.
    """
    parts = [
        [features(found, of, images) for of in (*world.source, world.prepared.target)]
        for images in (range(0, IMAGES, 2), range(1, IMAGES, 2))
    ]
    (x, y), (x_test, y_test) = (
        (torch.cat(both), torch.cat([torch.full((len(f), 1), side) for side, f in
                                     zip((1.0, 0.0), both, strict=True)]))
        for both in parts
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        judge = PixelDiscriminator(x.shape[1])
        stepper = torch.optim.Adam(judge.parameters(), 1e-3)
        for _ in range(STEPS):
            drawn = torch.randint(len(x), (2048,))
            answers = judge(x[drawn, :, None, None])[:, :, 0, 0]
            loss = F.binary_cross_entropy_with_logits(answers, y[drawn])
            stepper.zero_grad()
            loss.backward()
            stepper.step()
    with torch.no_grad():
        right = (judge(x_test[:, :, None, None])[:, :, 0, 0] > 0) == (y_test > 0)
    return float(right.float().mean())


@torch.no_grad()
def features(found: model.Model, of: Domain, images: range) -> torch.Tensor:
    """(cells, F) of some images, a sixteenth of all cells, on the CPU."""
    found.train()
    rows = []
    with fixed_statistics(found):
        for batch in (images[i : i + 8] for i in range(0, len(images), 8)):
            stacked = torch.stack([torch.from_numpy(of.image(i)).permute(2, 0, 1) for i in batch])
            cells = found(stacked.to(found.mean.device)).features[:, :, 2::4, 2::4]
            rows.append(cells.movedim(1, 3).flatten(0, 2).cpu())
    found.eval()
    return torch.cat(rows)

"""Images that go to the other domain and come back as they were."""

from __future__ import annotations

from pipeline.runtime.parts import Weight
from pipeline.training.cycles import Cycle
from pipeline.training.generators import USUAL, Networks


class Translator(Cycle):
    """CycleGAN (Zhu et al., 2017), of images alone: no label keeps a thing what it is.

    `cycle` and `identity` are the paper's, which has 0.5 of the cycle's 10 for the identity.
    Discriminators see the newest translations; the paper's see some of the last 50.
    """

    def __init__(
        self, networks: Networks = USUAL, cycle: Weight = 10.0, identity: Weight = 5.0
    ) -> None:
        super().__init__(networks, cycle, identity)

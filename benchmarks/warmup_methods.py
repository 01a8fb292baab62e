"""The warm-ups that are compared, by name: objective and options; and their controls."""

from __future__ import annotations

from typing import Any

LONGER = "source-longer"  # as many steps as a warm-up and three rounds
CONTROL = "target-norm"  # of source-long: what batch norm does without any of the losses
NO_TERMS = "no terms"  # a warm-up's loop, batches and batch norm, and the source's loss alone

# The papers' weights were made for 120,000 steps of SGD, these are 640 of AdamW: tried on seed 1,
# with the evaluation labels in sight, were AdvEnt with 1e-2 and 1e-1, MinEnt with 1e-2. The papers'
# discriminator has five times this network's parameters, and a rate of 1e-4 teaches it little.
NARROW = {"width": 16}
MINENT = {"entropy": 1e-2}
ADVENT = {"adversarial": 1e-2, **NARROW}
OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    NO_TERMS: ("minent", {"entropy": 0.0}),
    "FCNs in the Wild": ("fcns_in_the_wild", {"adversarial": 1e-2, "size": 1e-2}),
    "AdaptSegNet": ("adaptsegnet", {"adversarial": 1e-2, **NARROW}),
    "MinEnt": ("minent", MINENT),
    "MinEnt + CP": ("minent", {**MINENT, "ratio": 1e-2}),
    "AdvEnt": ("advent", ADVENT),
    "AdvEnt + CP": ("advent", {**ADVENT, "ratio": 1e-2}),
    "CLAN": ("clan", {"adversarial": 1e-2, **NARROW}),
    "ROAD": ("road", {"pretrained": "source"}),  # the paper's stays near an ImageNet network
    "FCAN": ("fcan", {"width": 32}),
    "ADDA": ("adda", {"width": 128}),
    "Generate To Adapt": ("generate_to_adapt", {"width": 16}),
}
# the papers' ratio of the two levels; the network, and its control, have an auxiliary head
LEVELS = {"adversarial_aux": 2e-3, "aux": 0.1}
AUX_CONTROL, AUX_NO_TERMS = (f"{name}, auxiliary head" for name in (CONTROL, NO_TERMS))
TWO_LEVELS: dict[str, tuple[str, dict[str, Any]]] = {
    AUX_NO_TERMS: ("minent", {"entropy": 0.0, "aux": 0.1}),
    "AdaptSegNet, two levels": ("adaptsegnet", {"adversarial": 1e-2, **NARROW, **LEVELS}),
    "AdvEnt, two levels": ("advent", {**ADVENT, **LEVELS}),
}
OTHER_WEIGHTS: dict[str, tuple[str, dict[str, Any]]] = {
    "MinEnt + CP of 1": ("minent", {**MINENT, "ratio": 1.0}),
    "AdvEnt + CP of 1": ("advent", {**ADVENT, "ratio": 1.0}),
    "FCNs of 0.1, no sizes": ("fcns_in_the_wild", {"adversarial": 0.1, "size": 0.0}),
    "FCAN of 1e-2": ("fcan", {"width": 32, "segmentation": 100.0}),
    "ADDA on features of 1e-2": ("adda", {"width": 128, "of": "features", "adversarial": 1e-2}),
    "Generate To Adapt of 1e-2": (
        "generate_to_adapt",
        {"width": 16, "adversarial": 1e-2, "semantic": 1e-2},
    ),
    "FCNs of 0, sizes of 1": ("fcns_in_the_wild", {"adversarial": 0.0, "size": 1.0}),
}
WITH_CONTROL = [*OBJECTIVES, AUX_CONTROL, *TWO_LEVELS, *OTHER_WEIGHTS]
ALL = {**OBJECTIVES, **TWO_LEVELS, **OTHER_WEIGHTS}
COMMON = {"own_norm": True}
DISCRIMINATOR = {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-2, "second": 0.999}

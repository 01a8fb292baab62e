"""The self-training methods that are compared: what each does after the shared warm-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.runtime.contents import overlay

Steps = list[Mapping[str, Any]]


def rounds(labeler: str, retraining: Mapping[str, Any] | None = None, **options: Any) -> Steps:
    """Three rounds of the preset's portions, each from the one before."""
    training = {"options": {"norm": "own"}}
    return [
        {
            "pseudo_label": {"labeler": labeler, "portion": portion, "options": options},
            "split": {"ranker": "entropy", "easy": 0.5},
            "retrain": overlay({"objective": "self_training", **training}, retraining or {}),
        }
        for portion in (0.20, 0.25, 0.30)
    ]


def tpld() -> Steps:
    """Two rounds of phase 1, one of phase 2 (the paper: six and three)."""
    objective = {"objective": "tpld", "options": {"norm": "own"}}
    found = rounds("tpld", objective, window=29)  # half the paper's, for images of half the size
    phase2 = {"options": {"dense": True}, "use": "easy", "source_share": 0.25, "hard_share": 0.5}
    ranked = {"ranker": "confidence", "easy": 0.3}
    last = overlay(found[2], {"retrain": phase2, "split": ranked})
    return [*found[:2], last]


def intra_domain() -> Steps:
    """AdvEnt first, then one round of all its steps without any source image."""
    return [
        {"warmup": {"objective": "advent", "options": {"own_norm": True}}},
        {
            "pseudo_label": {"labeler": "st", "portion": 1.0},
            "split": {"ranker": "entropy", "easy": 0.67},
            "retrain": {
                "objective": "intra_domain", "use": "easy", "source_share": 0, "hard_share": 0.5
            },
        },
    ]  # fmt: skip


def regularised(kind: str) -> Steps:
    return rounds("cbst", {"options": {"regulariser": kind}})


METHODS: dict[str, Steps] = {
    "ST": rounds("st"),
    "CBST": rounds("cbst"),
    "CBST-SP": rounds("cbst_sp"),
    "CRST-MRKLD": regularised("mrkld"),
    "CRST-MRENT": regularised("mrent"),
    "CRST-MRL2": regularised("mrl2"),
    "CRST-LRENT": rounds("crst_lrent", {"options": {"soft_alpha": 0.25}}),
    "TPLD": tpld(),
    "MinEnt": [{"warmup": {"objective": "minent", "options": {"own_norm": True}}}] * 3,
    "AdvEnt": [{"warmup": {"objective": "advent", "options": {"own_norm": True}}}] * 3,
    "IntraDA": intra_domain(),
}
"""What follows the shared model `source-norm`; all steps of a method together are the preset's."""

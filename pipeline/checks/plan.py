"""Whether the parts that params.yaml chooses fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.domain.shares import counted
from pipeline.runtime import parts
from pipeline.runtime.contents import Content, overlay, section_of
from pipeline.runtime.files import BadInput


def check(content: Content, name: str) -> None:
    """Raises BadInput with all that contradicts itself in one round."""
    if problems := list(contradictions(content, [name])):
        raise BadInput("\n".join(f"params.yaml: {problem}" for problem in problems))


def contradictions(content: Content, names: list[str] | None = None) -> Iterator[str]:
    """One line for each that no stage by itself can see: of some rounds, or of everything."""
    if names is None:
        for name, item in (content.get("warmup") or {}).items():
            yield from _warmup(f"warmup.{name}", overlay(content.get("training") or {}, item))
    for name in content.get("rounds") or {} if names is None else names:
        yield from _round(f"rounds.{name}", content)


def _warmup(where: str, item: Content) -> Iterator[str]:
    objective = _objective(item)
    if objective is None:
        return
    if "target" in objective.labels or "hard" in objective.sides:
        able = [n for n in parts.names("objectives") if _fits_warmup(n)]
        yield (
            f"{where}.objective = {item['objective']}: learns from pseudo-labels, and a warmup has "
            f"none; choose {', '.join(able)}, or use it in a round's retrain"
        )
        return
    share = _number(item, "source_share", 0.5)
    yield from _source(where, item["objective"], objective, share)
    yield from _mixed(where, item, objective, share)
    yield from _counted(where, item, share)
    given = _options(item).get("labels")
    if getattr(objective, "optional_labels", ()) and given in ("round", "both"):
        yield (
            f"{where}.options.labels = {given}: a warmup has no pseudo-labels; set it to teacher, "
            "or use it in a round's retrain"
        )
    if item.get("frozen_norm") and not objective.labels:
        yield (
            f"{where}.frozen_norm = true: {item['objective']} moves nothing but batch norm's "
            "statistics; set it to false"
        )
    aligned, name = "target" in objective.sides, item["objective"]
    if aligned and share == 1:
        yield f"{where}.source_share = 1: leaves {name} no target images; lower it"
    if not aligned and share != 1:
        yield f"{where}.source_share = {share}: {name} takes no target images; set it to 1"


def _mixed(where: str, item: Content, objective: Any, share: float) -> Iterator[str]:
    """Each target image is mixed with a source image of its own."""
    if "mixed" not in objective.sides:
        return
    batch = _number(item, "batch", 2)
    if round(batch * share) * 2 != batch:
        yield (
            f"{where}: {item['objective']} mixes each target image with a source image, and "
            f"source_share {share} of a batch of {batch} is not half of it; set source_share to "
            "0.5, and batch to an even number"
        )


def _counted(where: str, item: Content, share: float, hard: float = 0.0) -> Iterator[str]:
    """A side with a share, but without an image."""
    if isinstance(batch := item.get("batch"), int):
        try:
            counted(batch, share, hard)
        except BadInput as error:
            yield f"{where}.{error}"


def _fits_warmup(name: str) -> bool:
    objective = parts.find("objectives", name)
    return "target" not in objective.labels and "hard" not in objective.sides


def _source(where: str, name: str, objective: Any, share: float) -> Iterator[str]:
    if ("source" in objective.sides) != (share > 0):
        fix = "needs source images; raise it" if share == 0 else "takes none; set it to 0"
        yield f"{where}.source_share = {share}: {name} {fix}"


def _number(section: Content, key: str, default: float) -> float:
    """Its stage says so where it is none."""
    found = section.get(key, default)
    return found if isinstance(found, int | float) else default


def _options(section: Content) -> Content:
    """Its stage says so where they are no mapping."""
    found = section.get("options")
    return found if isinstance(found, Mapping) else {}


def _objective(item: Content) -> Any:
    try:
        return parts.find("objectives", item.get("objective") or "")
    except BadInput:
        return None  # its stage says so


def _alike(where: str, content: Content) -> Iterator[str]:
    """Another draw of labelled images, and two models' numbers are of different ones."""
    own = section_of(content, f"{where}.evaluate")
    for key in (key for key in ("few", "seed") if key in own):
        yield (
            f"{where}.evaluate.{key} = {own[key]}: the same images are drawn for all models; set "
            "it in evaluate alone"
        )


def _round(where: str, content: Content) -> Iterator[str]:
    yield from _alike(where, content)
    made, split, training = (
        overlay(section_of(content, stage), section_of(content, f"{where}.{stage}"))
        for stage in ("pseudo_label", "split", "retrain")
    )
    objective, name = _objective(training), str(training.get("objective"))
    if objective is None:
        return
    if "target" not in _labels(name):
        able = [n for n in parts.names("objectives") if "target" in _labels(n)]
        yield (
            f"{where}.retrain.objective = {name}: learns from no pseudo-labels; choose "
            f"{', '.join(able)}, or use it as a warmup"
        )
        return
    share, hard = _number(training, "source_share", 0.5), _number(training, "hard_share", 0)
    if "source" not in objective.sides and share:
        yield f"{where}.retrain.source_share = {share}: {name} takes no source images; set it to 0"
    both = overlay(section_of(content, "training"), training)
    yield from _mixed(f"{where}.retrain", both, objective, share)
    yield from _counted(f"{where}.retrain", both, share, hard)
    yield from _hard(f"{where}.", name, objective, hard, split)
    if share + hard >= 1:
        yield (
            f"{where}.retrain: source_share {share} and hard_share {hard} leave no pseudo-labelled "
            "images in a batch; lower one"
        )
    if training.get("use") == "easy" and not split.get("easy"):
        yield f"{where}.split.easy = {split.get('easy')}: retrain.use easy needs some; raise it"
    yield from _soft(where, made, training)
    if _options(training).get("dense") and made.get("labeler") != "tpld":
        yield (
            f"{where}.retrain.options.dense = true: needs the labeler tpld, not "
            f"{made.get('labeler')}"
        )


def _labels(name: str) -> tuple[str, ...]:
    """Of which sides it learns, or may learn, labels."""
    objective = parts.find("objectives", name)
    return (*objective.labels, *getattr(objective, "optional_labels", ()))


def _hard(where: str, name: str, objective: Any, hard: float, split: Content) -> Iterator[str]:
    if "hard" in objective.sides and not hard:
        yield f"{where}retrain.hard_share = 0: {name} aligns hard images; raise it, as to 0.5"
    if not hard:
        return
    if "hard" not in (*objective.sides, *getattr(objective, "optional", ())):
        yield f"{where}retrain.hard_share = {hard}: {name} takes no hard images; set it to 0"
    if split.get("ranker") == "none":
        yield f"{where}split.ranker = none: hard images need one; choose {', '.join(_rankers())}"
    if not 0 < _number(split, "easy", 0) < 1:
        yield f"{where}split.easy = {split.get('easy')}: leaves no easy or no hard images"


def _rankers() -> list[str]:
    return [name for name in parts.names("rankers") if name != "none"]


def _soft(where: str, made: Content, training: Content) -> Iterator[str]:
    """LRENT's labels and their soft form are two halves of one method."""
    alpha = _options(training).get("soft_alpha")
    if made.get("labeler") != "crst_lrent":
        if alpha is not None:
            yield (
                f"{where}.retrain.options.soft_alpha = {alpha}: needs the labeler crst_lrent, "
                f"not {made.get('labeler')}"
            )
        return
    own = _options(made).get("alpha", 0.25)
    if training.get("objective") == "self_training" and alpha != own:
        yield (
            f"{where}.retrain.options.soft_alpha = {alpha}: crst_lrent chose its labels with alpha "
            f"{own}; set both alike"
        )

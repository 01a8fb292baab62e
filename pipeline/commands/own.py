"""Look at your own images and labels, and write params.yaml for them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from pipeline.commands import _match, _proposal, _survey, _text
from pipeline.commands._match import Found
from pipeline.commands._survey import Survey
from pipeline.domain import colours
from pipeline.runtime import params, parts
from pipeline.runtime.files import BadInput, readable
from pipeline.runtime.params import validate
from pipeline.sections import prepare, source

_LEAST = 8
_LINES = 12
"""Values of labels that are shown with their share of the pixels."""

Sides = dict[str, tuple[Found, Survey]]


def own(
    images: Annotated[Path, typer.Argument(metavar="SOURCE_IMAGES", help="images to learn from")],
    labels: Annotated[Path, typer.Argument(metavar="SOURCE_LABELS", help="their labels")],
    target: Annotated[Path, typer.Argument(metavar="TARGET_IMAGES", help="images to adapt to")],
    val_images: Annotated[Path | None, typer.Argument(help="labelled target images")] = None,
    val_labels: Annotated[Path | None, typer.Argument(help="their labels")] = None,
    held_out: Annotated[
        float | None, typer.Option(help="share of the source to evaluate on, such as 0.1")
    ] = None,
    side: Annotated[int, typer.Option(min=8, help="longer side of the working size")] = 320,
    presets: Annotated[Path, typer.Option(help="folder of the presets")] = Path("presets"),
) -> None:
    """Look at folders of images and labels, say what is in them, and write params.yaml.

    It asks nothing: it matches names, proposes classes from the labels' values or colours, and
    says what you should check. A params.yaml of yours is kept beside the new one.
    """
    if (val_images is None) != (val_labels is None):
        raise BadInput(f"{val_images}: give val's labels too, or neither images nor labels")
    if held_out is not None and not 0 < held_out < 1:
        raise BadInput(f"--held-out {held_out}: must be above 0 and below 1, such as 0.1")
    if val_images is not None and held_out is not None:
        raise BadInput(f"--held-out {held_out}: there is a val of your own; leave one of them out")
    found = {"source": _match.matched(images, labels), "target": _match.images_of(target)}
    if val_images is not None and val_labels is not None:
        found["val"] = _match.matched(val_images, val_labels)
    apart = [*_check_apart(found)]
    sides = {name: (of, _survey.survey(of, name)) for name, of in found.items()}
    made = _proposal.propose(sides["source"][1], sides["val"][1] if "val" in sides else None)
    domains = {name: _domain(*both, side) for name, both in sides.items()}
    domains["source"]["options"] |= made.source
    if "val" in sides:
        domains["val"]["options"] |= made.val
    for name, both in sides.items():
        typer.echo("\n".join(_told(name, *both, domains[name])))
    new = _written(made, domains, held_out, _least(found), presets / "own-data.yaml")
    _text.put(params.FILE, new.encode(), presets.glob("*.yaml"))
    checks = (*made.checks, *apart, *_missing(sides, held_out))
    names = [made.classes] if isinstance(made.classes, str) else made.classes
    typer.echo("\n".join([f"classes: {', '.join(names)}", *(f"- {line}" for line in checks)]))
    typer.echo(f"{params.FILE} is written. Look at it, then run: segue check, dvc repro")


def _least(found: Mapping[str, Found]) -> int:
    """How many good images each must have: half of what is there, and no more than _LEAST."""
    each = {name: of.pairs if name == "target" else of.labelled for name, of in found.items()}
    return max(1, min(_LEAST, *(len(pairs) // 2 for pairs in each.values())))


def _check_apart(found: Mapping[str, Found]) -> Iterator[str]:
    """What one side has of another's images. Raises BadInput where that is all of it."""
    files = {name: {(of.root / p.image).resolve() for p in of.pairs} for name, of in found.items()}
    for name, of in (("val", "target"), ("source", "target"), ("source", "val")):
        both = files.get(name, set()) & files.get(of, set())
        if both and both == files[name]:
            raise BadInput(
                f"{found[name].root}: all images of {name} are {of}'s too; models must not be "
                "judged by what they have learned from: give folders without common images"
            )
        if both:
            yield f"{name}: {len(both)} of its images are also {of}'s, and are refused here"


def _domain(found: Found, survey: Survey, side: int) -> dict[str, Any]:
    width, height = survey.sizes.most_common(1)[0][0]
    scale = min(1.0, side / max(width, height))
    size = {"width": max(8, round(width * scale)), "height": max(8, round(height * scale))}
    return {"reader": "folder", "root": str(found.root), **size, "options": {**found.options}}


# --- params.yaml ---------------------------------------------------------------------------


def _written(
    made: _proposal.Proposal,
    domains: Mapping[str, dict[str, Any]],
    held_out: float | None,
    least: int,
    template: Path,
) -> str:
    """The template's text with these data in it. Raises BadInput where it would not be in order."""
    first, target = domains["source"], domains["target"]
    val: dict[str, Any] = domains.get("val") or {"reader": "none", "root": target["root"]}
    if held_out is not None:
        val = {**first, "held_out": held_out}
    prepared = {"classes": made.classes, "minimum": least, "target": target, "val": val}
    labelled = {**first, "minimum": least}
    validate(prepare.Params, prepared, "prepare")
    validate(source.Params, labelled, "source.labelled")
    for item in (first, target, val):
        parts.check_options("datasets", item["reader"], item.get("options", {}), "root", "classes")
    with readable(template, "a preset", "name the folder of the presets by --presets"):
        text = template.read_text(encoding="utf-8")
    text = _replaced(text, "source", {"source": {"labelled": labelled}})
    text = _replaced(text, "prepare", {"prepare": prepared})
    crop = [min(first[key], target[key]) for key in ("width", "height")]
    size = "crop_width: {}, crop_height: {}".format(*crop)
    text = re.sub(r"crop_width: \d+, crop_height: \d+", size, text)
    return re.sub(r"\A(#.*\n)+", "# Written by `segue own`. See docs/data.md.\n", text)


def _replaced(text: str, section: str, content: Mapping[str, Any]) -> str:
    """With other lines for a section, and for the comment directly above it."""
    sink = io.StringIO()
    yaml = YAML()
    yaml.width = 1000
    yaml.dump(content, sink)
    place = rf"(?m)^(?:#.*\n)*{section}:.*\n(?:[ \t]+.*\n)*"
    return re.sub(place, lambda _: sink.getvalue(), text, count=1)


# --- what is said --------------------------------------------------------------------------


def _told(name: str, found: Found, survey: Survey, domain: Mapping[str, Any]) -> Iterator[str]:
    pairs = found.labelled
    width, height = survey.sizes.most_common(1)[0][0]
    kinds = f", and {len(survey.sizes) - 1} other sizes" if len(survey.sizes) > 1 else ""
    yield f"{name}: {len(found.pairs)} images of {width}x{height}{kinds}, in {found.root}"
    yield f"  working size: {domain['width']}x{domain['height']}"
    if not pairs:
        return
    yield f"  labels: {len(pairs)}, such as {pairs[0].image} with {pairs[0].label}"
    if len(pairs) > _survey.MOST:
        yield f"  looked at {_survey.MOST} of them, always the same ones; dvc repro checks all"
    kind = "colours" if survey.pictures else "values"
    yield f"  {len(survey.values)} {kind}, and their share of the pixels:"
    for value in survey.values[:_LINES]:
        shown = colours.text_of(value) if survey.pictures else value
        yield f"    {shown:>7}  {survey.share(value):6.2f} %"
    if len(survey.values) > _LINES:
        yield f"    and {len(survey.values) - _LINES} more"


def _missing(sides: Sides, held_out: float | None) -> Iterator[str]:
    for name, (found, survey) in sides.items():
        bare = len(found.pairs) - len(found.labelled)
        if bare and name != "target":
            one = next(pair for pair in found.pairs if not pair.label)
            yield f"{name}: {bare} images have no label, such as {one.image}, and are refused"
        if found.strays:
            yield f"{name}: {len(found.strays)} labels have no image, such as {found.strays[0]}"
        if found.others:
            yield f"{name}: there are other labels too, ending in {', '.join(found.others)}"
        if survey.problems:
            more = len(survey.problems)
            yield f"{name}: {more} of the files looked at cannot be used: {survey.problems[0]}"
    if held_out is not None:
        yield "val is held out of the source: its mIoU says nothing about the target"
    elif "val" not in sides:
        yield "no val: models are compared by signals without labels; or use --held-out"

"""Whether what params.yaml says of sources fits val, and the objectives that learn from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.runtime import parts
from pipeline.runtime.contents import Content, overlay, section_of
from pipeline.runtime.files import BadInput
from pipeline.runtime.lineage import members
from pipeline.runtime.names import check_several


def contradictions(content: Content) -> Iterator[str]:
    """One line for each."""
    yield from _held_out(content)
    for name, item in section_of(content, "warmup").items():
        own = overlay(section_of(content, "training"), item)
        yield from _several(f"warmup.{name}", own, content)


def _held_out(content: Content) -> Iterator[str]:
    """What is held out of no source is learned from by none, and tells nothing of one."""
    val = section_of(content, "prepare.val")
    if val.get("held_out") is None:
        return
    keys = ("reader", "root", "options", "rename")
    items = [item for item in section_of(content, "source").values() if isinstance(item, Mapping)]
    if [val.get(k) or {} for k in keys] not in [[i.get(k) or {} for k in keys] for i in items]:
        yield (
            f"prepare.val.held_out = {val['held_out']}: no source has its {', '.join(keys)}; write "
            "them as that source has them, or leave held_out out"
        )


def _several(where: str, item: Content, content: Content) -> Iterator[str]:
    """Objectives that learn from several sources at once, with one or in too small a batch."""
    objective, source, batch = str(item.get("objective")), item.get("source"), item.get("batch")
    share = item.get("source_share", 0.5)
    if not (isinstance(source, str) and isinstance(batch, int) and isinstance(share, int | float)):
        return
    try:
        if getattr(parts.find("objectives", objective), "several", False):
            check_several(objective, len(members(content, source)), batch, share)
    except BadInput as error:
        yield f"{where}.{error}"

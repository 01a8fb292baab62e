"""What came of real shifts: tables."""

from __future__ import annotations

from rows import Row


def report(rows: list[Row]) -> str:
    """A line a row."""
    return "\n".join(
        f"{r['data']} {r['seed']} {r['method']} {r['model']} {r['miou']:.2f} rare {r['rare']:.2f} "
        f"{r.get('labels')}"
        for r in rows
    )

"""What tables of results share: means over seeds and their 95 % intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats


def half_width(values: np.ndarray[Any, Any]) -> float:
    """Half of the 95 % interval of a mean (Student's t)."""
    if len(values) < 2:  # noqa: PLR2004
        return float("inf")
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def interval(values: np.ndarray[Any, Any], form: str = "+.2f") -> str:
    """Mean and half of the 95 % interval."""
    return f"{values.mean():{form}} ± {half_width(values):{form.lstrip('+')}}"

"""Costs over months: growth, prices that fall or rise, and what they are worth today."""

from __future__ import annotations

import numpy as np


def path(start: float, change_per_year: float | np.ndarray, months: int) -> np.ndarray:
    """A value that changes by the share `change_per_year` each year, by month from `start` (last axis: months)."""
    change = np.asarray(change_per_year, dtype=float)[..., np.newaxis]
    return start * (1 + change) ** (np.arange(months) / 12)


def present_value(monthly: np.ndarray, rate_per_year: float | np.ndarray) -> np.ndarray:
    """The sum of `monthly` payments (last axis: months, each due at its month's end) at today's worth."""
    rate = np.asarray(rate_per_year, dtype=float)[..., np.newaxis]
    return np.sum(monthly / (1 + rate) ** ((np.arange(monthly.shape[-1]) + 1) / 12), axis=-1)

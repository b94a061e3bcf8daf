"""How many replicas beyond those needed keep a service up often enough.

Replicas fail independently with the same availability; beside that, a common failure (a zone, a network, a bad release)
takes all of a site at once. Independence is an assumption: the common term bounds what spares in one place can do, and
where it alone misses the target, a second site of the same kind is needed.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom


def site_availability(needed: np.ndarray, total: np.ndarray, replica: np.ndarray, common: np.ndarray) -> np.ndarray:
    """The share of time in which at least `needed` of `total` replicas of one site are up.

    `replica` is the availability of one replica; `common` the share of time lost to failures of the whole site.
    """
    return (1 - np.asarray(common)) * binom.sf(np.asarray(needed) - 1, total, replica)


def extra_replicas(needed: np.ndarray, target: float, replica: np.ndarray, common: np.ndarray) -> np.ndarray:
    """The fewest replicas beyond `needed` with which the service is up at least the share `target` of the time.

    Arguments broadcast. Spares in one site where they suffice; else a second, independent site that can carry the whole
    load, with spares in each.
    """
    needed, replica, common = np.broadcast_arrays(needed, replica, common)
    needed = needed.astype(int)
    single = 1 - common >= target
    wanted = np.where(single, target, 1 - np.sqrt(1 - target))
    spares = np.zeros(needed.shape, dtype=int)
    short = site_availability(needed, needed, replica, common) < wanted
    while short.any():
        spares = spares + short
        short = site_availability(needed, needed + spares, replica, common) < wanted
    return np.where(single, spares, needed + 2 * spares)

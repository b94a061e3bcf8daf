"""How many replicas beyond those needed keep a service up often enough.

A share of every replica's downtime is common: a zone, a network or a bad release takes all replicas of a site with it
(the beta-factor model). The rest strikes each replica by itself. Spares help against the second kind only, so that the
common term bounds what one site can promise, however many spares it has; then a second site of the same kind is needed.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, nbinom

from costlib.errors import InputError

MOST_SITES = 4
_MARGIN = 1 - 1e-9  # what leaves spares no room at all is too much


def site_availability(needed: np.ndarray, total: np.ndarray, replica: np.ndarray, common: np.ndarray) -> np.ndarray:
    """The share of time in which at least `needed` of `total` replicas of one site are up.

    `replica` is the availability of one replica; `common` the share of its downtime that the whole site has with it.
    """
    down = 1 - np.asarray(replica, dtype=float)
    return (1 - common * down) * binom.sf(np.asarray(needed) - 1, total, 1 - (1 - common) * down)


def sites(target: float, replica: np.ndarray, common: np.ndarray) -> np.ndarray:
    """The fewest independent sites, each able to carry the whole load, with which `target` can be met at all.

    Raises InputError when not even four sites can.
    """
    lost = np.asarray(common) * (1 - np.asarray(replica, dtype=float))
    enough = [lost < _MARGIN * (1 - target) ** (1 / count) for count in range(1, MOST_SITES + 1)]
    if not np.all(enough[-1]):
        raise InputError(
            f"availability_target = {target:g} is not allowed: not even {MOST_SITES} sites reach it when failures that"
            f" take a whole site last {float(np.max(lost)):.2g} of the time"
        )
    return 1 + np.argmax(enough, axis=0)


def extra_replicas(needed: np.ndarray, target: float, replica: np.ndarray, common: np.ndarray) -> np.ndarray:
    """The fewest replicas beyond `needed` with which the service is up at least the share `target` of the time.

    Arguments broadcast. Spares in one site where they suffice; else the fewest further sites, each with the whole load
    and the spares that it then needs.
    """
    needed, replica, common = np.broadcast_arrays(needed, replica, common)
    needed = needed.astype(int)
    count = sites(target, replica, common)
    down = 1 - np.asarray(replica, dtype=float)
    alone = (1 - (1 - target) ** (1 / count)) / (1 - common * down)  # asked of each site while nothing common fails
    spares = nbinom.ppf(alone, needed, 1 - (1 - common) * down).astype(int)  # failures before enough are up
    return count * (needed + spares) - needed

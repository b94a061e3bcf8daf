"""Numbers that decide what the article says without a number.

One function per chapter. Each returns, by claim, the value whose allowed range stands with the claim in
`data/claims.csv`.
"""

from __future__ import annotations

from costlib import published

TOGETHER = 32  # requests at once from which on an engine must have put them into one batch


def serving() -> dict[str, float]:
    """Who forms batches: output with at least `TOGETHER` requests at once over one, the median of published pairs."""
    gain = float(published.gains(1, lambda requests: requests >= TOGETHER)["gain"].median())
    return {"C071": gain, "C101": gain}

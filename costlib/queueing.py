"""How long requests wait: Erlang C and its extension to other services, and event simulation of a batching replica.

The formulas see a fleet as places that each serve a request at a fixed speed (M/G/k). A replica with continuous
batching is something else: its places share one machine, so a request is faster while the batch is small, prompts are
processed one after the other, and arrivals beyond the batch wait in line. No closed form holds for that; it is
simulated, with a seed. Where places do not slow each other, the simulation and the formulas agree.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import gamma

from costlib.errors import InputError
from costlib.models import workloads

SEED = 20_261_124
WARM_UP = 0.1  # share of the first requests that are left out, so that an empty start does not count


def erlang_c(servers: int, offered: float) -> float:
    """The share of requests that wait in M/M/k, for `servers` places and `offered` of them busy on average.

    By the recursion of Erlang B, which does not overflow. Raises InputError unless 0 <= offered < servers.
    """
    if not (servers >= 1 and servers == int(servers) and 0 <= offered < servers):
        raise InputError(
            f"servers = {servers:g} with offered_servers = {offered:g} is not allowed: servers must be a whole number"
            " above 0, and offered_servers at least 0 and below it"
        )
    blocked = 1.0
    for count in range(1, int(servers) + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def waiting(
    servers: int, arrivals: float, service: float, service_variation: float, arrival_variation: float = 1.0
) -> float:
    """The mean wait in seconds for `arrivals` per second and services of `service` seconds, by Allen and Cunneen.

    Exact for exponential services and Poisson arrivals (both variations 1), and for one server and Poisson arrivals.
    """
    values = {
        "servers": servers, "offered_servers": arrivals * service, "service_seconds": service,
        "waiting_probability": erlang_c(servers, arrivals * service),
        "arrival_variation": arrival_variation, "service_variation": service_variation,
    }  # fmt: skip
    return float(workloads.waiting_seconds(values))


def waiting_quantile(level: float, servers: int, arrivals: float, service: float, service_variation: float) -> float:
    """The wait in seconds that the share `level` of requests do not exceed, if waits beyond zero are exponential.

    Exact for M/M/k.
    """
    waits = erlang_c(servers, arrivals * service)
    mean = waiting(servers, arrivals, service, service_variation)
    return 0.0 if waits <= 1 - level else float(mean / waits * np.log(waits / (1 - level)))


# --- simulation ------------------------------------------------------------------------------------------------------


def poisson(arrivals: float, count: int, seed: int = SEED) -> np.ndarray:
    """The times in seconds of `count` requests that arrive at random, `arrivals` per second."""
    return np.random.default_rng(seed).exponential(1 / arrivals, count).cumsum()


def lengths(mean: float, variation: float, count: int, seed: int = SEED) -> np.ndarray:
    """`count` lengths with this mean and standard deviation over mean: gamma, so exponential at 1 and equal at 0."""
    if variation == 0:
        return np.full(count, float(mean))
    shape = 1 / variation**2
    return np.random.default_rng([seed, 1]).gamma(shape, mean / shape, count)


def gamma_variation(median_to_mean: float) -> float:
    """Standard deviation over mean of the gamma distribution whose median over its mean is `median_to_mean`."""
    if not 0.01 < median_to_mean < 0.999:
        raise InputError(f"median over mean = {median_to_mean:g} is not allowed: it must be between 0.01 and 0.999")
    shape = np.exp(brentq(lambda k: gamma.median(np.exp(k)) / np.exp(k) - median_to_mean, -3, 8))
    return float(1 / np.sqrt(shape))


def simulated_waits(times: np.ndarray, services: np.ndarray, servers: int) -> np.ndarray:
    """The waits of requests that arrive at `times` and take `services` seconds at the first of `servers` to be free."""
    free = [0.0] * servers
    waits = np.empty(len(times))
    for place, (time, service) in enumerate(zip(times.tolist(), services.tolist(), strict=True)):
        begin = max(time, free[0])
        heapq.heapreplace(free, begin + service)
        waits[place] = begin - time
    return waits[int(WARM_UP * len(times)) :]


@dataclass(frozen=True)
class Served:
    """What requests saw: seconds to the first token, and seconds per token after it, the warm-up left out."""

    first_token: np.ndarray
    per_token: np.ndarray

    def late(self, first_token_limit: float, per_token_limit: float) -> float:
        """The share of requests that begin or go on too slowly."""
        return float(np.mean((self.first_token > first_token_limit) | (self.per_token > per_token_limit)))


def simulated_batching(
    times: np.ndarray,
    tokens: np.ndarray,
    limit: int,
    token_seconds: Callable[[np.ndarray], np.ndarray],
    prompt_seconds: float,
) -> Served:
    """One replica with continuous batching: requests arrive at `times` and ask for `tokens` output tokens each.

    At most `limit` requests are inside; the others wait in line. Inside, prompts take `prompt_seconds` one after the
    other, and then each request gains tokens at the speed of the batch: `token_seconds` gives the seconds per token
    for arrays of batches. Time is measured in tokens that a request inside would have gained: it ends when that clock
    has moved on by its tokens.
    """
    pace = [np.inf, *np.asarray(token_seconds(np.arange(1.0, limit + 1)), dtype=float).tolist()]
    arrive, ask, count = times.tolist(), tokens.tolist(), len(times)
    first, end = np.empty(count), np.empty(count)
    line: deque[int] = deque()
    prompts: deque[tuple[float, int]] = deque()  # (time at which the prompt is done, request)
    going: list[tuple[float, int]] = []  # (clock at which the request ends, request)
    now = clock = prompt_free = 0.0
    inside = coming = 0
    while coming < count or inside:
        ends = now + (going[0][0] - clock) * pace[inside] if going else np.inf
        arrives = arrive[coming] if coming < count else np.inf
        ready = prompts[0][0] if prompts else np.inf
        then = min(ends, arrives, ready)
        if inside:
            clock += (then - now) / pace[inside]
        now = then
        if then == ends:
            clock, who = heapq.heappop(going)
            end[who] = now
            inside -= 1
        elif then == ready:
            who = prompts.popleft()[1]
            first[who] = now
            heapq.heappush(going, (clock + ask[who], who))
        else:
            line.append(coming)
            coming += 1
        while line and inside < limit:
            prompt_free = max(now, prompt_free) + prompt_seconds
            prompts.append((prompt_free, line.popleft()))
            inside += 1
    kept = slice(int(WARM_UP * count), None)
    return Served((first - times)[kept], ((end - first) / tokens)[kept])

"""Synthetic usage logs: made requests of an invented company, with faults planted on known days. None of it is data.

Prompts and answers are as long as published traces say; how many there are, and of whom, is invented. A log comes
from one seed, so that every figure about it can be had again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from costlib import cases, price_list, prices
from costlib.errors import InputError

DAYS, START = 120, "2026-06-01"
USERS = 30  # of each product
NOISE = 0.05  # spread of the log of a day's requests about its expectation
HITS = 0.8  # share of requests that find anything in the cache


@dataclass(frozen=True)
class Product:
    """A product: what it asks whom, how often on working days and, as a share of that, at weekends.

    `trace` names the published lengths, `cache` the published share of input found in caches.
    """

    name: str
    provider: str
    model: str
    logged: str
    requests: float
    weekend: float
    trace: str
    cache: str
    batch: float = 0.0


PRODUCTS = (
    Product("chat", "openai", "gpt_4_1", "gpt-4.1-2025-04-14", 200, 0.5, "azure_conversation",
            "deepseek_cache_hit_share"),
    Product("code", "deepseek", "deepseek_v4_pro", "deepseek-v4-pro", 320, 0.2, "azure_code", "alibaba_hit_share_high"),
    Product("reports", "anthropic", "claude_sonnet_4_6", "claude-sonnet-4-6", 16, 1.0, "azure_code",
            "mooncake_conversation_hit_share", 0.5),
)  # fmt: skip
DEARER = (  # what requests of the first product are sent to when their model is switched: the first that is dear enough
    ("anthropic", "claude_sonnet_4_6"), ("openai", "gpt_5_5"),
    ("anthropic", "claude_fable_5_2"), ("openai", "gpt_6_astra"),
)  # fmt: skip
FAULTS = {
    "price": "a price rises", "cache": "the cache stops hitting", "prompts": "prompts grow",
    "runaway": "one user's loop runs away", "dearer": "a dearer model is used", "retries": "requests are sent again",
    "answers": "answers grow slowly",
}  # fmt: skip
DRIFT_DAYS = 28


@dataclass(frozen=True)
class Fault:
    """Something goes wrong with the first product from day `start` to before day `end`, `size` as `sized` finds it."""

    kind: str
    start: int
    end: int
    size: float


@dataclass(frozen=True)
class Requests:
    """Requests as columns of equal length. `model` counts the models of `PRODUCTS`, then comes the dearer one."""

    day: np.ndarray
    product: np.ndarray
    user: np.ndarray
    model: np.ndarray
    batch: np.ndarray
    input: np.ndarray
    cached: np.ndarray
    output: np.ndarray


def lengths(trace: str, side: str) -> tuple[float, float]:
    """Location and scale of the lognormal with the median and the mean that were published of a trace's lengths."""
    median, mean = (float(cases.published(f"{trace}_{side}_tokens_{which}")) for which in ("median", "mean"))
    return float(np.log(median)), float(np.sqrt(2 * np.log(mean / median)))


def seeds(seed: int) -> np.random.SeedSequence:
    """Where the random numbers of `seed` come from. Raises InputError for what is no whole number from 0 on."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed = {seed!r} is not allowed: it must be a whole number from 0 on")
    return np.random.SeedSequence(seed)


def facts() -> dict[str, cases.Fact]:
    """The published figures that the requests are drawn from and the newest prices of their models, by name."""
    kinds = ((p, kind) for p in PRODUCTS for kind in ("input", "output"))
    listed = {f"{p.model} {kind}": prices.api(p.model, kind, p.provider) for p, kind in kinds}
    names = {f"{p.trace}_{side}_tokens_{which}" for p in PRODUCTS for side in ("input", "output") for which in _KNOWN}
    names |= {product.cache for product in PRODUCTS}
    return {**listed, **{name: cases.published(name) for name in sorted(names)}}


_KNOWN = ("median", "mean")


def price_of(on: str, rise: float = 0.0) -> np.ndarray:
    """USD per token on a day: by model, now or batch, and input, cached input, output.

    The last model is the first of `DEARER` with which the whole bill can rise by the share `rise`; where none is dear
    enough, the last of them.
    """
    ours = [_listed(each.provider, each.model, on) for each in PRODUCTS]
    for pair in DEARER:
        found = np.array([*ours, _listed(*pair, on)])
        if _most("dearer", found) > rise:
            break
    return found


def _listed(provider: str, model: str, on: str) -> list[list[float]]:
    offer = price_list.of([(provider, model)])
    known = offer[offer["valid_from"] <= pd.Timestamp(on)]
    if known.empty:
        raise InputError(f"data/api_token_prices.csv has no price of {model} from {provider} by {on}")
    cells = known.iloc[-1]
    return [[cells[f"{way}{kind}_pico"] / 1e12 for kind in _KINDS] for way in ("", "batch_")]


_KINDS = ("input", "cached", "output")


def sized(kind: str, rise: float, price: np.ndarray) -> float:
    """The size at which a fault of that kind adds the share `rise` to the whole bill, by expectation.

    Raises InputError where even the largest such fault adds less.
    """
    most = _most(kind, price)
    if kind in ("cache", "dearer") and rise > most:
        raise InputError(f"fault_rise = {rise:.2g} is not allowed: {FAULTS[kind]!r} adds at most {max(most, 0):.2g}")
    return rise / most


def _most(kind: str, price: np.ndarray) -> float:
    """The share that a fault of that kind adds to the whole bill at size 1, by expectation."""
    costs = [_expected(each, price[place]) for place, each in enumerate(PRODUCTS)]
    whole, dear = costs[0], _expected(PRODUCTS[0], price[-1])
    unit = {
        "price": whole["all"], "prompts": whole["prompts"], "answers": whole["answers"], "retries": whole["all"],
        "runaway": whole["all"], "cache": whole["uncached"] - whole["all"], "dearer": dear["all"] - whole["all"],
    }[kind]  # fmt: skip
    return float(unit / sum(each["all"] for each in costs))


def _expected(product: Product, price: np.ndarray) -> dict[str, float]:
    """USD of a product's working day at `price`: in all, of prompts, of answers, and in all without a cache."""
    prompt, answer = (np.exp(m + s**2 / 2) for m, s in (lengths(product.trace, side) for side in ("input", "output")))
    hit, batch = float(cases.published(product.cache)), np.array([1 - product.batch, product.batch])
    read, fresh, wrote = batch @ ((1 - hit) * price[:, 0] + hit * price[:, 1]), batch @ price[:, 0], batch @ price[:, 2]
    costs = {"prompts": prompt * read, "answers": answer * wrote, "all": prompt * read + answer * wrote}
    return {
        name: product.requests * usd for name, usd in {**costs, "uncached": prompt * fresh + answer * wrote}.items()
    }


def requests(rng: np.random.Generator, days: int = DAYS, fault: Fault | None = None) -> Requests:
    """The requests of `days` days, the first a Monday, with a `fault` or none."""
    parts = [_product(rng, place, days, fault if place == 0 else None) for place in range(len(PRODUCTS))]
    return Requests(*(np.concatenate([getattr(part, name) for part in parts]) for name in Requests.__annotations__))


def _product(rng: np.random.Generator, place: int, days: int, fault: Fault | None) -> Requests:
    product, day = PRODUCTS[place], np.arange(days)
    rate = product.requests * np.where(day % 7 < 5, 1.0, product.weekend) * np.exp(rng.normal(0, NOISE, days))
    fault = fault or Fault("none", days, days, 0.0)
    on = (day >= fault.start) & (day < fault.end)
    counts = rng.poisson(rate)
    extra = rng.poisson(rate * np.where(on, fault.size, 0)) * (fault.kind in ("retries", "runaway"))
    of_day = np.repeat(np.concatenate([day, day]), np.concatenate([counts, extra]))
    n, added = len(of_day), np.arange(len(of_day)) >= counts.sum()
    hit = on[of_day] * fault.size  # the fault's size where it is on
    popular = 1 / np.arange(1, USERS + 1)
    user = rng.choice(USERS, n, p=popular / popular.sum())
    grown = np.clip((of_day - fault.start + 1) / DRIFT_DAYS, 0, 1)
    sizes = {"input": 1 + hit * (fault.kind == "prompts"), "output": 1 + hit * grown * (fault.kind == "answers")}
    tokens = {side: _lengths(rng, product.trace, side, n, sizes[side]) for side in sizes}
    share = float(cases.published(product.cache)) / HITS * (rng.random(n) < HITS) * (1 - hit * (fault.kind == "cache"))
    switched = (fault.kind == "dearer") & (rng.random(n) < hit)
    return Requests(
        of_day, np.full(n, place), np.where(added & (fault.kind == "runaway"), USERS - 1, user),
        np.where(switched, len(PRODUCTS), place), rng.random(n) < product.batch,
        tokens["input"], (tokens["input"] * share).astype(np.int64), tokens["output"],
    )  # fmt: skip


def _lengths(rng: np.random.Generator, trace: str, side: str, n: int, factor: np.ndarray) -> np.ndarray:
    location, scale = lengths(trace, side)
    return np.ceil(np.exp(rng.normal(location, scale, n)) * factor).astype(np.int64)


def daily(made: Requests, price: np.ndarray, days: int = DAYS, fault: Fault | None = None) -> dict[str, np.ndarray]:
    """Requests, tokens and USD of each day at `price`, as `price_of` gives it, raised by a fault of prices."""
    batch = made.batch.astype(int)
    each = price[made.model, batch]
    usd = (made.input - made.cached) * each[:, 0] + made.cached * each[:, 1] + made.output * each[:, 2]
    if fault and fault.kind == "price":
        hit = (made.product == 0) & (made.day >= fault.start) & (made.day < fault.end)
        usd = usd * (1 + fault.size * hit)
    columns = {"requests": None, "tokens": made.input + made.output, "usd": usd}
    return {name: np.bincount(made.day, weights, days) for name, weights in columns.items()}


# --- a log to look at ------------------------------------------------------------------------------------------------


CACHE = Fault("cache", 45, DAYS, 0.9)
LOOP = Fault("runaway", 101, 111, 1.0)


def planted() -> dict[str, str]:
    """When what happens in `log`, in words: the faults, and the change of a listed price."""
    days = pd.date_range(START, periods=DAYS).strftime("%Y-%m-%d")
    changed = price_list.of([(PRODUCTS[1].provider, PRODUCTS[1].model)])["valid_from"]
    listed = [day for day in changed.dt.strftime("%Y-%m-%d") if days[0] < day <= days[-1]]
    known = {"first": PRODUCTS[0].name, "cache": days[CACHE.start], "loop": days[LOOP.start], "end": days[LOOP.end]}
    return {**known, "price": " and ".join(listed) or "no day of the log"}


def log(seed: int) -> pd.DataFrame:
    """A synthetic log under OpenTelemetry's names, with two planted faults, and a few rows that no price fits.

    The cache of the first product stops hitting after six weeks, for good; one of its users runs away for ten days from
    the fifteenth week on. Prices change as in the book's list.
    """
    rng = np.random.default_rng(seeds(seed))
    half, loop = requests(rng, DAYS, CACHE), requests(rng, DAYS, LOOP)
    added = (loop.product == 0) & (loop.user == USERS - 1) & (loop.day >= LOOP.start) & (loop.day < LOOP.end)
    loop.cached[:] = loop.cached * (1 - CACHE.size)  # its requests miss the cache too
    both = Requests(*(np.concatenate([getattr(half, n), getattr(loop, n)[added]]) for n in Requests.__annotations__))
    return _spoiled(_frame(rng, both), rng)


def _frame(rng: np.random.Generator, made: Requests) -> pd.DataFrame:
    """Requests as a log in the order of time, the hour of the day as people work."""
    n, models = len(made.day), [(each.provider, each.logged) for each in PRODUCTS]
    seconds = made.day * 86_400 + np.clip(rng.normal(13, 3.5, n), 0, 23.999) * 3600
    order = np.argsort(seconds, kind="stable")
    frame = pd.DataFrame({
        "startTimeUnixNano": pd.Timestamp(START).value + (seconds * 1e9).astype(np.int64),
        "traceId": [f"{each:032x}" for each in range(n)], "spanId": [f"{each:016x}" for each in range(n)],
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": np.array([each for each, _ in models])[made.model],
        "gen_ai.response.model": np.array([each for _, each in models])[made.model],
        "gen_ai.usage.input_tokens": made.input, "gen_ai.usage.cache_read.input_tokens": made.cached,
        "gen_ai.usage.output_tokens": made.output,
        "openai.response.service_tier": np.where(made.batch, "batch", "default"),
        "user.id": np.char.add(np.array([f"{each.name}-" for each in PRODUCTS])[made.product],
                               np.char.zfill((made.user + 1).astype(str), 2)),
        "service.name": np.array([each.name for each in PRODUCTS])[made.product],
    })  # fmt: skip
    ids = frame[["traceId", "spanId"]].to_numpy()
    frame = frame.iloc[order].reset_index(drop=True)
    frame[["traceId", "spanId"]] = ids
    return frame


def _spoiled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The log with a few rows that instrumentation gets wrong: a span exported twice, an unknown model, no number."""
    places = rng.choice(len(frame), 24, replace=False)
    twice, unknown, negative, cached = places[:12], places[12:19], places[19:21], places[21:]
    frame.loc[unknown, "gen_ai.response.model"] = "house-model-2"
    frame.loc[negative, "gen_ai.usage.output_tokens"] = -1
    frame.loc[cached, "gen_ai.usage.cache_read.input_tokens"] = frame.loc[cached, "gen_ai.usage.input_tokens"] + 1
    return pd.concat([frame, frame.loc[twice]], ignore_index=True)

"""Levers: what changes in a request's cost when a technique is applied, where the serving model does not say so itself.

Lower precision, batches, cached prefixes, drafts and experts are inputs of the serving equations. Here stand early
exits, mixed precision, other models for some requests, searches instead of a model, and a provider's cache.
"""

from sympy import exp

from costlib.equations import Equation, Expr, Min, equation

OWN = "own_accounting"

# --- a request of one's own ------------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={
        "n_gpus": 4,
        "input_tokens": 2000,
        "output_tokens": 500,
        "replica_tokens_per_second": 5000,
        "gives": 2,
    },
)
def request_gpu_seconds(n_gpus: Expr, input_tokens: Expr, output_tokens: Expr, replica_tokens_per_second: Expr) -> Expr:
    """All GPUs of a replica for the time in which it serves that many tokens at full load."""
    return n_gpus * (input_tokens + output_tokens) / replica_tokens_per_second


@equation(source=OWN, example={"request_gpu_seconds": 2, "usd_per_gpu_second": 0.001, "gives": 0.002})
def served_request_usd(request_gpu_seconds: Expr, usd_per_gpu_second: Expr) -> Expr:
    """Rent alone: idle time, people and spares come on top of it in the same proportion or not at all."""
    return request_gpu_seconds * usd_per_gpu_second


# --- early exit ------------------------------------------------------------------------------------------------------


@equation(source="schuster_2022_calm", example={"exit_share": 0.5, "exit_depth_share": 0.5, "gives": 0.75})
def computed_layer_share(exit_share: Expr, exit_depth_share: Expr) -> Expr:
    """A token that exits skips the layers behind its exit; the others pass all of them."""
    return 1 - exit_share * (1 - exit_depth_share)


@equation(source="liu_2025_drex", example={"exit_share": 0.5, "exit_depth_share": 0.5, "batch": 2, "gives": 0.875})
def read_layer_share(exit_share: Expr, exit_depth_share: Expr, batch: Expr) -> Expr:
    """The layers behind the exit are read for the whole batch, unless every sequence has left."""
    return 1 - (1 - exit_depth_share) * exit_share**batch


@equation(
    defines="step_seconds",
    source="liu_2025_drex",
    example={
        "weight_read_seconds": 0.012,
        "fixed_step_seconds": 0.004,
        "read_layer_share": 0.875,
        "batch": 32,
        "sequence_step_seconds": 0.0005,
        "sequence_seconds": 0.0001,
        "computed_layer_share": 0.75,
        "gives": 0.0268,
    },
)
def step_seconds_early_exit(
    weight_read_seconds: Expr,
    fixed_step_seconds: Expr,
    read_layer_share: Expr,
    batch: Expr,
    sequence_step_seconds: Expr,
    sequence_seconds: Expr,
    computed_layer_share: Expr,
) -> Expr:
    """What is done once per step is saved only together, what each sequence adds is saved one by one."""
    shared = (weight_read_seconds + fixed_step_seconds) * read_layer_share
    own = (sequence_step_seconds - sequence_seconds) * computed_layer_share + sequence_seconds
    return shared + batch * own


# --- drafts ----------------------------------------------------------------------------------------------------------


@equation(
    defines="sequence_step_seconds",
    source="li_2025_eagle3",
    example={
        "cache_seconds_per_sequence": 2e-5,
        "arithmetic_seconds_per_sequence": 2e-4,
        "communication_seconds_per_sequence": 0,
        "sequence_seconds": 6e-5,
        "verified_tokens_per_step": 3,
        "gives": 4e-4,
    },
)
def sequence_step_seconds_verified(
    cache_seconds_per_sequence: Expr,
    arithmetic_seconds_per_sequence: Expr,
    communication_seconds_per_sequence: Expr,
    sequence_seconds: Expr,
    verified_tokens_per_step: Expr,
    tokens_per_step_plain: Expr,
) -> Expr:
    """A sequence's cache is read once for all its drafts; each of them is computed, moved, and sampled by itself."""
    sampled = sequence_seconds * (verified_tokens_per_step / tokens_per_step_plain)
    work = arithmetic_seconds_per_sequence + communication_seconds_per_sequence
    return cache_seconds_per_sequence + work + sampled


# --- cache and layers ------------------------------------------------------------------------------------------------


@equation(source="zhang_2023_h2o", example={"kept_token_share": 0.8, "gives": 0.2})
def pruned_memory_share(kept_token_share: Expr) -> Expr:
    """A token that is thrown out takes its keys and values with it, in every layer."""
    return 1 - kept_token_share


@equation(
    source="dumitru_2024_layerwise",
    example={"low_precision_share": 0.5, "narrow_request_usd": 0.001, "wide_request_usd": 0.002, "gives": 0.0015},
)
def mixed_request_usd(low_precision_share: Expr, narrow_request_usd: Expr, wide_request_usd: Expr) -> Expr:
    """Layers follow each other, so that every one takes its own share of the time."""
    return low_precision_share * narrow_request_usd + (1 - low_precision_share) * wide_request_usd


# --- another model, or none ------------------------------------------------------------------------------------------


@equation(
    source="ong_2024_routellm",
    example={
        "large_request_usd": 0.01,
        "small_request_usd": 0.001,
        "router_cost_share": 0.01,
        "routed_share": 0.5,
        "repeated_share": 0.1,
        "gives": 0.0061,
    },
)
def routed_request_usd(
    large_request_usd: Expr, small_request_usd: Expr, router_cost_share: Expr, routed_share: Expr, repeated_share: Expr
) -> Expr:
    """Choosing costs, what goes to the small model costs less, and what it got wrong is paid for twice."""
    at_small = routed_share * (small_request_usd + repeated_share * large_request_usd)
    return large_request_usd * router_cost_share + at_small + (1 - routed_share) * large_request_usd


@equation(
    source="ong_2024_routellm",
    example={
        "large_request_usd": 0.01,
        "small_request_usd": 0.001,
        "router_cost_share": 0.04,
        "repeated_share": 0.1,
        "gives": 0.05,
    },
)
def breakeven_routed_share(
    large_request_usd: Expr, small_request_usd: Expr, router_cost_share: Expr, repeated_share: Expr
) -> Expr:
    """Below it the choice costs more than the small model saves."""
    return router_cost_share / (1 - repeated_share - small_request_usd / large_request_usd)


@equation(
    source="regmi_2024_semantic_cache",
    example={"search_usd": 0.001, "found_share": 0.4, "large_request_usd": 0.01, "gives": 0.007},
)
def retrieved_request_usd(search_usd: Expr, found_share: Expr, large_request_usd: Expr) -> Expr:
    """Every request pays for its search, and only what was not found goes to the model."""
    return search_usd + (1 - found_share) * large_request_usd


@equation(source="regmi_2024_semantic_cache", example={"found_share": 0.4, "large_request_usd": 0.01, "gives": 0.004})
def breakeven_search_usd(found_share: Expr, large_request_usd: Expr) -> Expr:
    """A search is worth the requests that it spares."""
    return found_share * large_request_usd


@equation(
    source=OWN,
    example={"training_usd": 10_000, "teacher_usd_per_token": 6e-6, "student_usd_per_token": 1e-6, "gives": 2e9},
)
def payback_tokens(training_usd: Expr, teacher_usd_per_token: Expr, student_usd_per_token: Expr) -> Expr:
    """Training is paid once, and what it saves is saved per token."""
    return training_usd / (teacher_usd_per_token - student_usd_per_token)


# --- a provider's cache ----------------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={"prompt_requests_per_second": 0.01, "cache_life_seconds": 300, "gives": 0.950212931632136},
)
def reuse_share(prompt_requests_per_second: Expr, cache_life_seconds: Expr) -> Expr:
    """With random arrivals, the chance that another request came within the cache's life, which each use renews."""
    return 1 - exp(-prompt_requests_per_second * cache_life_seconds)


@equation(
    source="orq_2026_prompt_caching",
    example={
        "plain_request_usd": 0.01,
        "cached_prefix_tokens": 1000,
        "input_tokens": 2000,
        "input_usd_per_token": 2e-6,
        "reuse_share": 0.5,
        "cache_discount_share": 0.9,
        "cache_write_premium": 0.25,
        "gives": 0.00935,
    },
)
def prefixed_request_usd(
    plain_request_usd: Expr,
    cached_prefix_tokens: Expr,
    input_tokens: Expr,
    input_usd_per_token: Expr,
    reuse_share: Expr,
    cache_discount_share: Expr,
    cache_write_premium: Expr,
) -> Expr:
    """A prefix that is found is billed at a discount, one that is not at a premium for writing it."""
    prefix = Min(cached_prefix_tokens, input_tokens) * input_usd_per_token
    return plain_request_usd - prefix * (reuse_share * cache_discount_share - (1 - reuse_share) * cache_write_premium)


@equation(
    source="orq_2026_prompt_caching",
    example={"cache_write_premium": 0.25, "cache_discount_share": 0.75, "gives": 0.25},
)
def breakeven_reuse_share(cache_write_premium: Expr, cache_discount_share: Expr) -> Expr:
    """Below it the premiums of those who write cost more than the readers save."""
    return cache_write_premium / (cache_write_premium + cache_discount_share)


REQUEST: tuple[Equation, ...] = (request_gpu_seconds, served_request_usd)
DRAFTS: tuple[Equation, ...] = (sequence_step_seconds_verified,)
EARLY_EXIT: tuple[Equation, ...] = (computed_layer_share, read_layer_share, step_seconds_early_exit)
EQUATIONS: tuple[Equation, ...] = (
    pruned_memory_share, mixed_request_usd, routed_request_usd, breakeven_routed_share, retrieved_request_usd,
    breakeven_search_usd, payback_tokens, reuse_share, prefixed_request_usd, breakeven_reuse_share,
)  # fmt: skip

"""What the three readers of the chapter on drivers pay for a token, where no other chapter says so.

A buyer pays for failed attempts too, a deployment that finds part of its prompts in a cache computes only the rest, and
a provider with a large fleet has no whole replicas to round up to.
"""

from costlib.equations import Equation, Expr, equation

OWN = "own_accounting"


@equation(source=OWN, example={"api_usd_per_token": 1.9e-6, "retry_share": 0.05, "gives": 2e-6})
def delivered_usd_per_token(api_usd_per_token: Expr, retry_share: Expr) -> Expr:
    """An answer that cannot be used is paid for, and asked for again."""
    return api_usd_per_token / (1 - retry_share)


@equation(
    source="kwon_2023_vllm",
    example={
        "replica_tokens_per_second": 4000,
        "input_tokens": 2000,
        "output_tokens": 500,
        "cache_hit_share": 0.5,
        "gpu_seconds_per_input_token": 0.0005,
        "gpu_seconds_per_output_token": 0.003,
        "gives": 5000,
    },
)
def cached_replica_tokens_per_second(
    replica_tokens_per_second: Expr,
    input_tokens: Expr,
    output_tokens: Expr,
    cache_hit_share: Expr,
    gpu_seconds_per_input_token: Expr,
    gpu_seconds_per_output_token: Expr,
) -> Expr:
    """Prompt tokens whose keys and values are cached already take no GPU time, so more requests fit in."""
    prompt, answer = input_tokens * gpu_seconds_per_input_token, output_tokens * gpu_seconds_per_output_token
    return replica_tokens_per_second * (prompt + answer) / ((1 - cache_hit_share) * prompt + answer)


@equation(
    source=OWN,
    example={
        "idle_usd_per_token": 4e-7,
        "labor_usd_per_hour": 0.03,
        "labor_hours_per_month_per_gpu": 0.001,
        "usd_per_gpu_second": 0.0006,
        "gives": 4.2e-7,
    },
)
def provider_usd_per_token(
    idle_usd_per_token: Expr, labor_usd_per_hour: Expr, labor_hours_per_month_per_gpu: Expr, usd_per_gpu_second: Expr
) -> Expr:
    """In a large fleet people are paid by the GPU as well, and what is there once is spread over too many to count."""
    return idle_usd_per_token * (1 + labor_usd_per_hour * labor_hours_per_month_per_gpu / usd_per_gpu_second)


EQUATIONS: tuple[Equation, ...] = (delivered_usd_per_token, cached_replica_tokens_per_second, provider_usd_per_token)

"""Where a bill in steps meets a bill by the token: the break-even volume, and the price below which there is none."""

from costlib.equations import Equation, Expr, equation
from costlib.models.hosting import OWN


@equation(
    source=OWN,
    example={
        "replica_tokens_per_second": 5000,
        "batch_penalty_share": 0.2,
        "peak_to_mean_ratio": 2,
        "warm_pool_share": 0.25,
        "gives": 1600,
    },
)
def step_tokens_per_second(
    replica_tokens_per_second: Expr, batch_penalty_share: Expr, peak_to_mean_ratio: Expr, warm_pool_share: Expr
) -> Expr:
    """One replica carries this much on average: the rest of its time waits for the busiest hour and for bursts."""
    return replica_tokens_per_second * (1 - batch_penalty_share) / (peak_to_mean_ratio * (1 + warm_pool_share))


@equation(source=OWN, example={"self_usd_per_second": 0.008, "api_usd_per_token": 2e-6, "gives": 4000})
def breakeven_tokens_per_second(self_usd_per_second: Expr, api_usd_per_token: Expr) -> Expr:
    """On a step the bill is fixed, and so many tokens of the API cost as much. It counts if the step carries them."""
    return self_usd_per_second / api_usd_per_token


@equation(
    source=OWN,
    example={
        "n_gpus": 4,
        "usd_per_gpu_second": 0.0007,
        "labor_usd_per_hour": 0.03,
        "labor_hours_per_month_per_gpu": 0.001,
        "gives": 0.00292,
    },
)
def replica_usd_per_second(
    n_gpus: Expr, usd_per_gpu_second: Expr, labor_usd_per_hour: Expr, labor_hours_per_month_per_gpu: Expr
) -> Expr:
    """One more replica costs its rent and the work that comes with its GPUs."""
    return n_gpus * (usd_per_gpu_second + labor_usd_per_hour * labor_hours_per_month_per_gpu)


@equation(
    source=OWN,
    example={
        "replica_usd_per_second": 0.0032,
        "paid_per_needed_replica": 1.05,
        "step_tokens_per_second": 1600,
        "gives": 2.1e-6,
    },
)
def floor_usd_per_token(
    replica_usd_per_second: Expr, paid_per_needed_replica: Expr, step_tokens_per_second: Expr
) -> Expr:
    """At any volume a token costs at least this much, since fixed costs are spread but replicas are not."""
    return replica_usd_per_second * paid_per_needed_replica / step_tokens_per_second


@equation(source=OWN, example={"api_usd_per_second": 0.012, "self_usd_per_second": 0.008, "gives": 0.004})
def saving_usd_per_second(api_usd_per_second: Expr, self_usd_per_second: Expr) -> Expr:
    """At a volume the smaller bill wins: hosting where this is above zero, else the API."""
    return api_usd_per_second - self_usd_per_second


EQUATIONS: tuple[Equation, ...] = (
    step_tokens_per_second, breakeven_tokens_per_second, replica_usd_per_second, floor_usd_per_token,
)  # fmt: skip

DECISION: tuple[Equation, ...] = (saving_usd_per_second,)

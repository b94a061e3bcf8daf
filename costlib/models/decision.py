"""A hybrid: replicas for the base of a load and an API for the rest, and the work that hosting takes."""

from costlib.equations import Equation, Expr, equation
from costlib.models.hosting import OWN


@equation(
    source=OWN,
    example={
        "overflow_tokens_per_second": 100,
        "demand_tokens_per_second": 1100,
        "replica_availability": 0.99,
        "gives": 110,
    },
)
def bought_tokens_per_second(
    overflow_tokens_per_second: Expr, demand_tokens_per_second: Expr, replica_availability: Expr
) -> Expr:
    """The API takes what exceeds the replicas, and what they would have served while they are down."""
    served = demand_tokens_per_second - overflow_tokens_per_second
    return overflow_tokens_per_second + (1 - replica_availability) * served


@equation(
    source=OWN,
    example={
        "fixed_usd_per_second": 0.001,
        "replicas": 2,
        "replica_usd_per_second": 0.004,
        "api_usd_per_token": 2e-6,
        "bought_tokens_per_second": 500,
        "gives": 0.01,
    },
)
def hybrid_usd_per_second(
    fixed_usd_per_second: Expr,
    replicas: Expr,
    replica_usd_per_second: Expr,
    api_usd_per_token: Expr,
    bought_tokens_per_second: Expr,
) -> Expr:
    """The bill of a hybrid: people and setup once, a rent for each replica, and the API's price for the rest."""
    return fixed_usd_per_second + replicas * replica_usd_per_second + api_usd_per_token * bought_tokens_per_second


@equation(
    source=OWN,
    example={
        "labor_hours_per_month": 0.05,
        "labor_hours_per_month_per_gpu": 0.001,
        "replicas": 5,
        "n_gpus": 4,
        "setup_hours": 360_000,
        "horizon_months": 36_000_000,
        "gives": 0.08,
    },
)
def work_hours_per_month(
    labor_hours_per_month: Expr,
    labor_hours_per_month_per_gpu: Expr,
    replicas: Expr,
    n_gpus: Expr,
    setup_hours: Expr,
    horizon_months: Expr,
) -> Expr:
    """Somebody must have the time to run a deployment, and to set it up within the horizon."""
    upkeep = labor_hours_per_month + labor_hours_per_month_per_gpu * replicas * n_gpus
    return upkeep + setup_hours / horizon_months


EQUATIONS: tuple[Equation, ...] = (bought_tokens_per_second, hybrid_usd_per_second, work_hours_per_month)

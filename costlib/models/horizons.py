"""Money over time: prices that move, what a later payment is worth today, and what used hardware is still worth."""

from costlib.equations import Equation, Expr, equation
from costlib.models.hosting import OWN

NPV = "numpy_2019_npv"


@equation(
    source=OWN,
    example={"price_change_per_year": -6.341958396752918e-09, "elapsed_seconds": 63072000, "gives": 0.64},
)
def price_factor(price_change_per_year: Expr, one_year: Expr, elapsed_seconds: Expr) -> Expr:
    """A price that changes by the same share each year, against today's."""
    return (1 + price_change_per_year * one_year) ** (elapsed_seconds / one_year)


@equation(
    source=NPV,
    example={
        "discount_rate_per_year": 3.170979198376459e-09,
        "elapsed_seconds": 63072000,
        "gives": 0.8264462809917354,
    },
)
def discount_factor(discount_rate_per_year: Expr, one_year: Expr, elapsed_seconds: Expr) -> Expr:
    """A dollar due later is worth less today, by what capital costs until then."""
    return (1 + discount_rate_per_year * one_year) ** (-elapsed_seconds / one_year)


@equation(
    source="pseo_2026_gpu_residual",
    example={"residual_share": 0.25, "elapsed_seconds": 1e8, "server_life_years": 2e8, "gives": 0.5},
)
def resale_share(residual_share: Expr, elapsed_seconds: Expr, server_life_years: Expr) -> Expr:
    """Hardware loses the same share of its value each month, down to the residual at the end of its life."""
    return residual_share ** (elapsed_seconds / server_life_years)


EQUATIONS: tuple[Equation, ...] = (price_factor, discount_factor, resale_share)

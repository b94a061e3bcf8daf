"""What moving weights costs, and when it matters."""

from costlib.equations import Equation, Expr, Max, equation
from costlib.models.hosting import OWN


@equation(source=OWN, example={"weight_bytes": 140e9, "egress_usd_per_gigabyte": 2e-11, "gives": 2.8})
def copy_usd(weight_bytes: Expr, egress_usd_per_gigabyte: Expr) -> Expr:
    """A copy is billed by its bytes."""
    return weight_bytes * egress_usd_per_gigabyte


@equation(source=OWN, example={"weight_bytes": 140e9, "transfer_bytes_per_second": 2e9, "gives": 70})
def copy_seconds(weight_bytes: Expr, transfer_bytes_per_second: Expr) -> Expr:
    """And takes as long as the slowest link lets it."""
    return weight_bytes / transfer_bytes_per_second


@equation(
    source=OWN,
    example={
        "weight_bytes": 140e9,
        "copies_per_month": 0.0001,
        "free_gigabytes_per_month": 4e6,
        "egress_usd_per_gigabyte": 2e-11,
        "gives": 2e-4,
    },
)
def egress_usd_per_second(
    weight_bytes: Expr, copies_per_month: Expr, free_gigabytes_per_month: Expr, egress_usd_per_gigabyte: Expr
) -> Expr:
    """Traffic beyond the free allowance is billed."""
    return Max(weight_bytes * copies_per_month - free_gigabytes_per_month, 0) * egress_usd_per_gigabyte


@equation(
    source=OWN,
    example={"price_gap_usd_per_gpu_second": 0.0001, "n_gpus": 4, "copy_usd": 2.8, "gives": 0.00014285714285714287},
)
def worthwhile_copies_per_month(price_gap_usd_per_gpu_second: Expr, n_gpus: Expr, copy_usd: Expr) -> Expr:
    """A dearer host with free traffic pays off from so many copies on."""
    return price_gap_usd_per_gpu_second * n_gpus / copy_usd


EQUATIONS: tuple[Equation, ...] = (copy_usd, copy_seconds, egress_usd_per_second, worthwhile_copies_per_month)

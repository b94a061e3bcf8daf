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
    example={
        "free_gigabytes_per_month": 4e6,
        "weight_bytes": 140e9,
        "price_gap_usd_per_gpu_second": 0.0001,
        "replicas": 7,
        "n_gpus": 4,
        "copy_usd": 2.8,
        "gives": 0.0010285714285714287,
    },
)
def worthwhile_copies_per_month(
    free_gigabytes_per_month: Expr,
    weight_bytes: Expr,
    price_gap_usd_per_gpu_second: Expr,
    replicas: Expr,
    n_gpus: Expr,
    copy_usd: Expr,
) -> Expr:
    """A dearer host with free traffic pays off from so many copies on: those free here, and those that the gap buys."""
    free = free_gigabytes_per_month / weight_bytes
    return free + price_gap_usd_per_gpu_second * replicas * n_gpus / copy_usd


@equation(source=OWN, example={"egress_usd_per_second": 2e-4, "fleet_usd_per_second": 4e-3, "gives": 0.05})
def egress_bill_share(egress_usd_per_second: Expr, fleet_usd_per_second: Expr) -> Expr:
    """Whether traffic matters is seen beside the rent of the GPUs."""
    return egress_usd_per_second / fleet_usd_per_second


@equation(
    source=OWN,
    example={
        "noticeable_share": 0.05,
        "fleet_usd_per_second": 4e-3,
        "egress_usd_per_gigabyte": 2e-11,
        "free_gigabytes_per_month": 4e6,
        "weight_bytes": 140e9,
        "gives": 0.0001,
    },
)
def noticeable_copies_per_month(
    noticeable_share: Expr,
    fleet_usd_per_second: Expr,
    egress_usd_per_gigabyte: Expr,
    free_gigabytes_per_month: Expr,
    weight_bytes: Expr,
) -> Expr:
    """Traffic reaches a share of the rent at so many copies: the free ones, and those that the share pays for."""
    paid = noticeable_share * fleet_usd_per_second / egress_usd_per_gigabyte
    return (free_gigabytes_per_month + paid) / weight_bytes


@equation(source=OWN, example={"copy_seconds": 70, "n_gpus": 4, "usd_per_gpu_second": 0.0005, "gives": 0.14})
def waiting_usd(copy_seconds: Expr, n_gpus: Expr, usd_per_gpu_second: Expr) -> Expr:
    """GPUs that wait for weights are paid for."""
    return copy_seconds * n_gpus * usd_per_gpu_second


@equation(source=OWN, example={"storage_usd_per_second": 2.8e-6, "copy_usd": 2.8, "gives": 1e-6})
def stored_copies_per_month(storage_usd_per_second: Expr, copy_usd: Expr) -> Expr:
    """Keeping a copy where it is needed costs as much as so many copies from elsewhere."""
    return storage_usd_per_second / copy_usd


EQUATIONS: tuple[Equation, ...] = (
    copy_usd, copy_seconds, egress_usd_per_second, worthwhile_copies_per_month, egress_bill_share,
    noticeable_copies_per_month, waiting_usd, stored_copies_per_month,
)  # fmt: skip

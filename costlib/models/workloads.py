"""Loads that rise and fall: when a replica pays, what interruptions and lateness cost, how long requests wait."""

from costlib.equations import Equation, Expr, equation
from costlib.models.hosting import OWN

NEWSVENDOR = "arrow_1951_inventory"
QUEUE = "allen_1990_queueing"

# --- capacity --------------------------------------------------------------------------------------------------------


@equation(source=OWN, example={"replica_tokens_per_second": 5000, "batch_penalty_share": 0.2, "gives": 4000})
def loaded_tokens_per_second(replica_tokens_per_second: Expr, batch_penalty_share: Expr) -> Expr:
    """What a replica carries in an hour when requests come as they please."""
    return replica_tokens_per_second * (1 - batch_penalty_share)


@equation(source=NEWSVENDOR, example={"replica_usd_per_second": 0.004, "loaded_tokens_per_second": 4000, "gives": 1e-6})
def overage_usd_per_token(replica_usd_per_second: Expr, loaded_tokens_per_second: Expr) -> Expr:
    """Capacity for one token too many: rent that nobody uses."""
    return replica_usd_per_second / loaded_tokens_per_second


@equation(source=NEWSVENDOR, example={"api_usd_per_token": 5e-6, "overage_usd_per_token": 1e-6, "gives": 4e-6})
def underage_usd_per_token(api_usd_per_token: Expr, overage_usd_per_token: Expr) -> Expr:
    """Capacity for one token too few: the API's price instead of the rent that was saved."""
    return api_usd_per_token - overage_usd_per_token


@equation(source=NEWSVENDOR, example={"underage_usd_per_token": 4e-6, "overage_usd_per_token": 1e-6, "gives": 0.8})
def critical_fractile(underage_usd_per_token: Expr, overage_usd_per_token: Expr) -> Expr:
    """The best capacity is enough in this share of the hours, and the API takes what exceeds it in the others."""
    return underage_usd_per_token / (underage_usd_per_token + overage_usd_per_token)


@equation(source=NEWSVENDOR, example={"overage_usd_per_token": 1e-6, "api_usd_per_token": 5e-6, "gives": 0.2})
def breakeven_utilization(overage_usd_per_token: Expr, api_usd_per_token: Expr) -> Expr:
    """One more replica pays as soon as it would be used more than this; the fractile is the rest to one."""
    return overage_usd_per_token / api_usd_per_token


CAPACITY: tuple[Equation, ...] = (
    loaded_tokens_per_second, overage_usd_per_token, underage_usd_per_token, critical_fractile, breakeven_utilization,
)  # fmt: skip

# --- spot ------------------------------------------------------------------------------------------------------------


@equation(source=OWN, example={"batch": 64, "input_tokens": 2000, "output_tokens": 500, "gives": 80_000})
def lost_tokens(batch: Expr, input_tokens: Expr, output_tokens: Expr) -> Expr:
    """When a replica is taken back, its requests are half done on average and start again elsewhere."""
    return batch * (input_tokens + output_tokens) / 2


@equation(
    source=OWN,
    example={
        "spot_restart_seconds": 600,
        "loaded_tokens_per_second": 4000,
        "lost_tokens": 80_000,
        "api_usd_per_token": 5e-6,
        "gives": 12.4,
    },
)
def interruption_usd(
    spot_restart_seconds: Expr, loaded_tokens_per_second: Expr, lost_tokens: Expr, api_usd_per_token: Expr
) -> Expr:
    """Until another replica stands in, the API serves what this one would have served, and repeats what was lost."""
    return (spot_restart_seconds * loaded_tokens_per_second + lost_tokens) * api_usd_per_token


@equation(
    source=OWN,
    example={
        "replica_usd_per_second": 0.002,
        "spot_interruptions_per_month": 1e-5,
        "interruption_usd": 12,
        "gives": 0.00212,
    },
)
def spot_replica_usd_per_second(
    replica_usd_per_second: Expr, spot_interruptions_per_month: Expr, interruption_usd: Expr
) -> Expr:
    """A spot replica costs its own rent and its interruptions."""
    return replica_usd_per_second + spot_interruptions_per_month * interruption_usd


@equation(
    source=OWN,
    example={
        "dependable_replica_usd_per_second": 0.005,
        "replica_usd_per_second": 0.002,
        "interruption_usd": 12,
        "gives": 0.00025,
    },
)
def worthwhile_interruptions_per_month(
    dependable_replica_usd_per_second: Expr, replica_usd_per_second: Expr, interruption_usd: Expr
) -> Expr:
    """Spot is the cheaper one until it is taken back so often."""
    return (dependable_replica_usd_per_second - replica_usd_per_second) / interruption_usd


INTERRUPTIONS: tuple[Equation, ...] = (
    lost_tokens, interruption_usd, spot_replica_usd_per_second, worthwhile_interruptions_per_month,
)  # fmt: skip

# --- latency ---------------------------------------------------------------------------------------------------------


@equation(source=QUEUE, example={"arrivals_per_second": 4, "service_seconds": 12, "gives": 48})
def offered_servers(arrivals_per_second: Expr, service_seconds: Expr) -> Expr:
    """As many requests are in service at once, on average, if none of them waits."""
    return arrivals_per_second * service_seconds


@equation(
    source=QUEUE,
    example={
        "waiting_probability": 0.5,
        "service_seconds": 12,
        "servers": 64,
        "offered_servers": 58,
        "arrival_variation": 1,
        "service_variation": 0.5,
        "gives": 0.625,
    },
)
def waiting_seconds(
    waiting_probability: Expr,
    service_seconds: Expr,
    servers: Expr,
    offered_servers: Expr,
    arrival_variation: Expr,
    service_variation: Expr,
) -> Expr:
    """Allen and Cunneen: the wait of exponential services, times half the sum of both squared variations."""
    uneven = (arrival_variation**2 + service_variation**2) / 2
    return uneven * waiting_probability * service_seconds / (servers - offered_servers)


@equation(source=OWN, example={"late_price_multiple": 10, "late_share_cut": 0.1, "gives": 2})
def worthwhile_price_multiple(late_price_multiple: Expr, late_share_cut: Expr) -> Expr:
    """Being late costs so many prices of a request; a faster service may cost as much more as it saves of that."""
    return 1 + late_price_multiple * late_share_cut


LATENCY: tuple[Equation, ...] = (offered_servers, waiting_seconds, worthwhile_price_multiple)

EQUATIONS: tuple[Equation, ...] = (*CAPACITY, *INTERRUPTIONS, *LATENCY)

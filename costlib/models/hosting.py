"""What a self-hosted token costs: from rent over tokens at full load to the bill, one addition at a time.

Rent is due whether GPUs work or not, capacity comes in whole replicas of whole GPUs, and people, spares and everything
around the GPUs are paid for as well.
"""

from sympy import ceiling

from costlib.equations import Equation, Expr, equation

OWN = "own_accounting"  # an identity of bookkeeping: what is added up, and over what

# --- the fleet -------------------------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={
        "demand_tokens_per_second": 10_000,
        "peak_to_mean_ratio": 2,
        "replica_tokens_per_second": 5000,
        "batch_penalty_share": 0.2,
        "warm_pool_share": 0.1,
        "gives": 6,
    },
)
def replicas_needed(
    demand_tokens_per_second: Expr,
    peak_to_mean_ratio: Expr,
    warm_pool_share: Expr,
    replica_tokens_per_second: Expr,
    batch_penalty_share: Expr,
) -> Expr:
    """Whole replicas for the busiest hour, and a warm pool for what rises faster than weights can be loaded."""
    return ceiling(
        demand_tokens_per_second
        * peak_to_mean_ratio
        * (1 + warm_pool_share)
        / (replica_tokens_per_second * (1 - batch_penalty_share))
    )


@equation(source=OWN, example={"replicas_needed": 5, "spare_replicas": 2, "gives": 7})
def replicas(replicas_needed: Expr, spare_replicas: Expr) -> Expr:
    """Spares keep enough replicas up when some fail."""
    return replicas_needed + spare_replicas


@equation(
    source=OWN,
    example={
        "demand_tokens_per_second": 10_000,
        "replicas_needed": 5,
        "replica_tokens_per_second": 5000,
        "batch_penalty_share": 0.2,
        "gives": 0.5,
    },
)
def utilization(
    demand_tokens_per_second: Expr,
    replicas_needed: Expr,
    replica_tokens_per_second: Expr,
    batch_penalty_share: Expr,
) -> Expr:
    """The rest of the time the needed replicas wait: for the busiest hour, for a burst, or because they come whole."""
    return demand_tokens_per_second / (replicas_needed * replica_tokens_per_second * (1 - batch_penalty_share))


@equation(source=OWN, example={"replicas": 7, "n_gpus": 4, "usd_per_gpu_second": 0.0005, "gives": 0.014})
def fleet_usd_per_second(replicas: Expr, n_gpus: Expr, usd_per_gpu_second: Expr) -> Expr:
    """Every replica's GPUs are paid for around the clock."""
    return replicas * n_gpus * usd_per_gpu_second


# --- around the fleet ------------------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={
        "labor_usd_per_hour": 0.03,
        "labor_hours_per_month": 0.05,
        "labor_hours_per_month_per_gpu": 0.001,
        "replicas": 5,
        "n_gpus": 4,
        "gives": 0.0021,
    },
)
def labor_usd_per_second(
    labor_usd_per_hour: Expr,
    labor_hours_per_month: Expr,
    labor_hours_per_month_per_gpu: Expr,
    replicas: Expr,
    n_gpus: Expr,
) -> Expr:
    """Some work comes with having a deployment at all, some with each GPU."""
    return labor_usd_per_hour * (labor_hours_per_month + labor_hours_per_month_per_gpu * replicas * n_gpus)


@equation(source=OWN, example={"labor_usd_per_hour": 0.03, "setup_hours": 144_000, "gives": 4320})
def setup_usd(labor_usd_per_hour: Expr, setup_hours: Expr) -> Expr:
    """Getting to a deployment that may be relied on is work."""
    return labor_usd_per_hour * setup_hours


@equation(source=OWN, example={"setup_usd": 4320, "amortization_months": 43_200_000, "gives": 0.0001})
def setup_usd_per_second(setup_usd: Expr, amortization_months: Expr) -> Expr:
    """Setup is spread evenly over the time for which it serves."""
    return setup_usd / amortization_months


@equation(source=OWN, example={"storage_usd_per_gigabyte_month": 2e-17, "weight_bytes": 140e9, "gives": 2.8e-6})
def storage_usd_per_second(storage_usd_per_gigabyte_month: Expr, weight_bytes: Expr) -> Expr:
    """One copy of the weights is kept where replicas load it from."""
    return storage_usd_per_gigabyte_month * weight_bytes


@equation(
    source=OWN,
    example={
        "fleet_usd_per_second": 0.014,
        "labor_usd_per_second": 0.002,
        "setup_usd_per_second": 0.0001,
        "overhead_usd_per_month": 0.0002,
        "storage_usd_per_second": 0.0000028,
        "gives": 0.0163028,
    },
)
def self_usd_per_second(
    fleet_usd_per_second: Expr,
    labor_usd_per_second: Expr,
    setup_usd_per_second: Expr,
    overhead_usd_per_month: Expr,
    storage_usd_per_second: Expr,
) -> Expr:
    """The bill."""
    return (
        fleet_usd_per_second
        + labor_usd_per_second
        + setup_usd_per_second
        + overhead_usd_per_month
        + storage_usd_per_second
    )


# --- the waterfall, per token ----------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={"n_gpus": 4, "usd_per_gpu_second": 0.0005, "replica_tokens_per_second": 5000, "gives": 4e-7},
)
def rent_usd_per_token(n_gpus: Expr, usd_per_gpu_second: Expr, replica_tokens_per_second: Expr) -> Expr:
    """The number that most comparisons stop at: a replica's rent over its tokens at full load."""
    return n_gpus * usd_per_gpu_second / replica_tokens_per_second


@equation(source=OWN, example={"rent_usd_per_token": 4e-7, "batch_penalty_share": 0.2, "gives": 5e-7})
def batched_usd_per_token(rent_usd_per_token: Expr, batch_penalty_share: Expr) -> Expr:
    """Batches are rarely as full as the one that the throughput was computed for."""
    return rent_usd_per_token / (1 - batch_penalty_share)


@equation(source=OWN, example={"batched_usd_per_token": 5e-7, "peak_to_mean_ratio": 2, "gives": 1e-6})
def peak_usd_per_token(batched_usd_per_token: Expr, peak_to_mean_ratio: Expr) -> Expr:
    """What the busiest hour needs is paid for in every other hour too."""
    return batched_usd_per_token * peak_to_mean_ratio


@equation(source=OWN, example={"peak_usd_per_token": 1e-6, "warm_pool_share": 0.1, "gives": 1.1e-6})
def ready_usd_per_token(peak_usd_per_token: Expr, warm_pool_share: Expr) -> Expr:
    """A replica takes minutes to load its weights, so some stand ready."""
    return peak_usd_per_token * (1 + warm_pool_share)


@equation(source=OWN, example={"batched_usd_per_token": 5e-7, "utilization": 0.4, "gives": 1.25e-6})
def idle_usd_per_token(batched_usd_per_token: Expr, utilization: Expr) -> Expr:
    """All idle time, that of a replica bought whole included: utilization divides tokens, never the bill."""
    return batched_usd_per_token / utilization


@equation(source=OWN, example={"idle_usd_per_token": 1e-6, "replicas": 7, "replicas_needed": 5, "gives": 1.4e-6})
def redundant_usd_per_token(idle_usd_per_token: Expr, replicas: Expr, replicas_needed: Expr) -> Expr:
    """Spares cost like the others."""
    return idle_usd_per_token * replicas / replicas_needed


@equation(
    source=OWN,
    example={
        "redundant_usd_per_token": 1.4e-6,
        "labor_usd_per_second": 0.002,
        "demand_tokens_per_second": 10_000,
        "gives": 1.6e-6,
    },
)
def operated_usd_per_token(
    redundant_usd_per_token: Expr, labor_usd_per_second: Expr, demand_tokens_per_second: Expr
) -> Expr:
    """People's time, over the tokens served."""
    return redundant_usd_per_token + labor_usd_per_second / demand_tokens_per_second


@equation(
    source=OWN,
    example={
        "operated_usd_per_token": 1.6e-6,
        "setup_usd_per_second": 0.0001,
        "demand_tokens_per_second": 10_000,
        "gives": 1.61e-6,
    },
)
def installed_usd_per_token(
    operated_usd_per_token: Expr, setup_usd_per_second: Expr, demand_tokens_per_second: Expr
) -> Expr:
    """The setup, over the tokens of all the months for which it serves."""
    return operated_usd_per_token + setup_usd_per_second / demand_tokens_per_second


@equation(
    source=OWN,
    example={"self_usd_per_second": 0.0163028, "demand_tokens_per_second": 10_000, "gives": 1.63028e-6},
)
def self_usd_per_token(self_usd_per_second: Expr, demand_tokens_per_second: Expr) -> Expr:
    """The real token: the whole bill, load balancer, monitoring and storage included, over the tokens served."""
    return self_usd_per_second / demand_tokens_per_second


@equation(
    source=OWN,
    example={
        "self_usd_per_token": 1.6e-6,
        "input_tokens": 2000,
        "output_tokens": 500,
        "output_token_weight": 5,
        "gives": 8.888888888888889e-7,
    },
)
def self_input_usd_per_token(
    self_usd_per_token: Expr, input_tokens: Expr, output_tokens: Expr, output_token_weight: Expr
) -> Expr:
    """The bill is split between input and output by the GPU time that each takes."""
    return self_usd_per_token * (input_tokens + output_tokens) / (input_tokens + output_token_weight * output_tokens)


@equation(
    source=OWN,
    example={"self_input_usd_per_token": 8e-7, "output_token_weight": 5, "gives": 4e-6},
)
def self_output_usd_per_token(self_input_usd_per_token: Expr, output_token_weight: Expr) -> Expr:
    """An output token takes so many times the GPU time of an input token."""
    return self_input_usd_per_token * output_token_weight


EQUATIONS: tuple[Equation, ...] = (
    replicas_needed, replicas, utilization, fleet_usd_per_second, labor_usd_per_second, setup_usd, setup_usd_per_second,
    storage_usd_per_second, self_usd_per_second, rent_usd_per_token, batched_usd_per_token, peak_usd_per_token,
    ready_usd_per_token, idle_usd_per_token, redundant_usd_per_token, operated_usd_per_token, installed_usd_per_token,
    self_usd_per_token, self_input_usd_per_token, self_output_usd_per_token,
)  # fmt: skip

WATERFALL = (
    "rent_usd_per_token", "batched_usd_per_token", "peak_usd_per_token", "ready_usd_per_token", "idle_usd_per_token",
    "redundant_usd_per_token", "operated_usd_per_token", "installed_usd_per_token", "self_usd_per_token",
)  # fmt: skip

# --- cold starts and spot --------------------------------------------------------------------------------------------


@equation(source=OWN, example={"weight_bytes": 140e9, "weight_load_bytes_per_second": 2e9, "gives": 70})
def load_seconds(weight_bytes: Expr, weight_load_bytes_per_second: Expr) -> Expr:
    """A replica cannot answer before its weights are in its memory."""
    return weight_bytes / weight_load_bytes_per_second


@equation(source=OWN, example={"usd_per_gpu_second": 0.0009, "spot_interruption_share": 0.1, "gives": 0.001})
def spot_usd_per_gpu_second(usd_per_gpu_second: Expr, spot_interruption_share: Expr) -> Expr:
    """To have enough left when a share of them is taken back, so many more are rented."""
    return usd_per_gpu_second / (1 - spot_interruption_share)


STARTING: tuple[Equation, ...] = (load_seconds,)
SPOT: tuple[Equation, ...] = (spot_usd_per_gpu_second,)

# --- owned hardware --------------------------------------------------------------------------------------------------


@equation(
    source=OWN,
    example={
        "usd_per_gpu": 30_000,
        "gpu_server_overhead_share": 0.5,
        "residual_share": 0.1,
        "server_life_years": 1.5e8,
        "discount_rate_per_year": 3e-9,
        "gives": 0.00034425,
    },
)
def capital_usd_per_gpu_second(
    usd_per_gpu: Expr,
    gpu_server_overhead_share: Expr,
    residual_share: Expr,
    server_life_years: Expr,
    discount_rate_per_year: Expr,
) -> Expr:
    """Straight-line depreciation, and interest on the average of what is still tied up."""
    price = usd_per_gpu * (1 + gpu_server_overhead_share)
    return price * ((1 - residual_share) / server_life_years + discount_rate_per_year * (1 + residual_share) / 2)


@equation(
    source=OWN,
    example={
        "board_watts": 1000,
        "server_power_ratio": 1.5,
        "power_usage_effectiveness": 1.5,
        "electricity_usd_per_kilowatt_hour": 2e-8,
        "colocation_usd_per_kilowatt_month": 4e-8,
        "gives": 1.05e-4,
    },
)
def power_usd_per_gpu_second(
    board_watts: Expr,
    server_power_ratio: Expr,
    power_usage_effectiveness: Expr,
    electricity_usd_per_kilowatt_hour: Expr,
    colocation_usd_per_kilowatt_month: Expr,
) -> Expr:
    """A GPU comes with a server; electricity is drawn for the whole site, and space rented by the server's power."""
    return (
        board_watts
        * server_power_ratio
        * (power_usage_effectiveness * electricity_usd_per_kilowatt_hour + colocation_usd_per_kilowatt_month)
    )


@equation(
    source=OWN,
    example={"capital_usd_per_gpu_second": 0.00034, "power_usd_per_gpu_second": 0.00007, "gives": 0.00041},
)
def owned_usd_per_gpu_second(capital_usd_per_gpu_second: Expr, power_usd_per_gpu_second: Expr) -> Expr:
    """What stands in the place of rent."""
    return capital_usd_per_gpu_second + power_usd_per_gpu_second


OWNING: tuple[Equation, ...] = (capital_usd_per_gpu_second, power_usd_per_gpu_second, owned_usd_per_gpu_second)

"""From bounds to speeds: what a replica reaches, and what an input and an output token each take of a GPU.

The roofline's times are divided by the shares of bandwidth and arithmetic that serving engines reach and added up, a
fixed time per layer and per sequence comes on top, and each output token waits for its part of the prompts that arrive
meanwhile.
"""

from costlib.equations import Equation, Expr, equation


@equation(
    source="databricks_2023_inference",
    example={
        "decode_compute_seconds": 0.001,
        "compute_efficiency": 0.5,
        "decode_memory_seconds": 0.012,
        "bandwidth_efficiency": 0.6,
        "n_layers": 80,
        "layer_seconds": 0.00002,
        "batch": 32,
        "sequence_seconds": 0.00001,
        "gives": 0.02392,
    },
)
def step_seconds(
    decode_compute_seconds: Expr,
    compute_efficiency: Expr,
    decode_memory_seconds: Expr,
    bandwidth_efficiency: Expr,
    n_layers: Expr,
    layer_seconds: Expr,
    batch: Expr,
    sequence_seconds: Expr,
) -> Expr:
    """Engines reach a share of either peak and overlap little; each layer and each sequence adds a fixed time."""
    return (
        decode_compute_seconds / compute_efficiency
        + decode_memory_seconds / bandwidth_efficiency
        + n_layers * layer_seconds
        + batch * sequence_seconds
    )


@equation(
    source="pope_2022_efficiently",
    example={
        "input_tokens": 2000,
        "prefill_flops_per_token": 140e9,
        "n_gpus": 4,
        "peak_flops_per_second": 1e15,
        "prefill_efficiency": 0.5,
        "gives": 0.14,
    },
)
def prefill_request_seconds(
    input_tokens: Expr,
    prefill_flops_per_token: Expr,
    n_gpus: Expr,
    peak_flops_per_second: Expr,
    prefill_efficiency: Expr,
) -> Expr:
    """A prompt is arithmetic, at the share of the peak that prefill reaches."""
    return input_tokens * prefill_flops_per_token / (n_gpus * peak_flops_per_second * prefill_efficiency)


@equation(
    source="agrawal_2024_sarathi",
    example={
        "step_seconds": 0.02,
        "tokens_per_step": 1,
        "batch": 32,
        "output_tokens": 500,
        "prefill_request_seconds": 0.14,
        "gives": 0.02896,
    },
)
def output_token_seconds(
    step_seconds: Expr, tokens_per_step: Expr, batch: Expr, output_tokens: Expr, prefill_request_seconds: Expr
) -> Expr:
    """In a steady state as many prompts arrive as answers end, and every sequence waits while they are processed."""
    return step_seconds / tokens_per_step + batch / output_tokens * prefill_request_seconds


@equation(source="agrawal_2024_sarathi", example={"batch": 32, "output_token_seconds": 0.032, "gives": 1000})
def replica_output_tokens_per_second(batch: Expr, output_token_seconds: Expr) -> Expr:
    """All sequences of the batch gain a token in that time."""
    return batch / output_token_seconds


@equation(
    source="agrawal_2024_sarathi",
    example={
        "replica_output_tokens_per_second": 1000,
        "input_tokens": 2000,
        "output_tokens": 500,
        "gives": 5000,
    },
)
def replica_tokens_per_second(replica_output_tokens_per_second: Expr, input_tokens: Expr, output_tokens: Expr) -> Expr:
    """Each answer comes with its prompt."""
    return replica_output_tokens_per_second * (input_tokens + output_tokens) / output_tokens


@equation(
    source="pope_2022_efficiently",
    example={"n_gpus": 4, "step_seconds": 0.02, "batch": 32, "tokens_per_step": 1, "gives": 0.0025},
)
def gpu_seconds_per_output_token(n_gpus: Expr, step_seconds: Expr, batch: Expr, tokens_per_step: Expr) -> Expr:
    """The step is shared by the sequences of the batch."""
    return n_gpus * step_seconds / (batch * tokens_per_step)


@equation(
    source="pope_2022_efficiently",
    example={"n_gpus": 4, "prefill_request_seconds": 0.14, "input_tokens": 2000, "gives": 0.00028},
)
def gpu_seconds_per_input_token(n_gpus: Expr, prefill_request_seconds: Expr, input_tokens: Expr) -> Expr:
    """The prompt's tokens share its pass."""
    return n_gpus * prefill_request_seconds / input_tokens


@equation(
    source="pope_2022_efficiently",
    example={"gpu_seconds_per_output_token": 0.0025, "gpu_seconds_per_input_token": 0.0005, "gives": 5},
)
def output_token_weight(gpu_seconds_per_output_token: Expr, gpu_seconds_per_input_token: Expr) -> Expr:
    """How many input tokens an output token is worth on the same GPUs."""
    return gpu_seconds_per_output_token / gpu_seconds_per_input_token


EQUATIONS: tuple[Equation, ...] = (
    step_seconds, prefill_request_seconds, output_token_seconds, replica_output_tokens_per_second,
    replica_tokens_per_second, gpu_seconds_per_output_token, gpu_seconds_per_input_token, output_token_weight,
)  # fmt: skip

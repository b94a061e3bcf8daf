"""From bounds to speeds: the time of a decode step and of a prompt as engines achieve them on real GPUs.

The roofline's bytes and operations are divided by measured shares of bandwidth and arithmetic and added up; fixed times
per pass, layer and sequence and the traffic between GPUs come on top. With all shares and factors at one and all
fixed times at zero these are the roofline's times without overlap. Alternatives: experts, speculative decoding,
answers streamed to clients.
"""

from costlib.equations import Equation, Expr, Max, Min, equation

# --- decode ----------------------------------------------------------------------------------------------------------


@equation(source="leviathan_2022_speculative", example={"draft_tokens": 3, "gives": 4})
def verified_tokens_per_step(draft_tokens: Expr, tokens_per_step_plain: Expr) -> Expr:
    """The model checks all proposed tokens at once and adds one of its own."""
    return draft_tokens + tokens_per_step_plain


@equation(
    source="pope_2022_efficiently",
    example={
        "decode_read_parameters": 69e9,
        "bytes_per_parameter": 2,
        "table_parameters": 1e9,
        "table_bytes_per_parameter": 2,
        "stage_gpus": 4,
        "memory_bytes_per_second": 3.5e12,
        "weight_bandwidth_efficiency": 0.8,
        "gives": 0.0125,
    },
)
def weight_read_seconds(
    decode_read_parameters: Expr,
    bytes_per_parameter: Expr,
    table_parameters: Expr,
    table_bytes_per_parameter: Expr,
    stage_gpus: Expr,
    memory_bytes_per_second: Expr,
    weight_bandwidth_efficiency: Expr,
) -> Expr:
    """Weights are read once per step for all sequences, at a share of the peak bandwidth."""
    read = decode_read_parameters * bytes_per_parameter + table_parameters * table_bytes_per_parameter
    return read / (stage_gpus * memory_bytes_per_second * weight_bandwidth_efficiency)


@equation(
    source="aiconfigurator_2026",
    example={
        "step_overhead_seconds": 0.001,
        "n_layers": 80,
        "layer_seconds": 2e-5,
        "allreduce_latency_seconds": 1e-5,
        "allreduce_hops": 3,
        "gives": 0.005,
    },
)
def fixed_step_seconds(
    step_overhead_seconds: Expr,
    n_layers: Expr,
    layer_seconds: Expr,
    allreduce_latency_seconds: Expr,
    allreduce_hops: Expr,
) -> Expr:
    """Scheduling, the start of every layer's kernels, and the messages of its sums over GPUs take time of their own."""
    return step_overhead_seconds + n_layers * (layer_seconds + allreduce_latency_seconds * allreduce_hops)


@equation(
    source="pope_2022_efficiently",
    example={
        "kv_bytes_per_sequence": 0.8e9,
        "cache_gpus": 4,
        "memory_bytes_per_second": 2e12,
        "cache_bandwidth_efficiency": 0.5,
        "gives": 0.0002,
    },
)
def cache_seconds_per_sequence(
    kv_bytes_per_sequence: Expr, cache_gpus: Expr, memory_bytes_per_second: Expr, cache_bandwidth_efficiency: Expr
) -> Expr:
    """A sequence's cache is read for it alone; caches lie scattered, so their share of the peak is another one."""
    return kv_bytes_per_sequence / (cache_gpus * memory_bytes_per_second * cache_bandwidth_efficiency)


@equation(
    source="lin_2023_awq",
    example={
        "verified_tokens_per_step": 1,
        "linear_flops_per_token": 140e9,
        "dequantization_factor": 2,
        "low_precision_factor": 1,
        "expert_compute_factor": 1,
        "decode_flops_per_pair": 32_768,
        "cached_layer_tokens": 200_000,
        "stage_gpus": 4,
        "peak_flops_per_second": 1e15,
        "decode_compute_efficiency": 0.5,
        "gives": 0.0001432768,
    },
)
def arithmetic_seconds_per_sequence(
    verified_tokens_per_step: Expr,
    linear_flops_per_token: Expr,
    dequantization_factor: Expr,
    low_precision_factor: Expr,
    expert_compute_factor: Expr,
    decode_flops_per_pair: Expr,
    cached_layer_tokens: Expr,
    stage_gpus: Expr,
    peak_flops_per_second: Expr,
    decode_compute_efficiency: Expr,
) -> Expr:
    """Arithmetic at a share of the peak; unpacking low-bit weights, low precision and experts make it slower."""
    linear = linear_flops_per_token * dequantization_factor * low_precision_factor * expert_compute_factor
    flops = verified_tokens_per_step * (linear + decode_flops_per_pair * cached_layer_tokens)
    return flops / (stage_gpus * peak_flops_per_second * decode_compute_efficiency)


@equation(
    source="narayanan_2021_megatron",
    example={
        "verified_tokens_per_step": 1,
        "allreduce_seconds_per_token": 2e-5,
        "routing_seconds_per_token": 1e-5,
        "gives": 3e-5,
    },
)
def communication_seconds_per_sequence(
    verified_tokens_per_step: Expr, allreduce_seconds_per_token: Expr, routing_seconds_per_token: Expr
) -> Expr:
    """Every token of the step is added up over the GPUs and sent to its experts."""
    return verified_tokens_per_step * (allreduce_seconds_per_token + routing_seconds_per_token)


@equation(
    source="zhu_2024_nanoflow",
    example={
        "cache_seconds_per_sequence": 2e-4,
        "arithmetic_seconds_per_sequence": 1e-4,
        "communication_seconds_per_sequence": 3e-5,
        "sequence_seconds": 2e-5,
        "gives": 3.5e-4,
    },
)
def sequence_step_seconds(
    cache_seconds_per_sequence: Expr,
    arithmetic_seconds_per_sequence: Expr,
    communication_seconds_per_sequence: Expr,
    sequence_seconds: Expr,
) -> Expr:
    """Cache, arithmetic and traffic of a sequence hardly overlap in practice; scheduling and sampling come on top."""
    return (
        cache_seconds_per_sequence
        + arithmetic_seconds_per_sequence
        + communication_seconds_per_sequence
        + sequence_seconds
    )


@equation(
    defines="sequence_step_seconds",
    source="zhu_2024_nanoflow",
    example={
        "cache_seconds_per_sequence": 2e-4,
        "arithmetic_seconds_per_sequence": 1e-4,
        "communication_seconds_per_sequence": 3e-5,
        "sequence_seconds": 2e-5,
        "streaming_seconds": 1e-5,
        "gives": 3.6e-4,
    },
)
def sequence_step_seconds_streamed(
    cache_seconds_per_sequence: Expr,
    arithmetic_seconds_per_sequence: Expr,
    communication_seconds_per_sequence: Expr,
    sequence_seconds: Expr,
    streaming_seconds: Expr,
) -> Expr:
    """The same where every token is sent to its client at once."""
    return (
        cache_seconds_per_sequence
        + arithmetic_seconds_per_sequence
        + communication_seconds_per_sequence
        + sequence_seconds
        + streaming_seconds
    )


@equation(
    source="pope_2022_efficiently",
    example={
        "weight_read_seconds": 0.0125,
        "fixed_step_seconds": 0.0035,
        "batch": 32,
        "sequence_step_seconds": 0.0005,
        "gives": 0.032,
    },
)
def step_seconds(weight_read_seconds: Expr, fixed_step_seconds: Expr, batch: Expr, sequence_step_seconds: Expr) -> Expr:
    """What is done once per step, and what every sequence adds."""
    return weight_read_seconds + fixed_step_seconds + batch * sequence_step_seconds


@equation(
    defines="step_seconds",
    source="leviathan_2022_speculative",
    example={
        "weight_read_seconds": 0.0125,
        "fixed_step_seconds": 0.0035,
        "batch": 32,
        "sequence_step_seconds": 0.0005,
        "draft_tokens": 3,
        "draft_cost_share": 0.1,
        "gives": 0.0416,
    },
)
def step_seconds_speculative(
    weight_read_seconds: Expr,
    fixed_step_seconds: Expr,
    batch: Expr,
    sequence_step_seconds: Expr,
    draft_tokens: Expr,
    draft_cost_share: Expr,
    tokens_per_step_plain: Expr,
) -> Expr:
    """The draft model runs once for every token that it proposes, before the model checks them."""
    checked = weight_read_seconds + fixed_step_seconds + batch * sequence_step_seconds
    return checked * (1 + draft_cost_share * draft_tokens / tokens_per_step_plain)


@equation(
    source="leviathan_2022_speculative",
    example={"acceptance_share": 0.25, "verified_tokens_per_step": 3, "gives": 1.3125},
)
def tokens_per_step(acceptance_share: Expr, verified_tokens_per_step: Expr, tokens_per_step_plain: Expr) -> Expr:
    """Proposed tokens count up to the first that is refused; the model's own token always counts."""
    exponent = verified_tokens_per_step / tokens_per_step_plain
    return tokens_per_step_plain * (1 - acceptance_share**exponent) / (1 - acceptance_share)


@equation(
    defines="covered_experts",
    source="fedus_2022_switch",
    example={"n_experts": 8, "experts_per_token": 2, "batch": 1, "verified_tokens_per_step": 2, "gives": 3.5},
)
def covered_experts_verified(
    n_experts: Expr, experts_per_token: Expr, router_draws: Expr, batch: Expr, verified_tokens_per_step: Expr
) -> Expr:
    """Every token that is checked needs its experts, whether it is accepted or not."""
    return n_experts * (1 - (1 - experts_per_token / n_experts) ** (router_draws * batch * verified_tokens_per_step))


# --- prompts ---------------------------------------------------------------------------------------------------------


@equation(source="kwon_2023_vllm", example={"input_tokens": 2000, "prefix_hit_share": 0.25, "gives": 1500})
def computed_input_tokens(input_tokens: Expr, prefix_hit_share: Expr) -> Expr:
    """What is still in the cache from earlier requests is not computed again."""
    return input_tokens * (1 - prefix_hit_share)


@equation(
    source="agrawal_2024_sarathi",
    example={"batch": 32, "chunk_budget_tokens": 8192, "computed_input_tokens": 2048, "gives": 4},
)
def prompts_per_pass(batch: Expr, chunk_budget_tokens: Expr, computed_input_tokens: Expr) -> Expr:
    """Short prompts share a pass, up to the tokens that a step takes on."""
    return Max(1, Min(batch, chunk_budget_tokens / computed_input_tokens))


@equation(
    defines="prompts_per_pass",
    source="agrawal_2024_sarathi",
    example={"chunk_budget_tokens": 8192, "computed_input_tokens": 2048, "gives": 4},
)
def prompts_per_pass_queued(chunk_budget_tokens: Expr, computed_input_tokens: Expr) -> Expr:
    """With requests waiting, or joined to decode steps that read the weights anyway, a pass is filled."""
    return Max(1, chunk_budget_tokens / computed_input_tokens)


@equation(
    source="pope_2022_efficiently",
    example={
        "swept_parameters": 69e9,
        "bytes_per_parameter": 2,
        "table_parameters": 1e9,
        "table_bytes_per_parameter": 2,
        "stage_gpus": 4,
        "memory_bytes_per_second": 3.5e12,
        "weight_bandwidth_efficiency": 0.8,
        "fixed_step_seconds": 0.0035,
        "gives": 0.016,
    },
)
def full_pass_seconds(
    swept_parameters: Expr,
    bytes_per_parameter: Expr,
    table_parameters: Expr,
    table_bytes_per_parameter: Expr,
    stage_gpus: Expr,
    memory_bytes_per_second: Expr,
    weight_bandwidth_efficiency: Expr,
    fixed_step_seconds: Expr,
) -> Expr:
    """Prompts, or many sequences, need every expert: a pass reads all weights once, however many tokens it takes on."""
    read = swept_parameters * bytes_per_parameter + table_parameters * table_bytes_per_parameter
    return read / (stage_gpus * memory_bytes_per_second * weight_bandwidth_efficiency) + fixed_step_seconds


@equation(
    source="narayanan_2021_megatron",
    example={
        "layer_parameters": 68e9,
        "dequantization_factor": 1,
        "low_precision_factor": 1,
        "expert_compute_factor": 1,
        "attention_cost_factor": 2,
        "prefill_flops_per_pair": 32_768,
        "prefill_layer_tokens": 62_500,
        "prefix_hit_share": 0,
        "stage_gpus": 4,
        "peak_flops_per_second": 1e15,
        "prefill_compute_efficiency": 0.5,
        "kv_bytes_per_token": 320_000,
        "cache_gpus": 4,
        "memory_bytes_per_second": 4e12,
        "cache_bandwidth_efficiency": 0.5,
        "allreduce_seconds_per_token": 2e-5,
        "routing_seconds_per_token": 0,
        "gives": 9.0088e-5,
    },
)
def prefill_seconds_per_token(
    flops_per_weight: Expr,
    layer_parameters: Expr,
    dequantization_factor: Expr,
    low_precision_factor: Expr,
    expert_compute_factor: Expr,
    attention_cost_factor: Expr,
    prefill_flops_per_pair: Expr,
    prefill_layer_tokens: Expr,
    prefix_hit_share: Expr,
    stage_gpus: Expr,
    peak_flops_per_second: Expr,
    prefill_compute_efficiency: Expr,
    kv_bytes_per_token: Expr,
    cache_gpus: Expr,
    memory_bytes_per_second: Expr,
    cache_bandwidth_efficiency: Expr,
    allreduce_seconds_per_token: Expr,
    routing_seconds_per_token: Expr,
) -> Expr:
    """Arithmetic, writing to the cache, and traffic. Tokens behind a cached prefix attend to all of it."""
    linear = flops_per_weight * layer_parameters * dequantization_factor * low_precision_factor * expert_compute_factor
    attention = attention_cost_factor * prefill_flops_per_pair * prefill_layer_tokens * (1 + prefix_hit_share)
    return (
        (linear + attention) / (stage_gpus * peak_flops_per_second * prefill_compute_efficiency)
        + kv_bytes_per_token / (cache_gpus * memory_bytes_per_second * cache_bandwidth_efficiency)
        + allreduce_seconds_per_token
        + routing_seconds_per_token
    )


@equation(
    source="agrawal_2024_sarathi",
    example={
        "full_pass_seconds": 0.016,
        "prompts_per_pass": 4,
        "computed_input_tokens": 2000,
        "chunk_budget_tokens": 8000,
        "prefill_seconds_per_token": 9e-5,
        "gives": 0.184,
    },
)
def prefill_request_seconds(
    full_pass_seconds: Expr,
    prompts_per_pass: Expr,
    computed_input_tokens: Expr,
    chunk_budget_tokens: Expr,
    prefill_seconds_per_token: Expr,
) -> Expr:
    """A prompt's part of its pass, or all of the several that a long one takes, and its own tokens."""
    passes = Max(1 / prompts_per_pass, computed_input_tokens / chunk_budget_tokens)
    return full_pass_seconds * passes + computed_input_tokens * prefill_seconds_per_token


@equation(
    source="agrawal_2024_sarathi",
    example={
        "full_pass_seconds": 0.016,
        "computed_input_tokens": 2000,
        "chunk_budget_tokens": 8000,
        "prefill_seconds_per_token": 9e-5,
        "gives": 0.196,
    },
)
def first_prefill_seconds(
    full_pass_seconds: Expr,
    computed_input_tokens: Expr,
    chunk_budget_tokens: Expr,
    prefill_seconds_per_token: Expr,
) -> Expr:
    """The same for a prompt with a pass of its own."""
    passes = Max(1, computed_input_tokens / chunk_budget_tokens)
    return full_pass_seconds * passes + computed_input_tokens * prefill_seconds_per_token


@equation(
    source="pope_2022_efficiently",
    example={"input_tokens": 2000, "prefill_request_seconds": 0.25, "pipeline_speedup": 2, "gives": 16_000},
)
def prompt_tokens_per_second(input_tokens: Expr, prefill_request_seconds: Expr, pipeline_speedup: Expr) -> Expr:
    """Prompts one after the other, on all stages at once."""
    return input_tokens / prefill_request_seconds * pipeline_speedup


_COMMON = (
    verified_tokens_per_step, weight_read_seconds, fixed_step_seconds, cache_seconds_per_sequence,
    arithmetic_seconds_per_sequence, communication_seconds_per_sequence, computed_input_tokens, full_pass_seconds,
    prefill_seconds_per_token, prefill_request_seconds, first_prefill_seconds, prompt_tokens_per_second,
)  # fmt: skip


def equations_for(*, queued: bool, streamed: bool) -> tuple[Equation, ...]:
    """The equations of steps and prompts for a load whose requests queue, or whose answers are streamed."""
    return (
        *_COMMON,
        step_seconds,
        prompts_per_pass_queued if queued else prompts_per_pass,
        sequence_step_seconds_streamed if streamed else sequence_step_seconds,
    )


def speculation(experts: bool) -> tuple[Equation, ...]:
    """What speculative decoding changes: step, tokens per step, and with experts those that are covered."""
    return (step_seconds_speculative, tokens_per_step, *((covered_experts_verified,) if experts else ()))

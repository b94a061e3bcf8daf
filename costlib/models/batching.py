"""Sequences together: how many a replica works on under each kind of load, and what speed and latency come of it.

Loads are alternatives: a steady batch that is given, a fixed number of requests in flight, a burst, arrivals at a
rate, a queue that is never empty (with MLPerf's Offline, Server and Interactive). `equations_for` picks those of one.
"""

from sympy import Piecewise

from costlib.equations import Equation, Expr, Max, Min, equation

LOADS = ("steady", "batch", "burst", "rate", "max", "offline", "server", "interactive")
QUEUED = LOADS[4:]  # the queue is never empty

# --- what fits -------------------------------------------------------------------------------------------------------


@equation(
    source="pope_2022_efficiently", example={"n_layers": 80, "input_tokens": 2000, "output_tokens": 500, "gives": 2e5}
)
def full_layer_tokens(n_layers: Expr, input_tokens: Expr, output_tokens: Expr) -> Expr:
    """A place in memory must hold the prompt and the whole answer, in every layer."""
    return n_layers * (input_tokens + output_tokens)


@equation(
    defines="full_layer_tokens",
    source="jiang_2023_mistral",
    example={
        "full_attention_layers": 18,
        "window_layers": 18,
        "input_tokens": 2000,
        "output_tokens": 500,
        "window_tokens": 128,
        "gives": 47_304,
    },
)
def full_layer_tokens_window(
    full_attention_layers: Expr, window_layers: Expr, input_tokens: Expr, output_tokens: Expr, window_tokens: Expr
) -> Expr:
    """A window layer holds its window at most."""
    length = input_tokens + output_tokens
    return full_attention_layers * length + window_layers * Min(length, window_tokens)


@equation(source="kwon_2023_vllm", example={"usable_bytes": 144e9, "weight_bytes": 140e9, "gives": 4e9})
def cache_room_bytes(usable_bytes: Expr, weight_bytes: Expr) -> Expr:
    """The engine fills a share of the memory, weights first."""
    return Max(usable_bytes - weight_bytes, 0)


@equation(
    defines="cache_room_bytes",
    source="tensorrt_llm_2025_overview",
    example={
        "n_gpus": 2,
        "memory_bytes": 80e9,
        "weight_bytes": 140e9,
        "memory_reserve_share": 0.1,
        "gives": 18e9,
    },
)
def cache_room_bytes_of_free(n_gpus: Expr, memory_bytes: Expr, weight_bytes: Expr, memory_reserve_share: Expr) -> Expr:
    """TensorRT-LLM fills a share of what the weights leave free."""
    return Max(n_gpus * memory_bytes - weight_bytes, 0) * (1 - memory_reserve_share)


@equation(
    source="kwon_2023_vllm",
    example={
        "cache_room_bytes": 40e9,
        "kv_bytes_per_token_layer": 4000,
        "full_layer_tokens": 200_000,
        "stage_gpus": 8,
        "cache_gpus": 4,
        "beams": 1,
        "gives": 25,
    },
)
def cache_sequences(
    cache_room_bytes: Expr,
    kv_bytes_per_token_layer: Expr,
    full_layer_tokens: Expr,
    stage_gpus: Expr,
    cache_gpus: Expr,
    beams: Expr,
) -> Expr:
    """Sequences at full length that the room holds, copies on several GPUs and beams counted; one is always tried."""
    stored = kv_bytes_per_token_layer * full_layer_tokens * (stage_gpus / cache_gpus) * beams
    return Max(1, cache_room_bytes / stored)


# --- sequences in flight ---------------------------------------------------------------------------------------------


@equation(source="little_1961_queueing", example={"concurrency": 64, "cache_sequences": 25, "gives": 25})
def in_flight(concurrency: Expr, cache_sequences: Expr) -> Expr:
    """What does not fit waits, or is thrown out and computed again."""
    return Max(1, Min(concurrency, cache_sequences))


@equation(
    defines="in_flight",
    source="kwon_2023_vllm",
    example={"burst_requests": 1000, "cache_sequences": 400, "max_sequences": 256, "gives": 256},
)
def in_flight_burst(burst_requests: Expr, cache_sequences: Expr, max_sequences: Expr) -> Expr:
    """Of a burst as many run as the engine takes on and memory holds."""
    return Max(1, Min(burst_requests, Min(cache_sequences, max_sequences)))


@equation(
    defines="in_flight",
    source="kwon_2023_vllm",
    example={"cache_sequences": 400, "max_sequences": 256, "gives": 256},
)
def in_flight_queued(cache_sequences: Expr, max_sequences: Expr) -> Expr:
    """With a queue that is never empty the replica is always full."""
    return Max(1, Min(cache_sequences, max_sequences))


@equation(
    defines="in_flight",
    source="little_1961_queueing",
    example={
        "arrival_rate": 2,
        "prefill_request_seconds": 0.1,
        "output_tokens": 100,
        "tokens_per_step": 1,
        "sequence_step_seconds": 0.001,
        "full_pass_seconds": 0.012,
        "test_requests": 12,
        "cache_sequences": 50,
        "max_sequences": 256,
        "gives": 3,
    },
)
def in_flight_rate(
    arrival_rate: Expr,
    prefill_request_seconds: Expr,
    output_tokens: Expr,
    tokens_per_step: Expr,
    sequence_step_seconds: Expr,
    full_pass_seconds: Expr,
    test_requests: Expr,
    cache_sequences: Expr,
    max_sequences: Expr,
) -> Expr:
    """By Little's law arrivals times stay; the stay grows with those in flight. A test holds no more than it sends."""
    steps = arrival_rate * output_tokens / tokens_per_step
    idle = Max(1 - arrival_rate * prefill_request_seconds - steps * sequence_step_seconds, 0)
    return Max(
        1, Min(1 / (idle / (steps * full_pass_seconds) + 1 / test_requests), Min(cache_sequences, max_sequences))
    )


@equation(
    source="agrawal_2024_sarathi",
    example={
        "in_flight": 25,
        "chunk_budget_tokens": 2000,
        "output_tokens": 100,
        "tokens_per_step": 1,
        "computed_input_tokens": 20_000,
        "gives": 10,
    },
)
def decoding_sequences(
    in_flight: Expr, chunk_budget_tokens: Expr, output_tokens: Expr, tokens_per_step: Expr, computed_input_tokens: Expr
) -> Expr:
    """In balance a step takes on as many prompts as answers end in it, so long prompts keep places from decoding."""
    return Max(1, Min(in_flight, chunk_budget_tokens * (output_tokens / tokens_per_step) / computed_input_tokens))


@equation(
    defines="decoding_sequences",
    source="huang_2018_gpipe",
    example={"batch": 32, "pipeline_parallel": 2, "beams": 1, "gives": 64},
)
def decoding_sequences_steady(batch: Expr, pipeline_parallel: Expr, beams: Expr) -> Expr:
    """Every stage has a batch of its own in work."""
    return batch * pipeline_parallel / beams


@equation(source="little_1961_queueing", example={"decoding_sequences": 64, "gives": 64})
def concurrency(decoding_sequences: Expr) -> Expr:
    """A steady batch is kept full: as many requests are in flight as there are places."""
    return decoding_sequences


@equation(
    source="huang_2018_gpipe", example={"decoding_sequences": 64, "beams": 1, "pipeline_parallel": 2, "gives": 32}
)
def batch(decoding_sequences: Expr, beams: Expr, pipeline_parallel: Expr) -> Expr:
    """The sequences are divided among the stages, each of which works on its own part."""
    return Max(1, decoding_sequences * beams / pipeline_parallel)


# --- throughput ------------------------------------------------------------------------------------------------------


@equation(
    source="agrawal_2024_sarathi",
    example={
        "step_seconds": 0.02,
        "tokens_per_step": 1,
        "decoding_sequences": 32,
        "output_tokens": 500,
        "prefill_request_seconds": 0.14,
        "pipeline_wave": 1,
        "gives": 0.02896,
    },
)
def token_cycle_seconds(
    step_seconds: Expr,
    tokens_per_step: Expr,
    decoding_sequences: Expr,
    output_tokens: Expr,
    prefill_request_seconds: Expr,
    pipeline_wave: Expr,
) -> Expr:
    """In a steady state as many prompts arrive as answers end, and every sequence waits while they are processed."""
    return step_seconds / tokens_per_step + decoding_sequences / output_tokens * prefill_request_seconds / pipeline_wave


@equation(
    defines="token_cycle_seconds",
    source="zhu_2024_nanoflow",
    example={
        "step_seconds": 0.02,
        "tokens_per_step": 1,
        "decoding_sequences": 32,
        "output_tokens": 500,
        "prefill_request_seconds": 0.14,
        "pipeline_wave": 1,
        "weight_read_seconds": 0.007,
        "batch": 32,
        "cache_seconds_per_sequence": 0.0001,
        "arithmetic_seconds_per_sequence": 0.0002,
        "overlap_share": 0.5,
        "gives": 0.02386,
    },
)
def token_cycle_seconds_overlapped(
    step_seconds: Expr,
    tokens_per_step: Expr,
    decoding_sequences: Expr,
    output_tokens: Expr,
    prefill_request_seconds: Expr,
    pipeline_wave: Expr,
    weight_read_seconds: Expr,
    batch: Expr,
    cache_seconds_per_sequence: Expr,
    arithmetic_seconds_per_sequence: Expr,
    overlap_share: Expr,
) -> Expr:
    """A queue that is never empty gives every step prompts, whose arithmetic runs partly while memory is read."""
    prompts = decoding_sequences / output_tokens * prefill_request_seconds / pipeline_wave
    read = (weight_read_seconds + batch * cache_seconds_per_sequence) / tokens_per_step
    computed = batch * arithmetic_seconds_per_sequence / tokens_per_step + prompts
    return step_seconds / tokens_per_step + prompts - overlap_share * Min(read, computed)


@equation(
    source="agrawal_2024_sarathi",
    example={
        "output_tokens": 500,
        "token_cycle_seconds": 0.03,
        "pipeline_bubble_share": 0.1,
        "pipeline_wave": 3,
        "request_overhead_seconds": 0.5,
        "gives": 18.5,
    },
)
def request_seconds(
    output_tokens: Expr,
    token_cycle_seconds: Expr,
    pipeline_bubble_share: Expr,
    pipeline_wave: Expr,
    request_overhead_seconds: Expr,
) -> Expr:
    """All tokens of an answer, slower with every stage that must be kept busy, and what a request takes by itself."""
    bubbles = 1 + pipeline_bubble_share * (pipeline_wave - 1)
    return output_tokens * token_cycle_seconds * bubbles + request_overhead_seconds


@equation(
    defines="request_seconds",
    source="agrawal_2024_sarathi",
    example={
        "output_tokens": 500,
        "token_cycle_seconds": 0.03,
        "pipeline_bubble_share": 0.1,
        "pipeline_wave": 3,
        "gives": 18,
    },
)
def request_seconds_queued(
    output_tokens: Expr, token_cycle_seconds: Expr, pipeline_bubble_share: Expr, pipeline_wave: Expr
) -> Expr:
    """The next request is ready before a place falls free."""
    return output_tokens * token_cycle_seconds * (1 + pipeline_bubble_share * (pipeline_wave - 1))


@equation(
    defines="request_seconds",
    source="kwon_2023_vllm",
    example={
        "output_tokens": 500,
        "token_cycle_seconds": 0.03,
        "pipeline_bubble_share": 0.1,
        "pipeline_wave": 3,
        "burst_time_factor": 1.5,
        "gives": 27,
    },
)
def request_seconds_burst(
    output_tokens: Expr,
    token_cycle_seconds: Expr,
    pipeline_bubble_share: Expr,
    pipeline_wave: Expr,
    burst_time_factor: Expr,
) -> Expr:
    """A burst begins with prompts only and ends with few answers left, so that it takes longer than a steady state."""
    bubbles = 1 + pipeline_bubble_share * (pipeline_wave - 1)
    return output_tokens * token_cycle_seconds * bubbles * burst_time_factor


@equation(
    defines="request_seconds",
    source="reddi_2019_mlperf",
    example={
        "output_tokens": 500,
        "token_cycle_seconds": 0.03,
        "pipeline_bubble_share": 0.1,
        "pipeline_wave": 3,
        "server_time_factor": 1.5,
        "gives": 27,
    },
)
def request_seconds_server(
    output_tokens: Expr,
    token_cycle_seconds: Expr,
    pipeline_bubble_share: Expr,
    pipeline_wave: Expr,
    server_time_factor: Expr,
) -> Expr:
    """MLPerf's Server scenario limits latency, which costs throughput against Offline."""
    bubbles = 1 + pipeline_bubble_share * (pipeline_wave - 1)
    return output_tokens * token_cycle_seconds * bubbles * server_time_factor


@equation(
    defines="request_seconds",
    source="reddi_2019_mlperf",
    example={
        "output_tokens": 500,
        "token_cycle_seconds": 0.03,
        "pipeline_bubble_share": 0.1,
        "pipeline_wave": 3,
        "interactive_time_factor": 1.5,
        "gives": 27,
    },
)
def request_seconds_interactive(
    output_tokens: Expr,
    token_cycle_seconds: Expr,
    pipeline_bubble_share: Expr,
    pipeline_wave: Expr,
    interactive_time_factor: Expr,
) -> Expr:
    """MLPerf's Interactive scenario limits latency further."""
    bubbles = 1 + pipeline_bubble_share * (pipeline_wave - 1)
    return output_tokens * token_cycle_seconds * bubbles * interactive_time_factor


@equation(
    source="agrawal_2024_sarathi",
    example={
        "throughput_error_factor": 1,
        "decoding_sequences": 32,
        "output_tokens": 500,
        "request_seconds": 16,
        "gives": 1000,
    },
)
def replica_output_tokens_per_second(
    throughput_error_factor: Expr, decoding_sequences: Expr, output_tokens: Expr, request_seconds: Expr
) -> Expr:
    """Every place in the batch delivers an answer in that time."""
    return throughput_error_factor * decoding_sequences * output_tokens / request_seconds


@equation(
    source="little_1961_queueing",
    example={
        "output_tokens": 100,
        "tokens_per_step": 1,
        "full_pass_seconds": 0.012,
        "cache_sequences": 12,
        "max_sequences": 256,
        "sequence_step_seconds": 0.001,
        "prefill_request_seconds": 0.3,
        "gives": 2,
    },
)
def requests_per_second_limit(
    output_tokens: Expr,
    tokens_per_step: Expr,
    full_pass_seconds: Expr,
    cache_sequences: Expr,
    max_sequences: Expr,
    sequence_step_seconds: Expr,
    prefill_request_seconds: Expr,
) -> Expr:
    """With every place taken a request costs its prompt, its own part of its steps, and its share of what all share."""
    step = full_pass_seconds / Min(cache_sequences, max_sequences) + sequence_step_seconds
    return 1 / (output_tokens / tokens_per_step * step + prefill_request_seconds)


@equation(
    defines="replica_output_tokens_per_second",
    source="little_1961_queueing",
    example={
        "throughput_error_factor": 1,
        "test_requests": 400,
        "output_tokens": 100,
        "arrival_rate": 4,
        "request_seconds": 25,
        "requests_per_second_limit": 2,
        "gives": 200,
    },
)
def replica_output_tokens_per_second_rate(
    throughput_error_factor: Expr,
    test_requests: Expr,
    output_tokens: Expr,
    arrival_rate: Expr,
    request_seconds: Expr,
    requests_per_second_limit: Expr,
) -> Expr:
    """A test lasts until its last request has come and is answered, or until the replica is through with all."""
    lasts = Max(test_requests / arrival_rate + request_seconds, test_requests / requests_per_second_limit)
    return throughput_error_factor * test_requests * output_tokens / lasts


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


@equation(source="agrawal_2024_sarathi", example={"replica_output_tokens_per_second": 1000, "n_gpus": 4, "gives": 250})
def gpu_output_tokens_per_second(replica_output_tokens_per_second: Expr, n_gpus: Expr) -> Expr:
    """What the number of GPUs does not change is compared per GPU."""
    return replica_output_tokens_per_second / n_gpus


@equation(
    source="agrawal_2024_sarathi", example={"replica_output_tokens_per_second": 1000, "replicas": 3, "gives": 3000}
)
def deployment_output_tokens_per_second(replica_output_tokens_per_second: Expr, replicas: Expr) -> Expr:
    """Replicas do not slow each other down."""
    return replica_output_tokens_per_second * replicas


@equation(source="agrawal_2024_sarathi", example={"replica_tokens_per_second": 5000, "replicas": 3, "gives": 15_000})
def deployment_tokens_per_second(replica_tokens_per_second: Expr, replicas: Expr) -> Expr:
    """Input and output together."""
    return replica_tokens_per_second * replicas


@equation(source="agrawal_2024_sarathi", example={"prompt_tokens_per_second": 16_000, "replicas": 3, "gives": 48_000})
def deployment_prompt_tokens_per_second(prompt_tokens_per_second: Expr, replicas: Expr) -> Expr:
    """The same for prompts alone."""
    return prompt_tokens_per_second * replicas


@equation(source="pope_2022_efficiently", example={"output_token_seconds": 0.02, "gives": 50})
def user_tokens_per_second(output_token_seconds: Expr) -> Expr:
    """What one user sees."""
    return 1 / output_token_seconds


@equation(
    source="pope_2022_efficiently",
    example={"decoding_sequences": 32, "output_token_seconds": 0.02, "replicas": 3, "gives": 4800},
)
def decoding_tokens_per_second(decoding_sequences: Expr, output_token_seconds: Expr, replicas: Expr) -> Expr:
    """What all users see together while their answers come."""
    return decoding_sequences / output_token_seconds * replicas


# --- latency ---------------------------------------------------------------------------------------------------------


@equation(
    source="agrawal_2024_sarathi",
    example={
        "step_seconds": 0.02,
        "tokens_per_step": 1,
        "decoding_sequences": 33,
        "output_tokens": 500,
        "prefill_request_seconds": 0.14,
        "pipeline_wave": 1,
        "interference_share": 1,
        "gives": 0.02896,
    },
)
def output_token_seconds(
    step_seconds: Expr,
    tokens_per_step: Expr,
    decoding_sequences: Expr,
    output_tokens: Expr,
    prefill_request_seconds: Expr,
    pipeline_wave: Expr,
    interference_share: Expr,
) -> Expr:
    """A sequence waits for its step and for the prompts of the others; a median contains only a part of the latter."""
    others = Max(decoding_sequences - 1, 0) / output_tokens * prefill_request_seconds / pipeline_wave
    return step_seconds / tokens_per_step + others * interference_share


@equation(
    source="kwon_2023_vllm",
    example={
        "weight_read_seconds": 0.0125,
        "fixed_step_seconds": 0.0035,
        "sequence_step_seconds": 0.0005,
        "step_seconds": 0.032,
        "burst_requests": 32,
        "in_flight": 32,
        "decoding_sequences": 32,
        "output_tokens": 500,
        "tokens_per_step": 1,
        "prefill_request_seconds": 0.5,
        "beams": 1,
        "pipeline_parallel": 1,
        "gives": 0.024,
    },
)
def burst_step_seconds(
    weight_read_seconds: Expr,
    fixed_step_seconds: Expr,
    sequence_step_seconds: Expr,
    step_seconds: Expr,
    burst_requests: Expr,
    in_flight: Expr,
    decoding_sequences: Expr,
    output_tokens: Expr,
    tokens_per_step: Expr,
    prefill_request_seconds: Expr,
    beams: Expr,
    pipeline_parallel: Expr,
) -> Expr:
    """A burst that fits at once starts sequence by sequence, so that fewer decode on average."""
    decode = output_tokens / tokens_per_step * step_seconds
    ramped = Min(decoding_sequences, in_flight * decode / (in_flight * prefill_request_seconds + decode))
    working = Max(1, Piecewise((ramped, burst_requests <= in_flight), (decoding_sequences, True)))
    return weight_read_seconds + fixed_step_seconds + working * beams / pipeline_parallel * sequence_step_seconds


@equation(
    defines="output_token_seconds",
    source="kwon_2023_vllm",
    example={
        "burst_step_seconds": 0.02,
        "tokens_per_step": 1,
        "decoding_sequences": 33,
        "output_tokens": 500,
        "prefill_request_seconds": 0.14,
        "pipeline_wave": 1,
        "interference_share": 1,
        "in_flight": 33,
        "burst_requests": 33,
        "burst_token_factor": 2,
        "gives": 0.04896,
    },
)
def output_token_seconds_burst(
    burst_step_seconds: Expr,
    tokens_per_step: Expr,
    decoding_sequences: Expr,
    output_tokens: Expr,
    prefill_request_seconds: Expr,
    pipeline_wave: Expr,
    interference_share: Expr,
    in_flight: Expr,
    burst_requests: Expr,
    burst_token_factor: Expr,
) -> Expr:
    """Of a burst that fits at once half of the prompts come before a sequence's own first token, and delay that."""
    others = Max(decoding_sequences - 1, 0) / output_tokens * prefill_request_seconds / pipeline_wave
    after = 1 - in_flight / (2 * burst_requests)
    return burst_token_factor * (burst_step_seconds / tokens_per_step + others * interference_share * after)


@equation(
    source="agrawal_2024_sarathi",
    example={
        "request_overhead_seconds": 0.01,
        "first_prefill_seconds": 0.2,
        "in_flight": 11,
        "queue_share": 0.5,
        "prefill_request_seconds": 0.1,
        "step_seconds": 0.02,
        "concurrency": 22,
        "decoding_sequences": 11,
        "request_seconds": 5,
        "output_tokens": 100,
        "token_cycle_seconds": 0.04,
        "gives": 5.62,
    },
)
def time_to_first_token(
    request_overhead_seconds: Expr,
    first_prefill_seconds: Expr,
    in_flight: Expr,
    queue_share: Expr,
    prefill_request_seconds: Expr,
    step_seconds: Expr,
    concurrency: Expr,
    decoding_sequences: Expr,
    request_seconds: Expr,
    output_tokens: Expr,
    token_cycle_seconds: Expr,
) -> Expr:
    """The own prompt, a part of the others', half a step, and by Little's law the wait of requests that do not fit."""
    others = (in_flight - 1) * prefill_request_seconds * queue_share + Min(in_flight - 1, 1) * step_seconds / 2
    stay = output_tokens * token_cycle_seconds + in_flight * prefill_request_seconds
    waiting = Max(concurrency / decoding_sequences * request_seconds - stay, 0)
    return request_overhead_seconds + first_prefill_seconds + others + waiting


@equation(
    defines="time_to_first_token",
    source="kwon_2023_vllm",
    example={
        "request_overhead_seconds": 0.01,
        "first_prefill_seconds": 0.2,
        "burst_requests": 100,
        "prefill_request_seconds": 0.1,
        "decoding_sequences": 50,
        "request_seconds": 20,
        "output_tokens": 100,
        "output_token_seconds": 0.1,
        "gives": 10.21,
    },
)
def time_to_first_token_burst(
    request_overhead_seconds: Expr,
    first_prefill_seconds: Expr,
    burst_requests: Expr,
    prefill_request_seconds: Expr,
    decoding_sequences: Expr,
    request_seconds: Expr,
    output_tokens: Expr,
    output_token_seconds: Expr,
) -> Expr:
    """The request in the middle waits for the prompts of half of the burst, or for places if they do not fit."""
    half = burst_requests / 2
    places = half * request_seconds / decoding_sequences - output_tokens * output_token_seconds
    prompts = Max((half - 1) * prefill_request_seconds, 0)
    return request_overhead_seconds + first_prefill_seconds + Max(prompts, places)


@equation(
    defines="time_to_first_token",
    source="little_1961_queueing",
    example={
        "request_overhead_seconds": 0.01,
        "first_prefill_seconds": 0.2,
        "step_seconds": 0.02,
        "arrival_rate": 2,
        "prefill_request_seconds": 0.1,
        "gives": 0.24,
    },
)
def time_to_first_token_rate(
    request_overhead_seconds: Expr,
    first_prefill_seconds: Expr,
    step_seconds: Expr,
    arrival_rate: Expr,
    prefill_request_seconds: Expr,
) -> Expr:
    """Half a step, and another prompt as often as one is being processed: true while requests do not pile up."""
    busy = Min(arrival_rate * prefill_request_seconds, 1) * prefill_request_seconds
    return request_overhead_seconds + first_prefill_seconds + step_seconds / 2 + busy


@equation(
    source="leviathan_2022_speculative",
    example={"output_token_seconds": 0.01, "tokens_per_step": 2.5, "gives": 0.025},
)
def inter_token_seconds(output_token_seconds: Expr, tokens_per_step: Expr) -> Expr:
    """A step delivers its tokens together."""
    return output_token_seconds * tokens_per_step


@equation(
    source="agrawal_2024_sarathi",
    example={
        "time_to_first_token": 0.5,
        "output_tokens": 101,
        "output_token_seconds": 0.02,
        "gives": 2.5,
    },
)
def answer_seconds(
    time_to_first_token: Expr, output_tokens: Expr, output_token_seconds: Expr, tokens_per_step_plain: Expr
) -> Expr:
    """The first token, and the others one after the other."""
    return time_to_first_token + (output_tokens - tokens_per_step_plain) * output_token_seconds


# --- GPU time --------------------------------------------------------------------------------------------------------


@equation(
    source="pope_2022_efficiently",
    example={"n_gpus": 4, "step_seconds": 0.02, "decoding_sequences": 32, "tokens_per_step": 1, "gives": 0.0025},
)
def gpu_seconds_per_output_token(
    n_gpus: Expr, step_seconds: Expr, decoding_sequences: Expr, tokens_per_step: Expr
) -> Expr:
    """The step is shared by the sequences of the batch."""
    return n_gpus * step_seconds / (decoding_sequences * tokens_per_step)


@equation(
    source="pope_2022_efficiently",
    example={
        "n_gpus": 4,
        "prefill_request_seconds": 0.14,
        "pipeline_wave": 1,
        "input_tokens": 2000,
        "gives": 0.00028,
    },
)
def gpu_seconds_per_input_token(
    n_gpus: Expr, prefill_request_seconds: Expr, pipeline_wave: Expr, input_tokens: Expr
) -> Expr:
    """The prompt's tokens share its pass, those found in the cache included."""
    return n_gpus * prefill_request_seconds / (pipeline_wave * input_tokens)


@equation(
    source="pope_2022_efficiently",
    example={"gpu_seconds_per_output_token": 0.0025, "gpu_seconds_per_input_token": 0.0005, "gives": 5},
)
def output_token_weight(gpu_seconds_per_output_token: Expr, gpu_seconds_per_input_token: Expr) -> Expr:
    """How many input tokens an output token is worth on the same GPUs."""
    return gpu_seconds_per_output_token / gpu_seconds_per_input_token


_COMMON = (
    cache_sequences, replica_tokens_per_second, gpu_output_tokens_per_second, deployment_output_tokens_per_second,
    deployment_tokens_per_second, deployment_prompt_tokens_per_second, user_tokens_per_second,
    decoding_tokens_per_second, inter_token_seconds, gpu_seconds_per_output_token, gpu_seconds_per_input_token,
    output_token_weight,
)  # fmt: skip
_QUEUED = (
    in_flight_queued, decoding_sequences, batch, token_cycle_seconds_overlapped, replica_output_tokens_per_second,
    output_token_seconds,
)  # fmt: skip
_OF_LOAD: dict[str, tuple[Equation, ...]] = {
    "steady": (
        decoding_sequences_steady, concurrency, in_flight, token_cycle_seconds, request_seconds_queued,
        replica_output_tokens_per_second, output_token_seconds, time_to_first_token,
    ),
    "batch": (
        in_flight, decoding_sequences, batch, token_cycle_seconds, request_seconds, replica_output_tokens_per_second,
        output_token_seconds, time_to_first_token,
    ),
    "burst": (
        in_flight_burst, decoding_sequences, batch, token_cycle_seconds, request_seconds_burst,
        replica_output_tokens_per_second, burst_step_seconds, output_token_seconds_burst, time_to_first_token_burst,
    ),
    "rate": (
        in_flight_rate, decoding_sequences, batch, token_cycle_seconds, request_seconds_queued,
        requests_per_second_limit, replica_output_tokens_per_second_rate, output_token_seconds,
        time_to_first_token_rate,
    ),
    "max": (*_QUEUED, request_seconds_queued),
    "offline": (*_QUEUED, request_seconds_queued),
    "server": (*_QUEUED, request_seconds_server),
    "interactive": (*_QUEUED, request_seconds_interactive),
}  # fmt: skip


def equations_for(load: str, *, windows: bool, free_memory: bool) -> tuple[Equation, ...]:
    """The equations of one of `LOADS`, for a model with window layers, or an engine that fills free memory."""
    latency = () if load in QUEUED else (answer_seconds,)
    return (
        *_COMMON,
        *latency,
        full_layer_tokens_window if windows else full_layer_tokens,
        cache_room_bytes_of_free if free_memory else cache_room_bytes,
        *_OF_LOAD[load],
    )

"""The roofline: what arithmetic and memory traffic alone allow. No real deployment is faster than these bounds.

Decode reads all weights once per step for the whole batch, and each sequence's own cache; prefill works on whole
prompts at once. The bounds assume perfect overlap (`decode_seconds`) or none (`decode_serial_seconds`), full peaks,
and nothing else that takes time: no kernel launches, no communication between GPUs, no scheduling.
"""

from sympy import Piecewise, oo

from costlib.equations import Equation, Expr, Max, Min, equation

# --- arithmetic per token --------------------------------------------------------------------------------------------


@equation(
    source="narayanan_2021_megatron",
    example={"n_heads": 64, "head_dim": 128, "gives": 32_768},
)
def prefill_flops_per_pair(flops_per_attended_number: Expr, n_heads: Expr, head_dim: Expr) -> Expr:
    """Each head multiplies a query with a key, and a weight with a value: two products as long as the head."""
    return flops_per_attended_number * n_heads * (head_dim + head_dim)


@equation(
    defines="prefill_flops_per_pair",
    source="deepseek_2024_v2",
    example={"n_heads": 128, "nope_head_dim": 128, "rope_head_dim": 64, "value_head_dim": 128, "gives": 81_920},
)
def prefill_flops_per_pair_latent(
    flops_per_attended_number: Expr, n_heads: Expr, nope_head_dim: Expr, rope_head_dim: Expr, value_head_dim: Expr
) -> Expr:
    """In prefill latent attention expands keys and values and then works like any other."""
    return flops_per_attended_number * n_heads * (nope_head_dim + rope_head_dim + value_head_dim)


@equation(source="narayanan_2021_megatron", example={"prefill_flops_per_pair": 32_768, "gives": 32_768})
def decode_flops_per_pair(prefill_flops_per_pair: Expr) -> Expr:
    """A new token attends to a cached one with the same arithmetic as in prefill."""
    return prefill_flops_per_pair


@equation(
    defines="decode_flops_per_pair",
    source="deepseek_2024_v2",
    example={"n_heads": 128, "kv_latent_dim": 512, "rope_head_dim": 64, "gives": 278_528},
)
def decode_flops_per_pair_latent(
    flops_per_attended_number: Expr, n_heads: Expr, kv_latent_dim: Expr, rope_head_dim: Expr
) -> Expr:
    """In decode latent attention works on the compressed cache itself: less to read, more to multiply."""
    return flops_per_attended_number * n_heads * ((kv_latent_dim + rope_head_dim) + kv_latent_dim)


@equation(
    source="kaplan_2020_scaling",
    example={"layer_parameters": 68_452_360_192, "table_parameters": 1_050_673_152, "gives": 139_006_066_688},
)
def linear_flops_per_token(flops_per_weight: Expr, layer_parameters: Expr, table_parameters: Expr) -> Expr:
    """Each weight of layers and output table multiplies and adds once; the input table is only looked up in."""
    return flops_per_weight * (layer_parameters + table_parameters)


@equation(
    source="narayanan_2021_megatron",
    example={
        "linear_flops_per_token": 139e9,
        "decode_flops_per_pair": 32_768,
        "cached_layer_tokens": 200_000,
        "gives": 145_553_600_000,
    },
)
def decode_flops_per_token(
    linear_flops_per_token: Expr, decode_flops_per_pair: Expr, cached_layer_tokens: Expr
) -> Expr:
    """The new token passes through the weights, and attends to every cached token."""
    return linear_flops_per_token + decode_flops_per_pair * cached_layer_tokens


@equation(source="narayanan_2021_megatron", example={"n_layers": 80, "input_tokens": 2000, "gives": 80_000})
def prefill_layer_tokens(n_layers: Expr, input_tokens: Expr) -> Expr:
    """A prompt token attends to those before it: on average to half of the prompt."""
    return n_layers * input_tokens / 2


@equation(
    defines="prefill_layer_tokens",
    source="jiang_2023_mistral",
    example={
        "full_attention_layers": 18,
        "window_layers": 18,
        "input_tokens": 2000,
        "window_tokens": 128,
        "gives": 20_230.272,
    },
)
def prefill_layer_tokens_window(
    full_attention_layers: Expr, window_layers: Expr, input_tokens: Expr, window_tokens: Expr
) -> Expr:
    """In a window layer a prompt token attends to the window at most; the first tokens have less before them."""
    attended = Min(input_tokens, window_tokens)
    return full_attention_layers * input_tokens / 2 + window_layers * attended * (1 - attended / (2 * input_tokens))


@equation(
    source="narayanan_2021_megatron",
    example={
        "layer_parameters": 68_452_360_192,
        "prefill_flops_per_pair": 32_768,
        "prefill_layer_tokens": 80_000,
        "gives": 139_526_160_384,
    },
)
def prefill_flops_per_token(
    flops_per_weight: Expr, layer_parameters: Expr, prefill_flops_per_pair: Expr, prefill_layer_tokens: Expr
) -> Expr:
    """A prompt token passes through the layers and attends backwards; only the last one needs the output table."""
    return flops_per_weight * layer_parameters + prefill_flops_per_pair * prefill_layer_tokens


# --- weights read ----------------------------------------------------------------------------------------------------


@equation(source="pope_2022_efficiently", example={"layer_parameters": 68_452_360_192, "gives": 68_452_360_192})
def decode_read_parameters(layer_parameters: Expr) -> Expr:
    """A step reads the layers once, for however many sequences."""
    return layer_parameters


@equation(
    source="fedus_2022_switch",
    example={"n_experts": 8, "experts_per_token": 2, "batch": 2, "tokens_per_step": 1, "gives": 3.5},
)
def covered_experts(
    n_experts: Expr, experts_per_token: Expr, router_draws: Expr, batch: Expr, tokens_per_step: Expr
) -> Expr:
    """Experts that some token of the step needs, if routers choose evenly: the more sequences, the more experts."""
    return n_experts * (1 - (1 - experts_per_token / n_experts) ** (router_draws * batch * tokens_per_step))


@equation(
    source="fedus_2022_switch",
    example={"n_experts": 8, "experts_per_token": 2, "batch": 1, "input_tokens": 3, "gives": 4.625},
)
def prefill_covered_experts(
    n_experts: Expr, experts_per_token: Expr, router_draws: Expr, batch: Expr, input_tokens: Expr
) -> Expr:
    """The same for the tokens of the prompts: a prompt of some length needs nearly every expert."""
    return n_experts * (1 - (1 - experts_per_token / n_experts) ** (router_draws * batch * input_tokens))


@equation(
    defines="decode_read_parameters",
    source="fedus_2022_switch",
    example={
        "layer_parameters": 12_617_781_248,
        "moe_ffn_layers": 32,
        "covered_experts": 3.5,
        "experts_per_token": 2,
        "expert_parameters": 176_160_768,
        "gives": 21_073_498_112,
    },
)
def decode_read_parameters_moe(
    layer_parameters: Expr,
    moe_ffn_layers: Expr,
    covered_experts: Expr,
    experts_per_token: Expr,
    expert_parameters: Expr,
) -> Expr:
    """A step reads every expert that some sequence was sent to."""
    return layer_parameters + moe_ffn_layers * (covered_experts - experts_per_token) * expert_parameters


@equation(source="pope_2022_efficiently", example={"layer_parameters": 68_452_360_192, "gives": 68_452_360_192})
def prefill_read_parameters(layer_parameters: Expr) -> Expr:
    """Prefill reads the layers once for all prompts of the batch."""
    return layer_parameters


@equation(
    defines="prefill_read_parameters",
    source="fedus_2022_switch",
    example={
        "layer_parameters": 12_617_781_248,
        "moe_ffn_layers": 32,
        "prefill_covered_experts": 8,
        "experts_per_token": 2,
        "expert_parameters": 176_160_768,
        "gives": 46_440_648_704,
    },
)
def prefill_read_parameters_moe(
    layer_parameters: Expr,
    moe_ffn_layers: Expr,
    prefill_covered_experts: Expr,
    experts_per_token: Expr,
    expert_parameters: Expr,
) -> Expr:
    """Prefill reads every expert that some prompt token was sent to."""
    return layer_parameters + moe_ffn_layers * (prefill_covered_experts - experts_per_token) * expert_parameters


@equation(
    source="pope_2022_efficiently",
    example={
        "total_parameters": 70_553_706_496,
        "embedding_tables": 2,
        "table_parameters": 1_050_673_152,
        "gives": 68_452_360_192,
    },
)
def swept_parameters(total_parameters: Expr, embedding_tables: Expr, table_parameters: Expr) -> Expr:
    """A step of many sequences reads the layers with all their experts."""
    return total_parameters - embedding_tables * table_parameters


# --- decode ----------------------------------------------------------------------------------------------------------


@equation(
    source="pope_2022_efficiently",
    example={"batch": 32, "tokens_per_step": 1, "decode_flops_per_token": 145e9, "gives": 4.64e12},
)
def decode_flops(batch: Expr, tokens_per_step: Expr, decode_flops_per_token: Expr) -> Expr:
    """Every sequence of the batch gets its own arithmetic."""
    return batch * tokens_per_step * decode_flops_per_token


@equation(
    source="pope_2022_efficiently",
    example={
        "decode_read_parameters": 69e9,
        "bytes_per_parameter": 2,
        "table_parameters": 1e9,
        "table_bytes_per_parameter": 2,
        "batch": 32,
        "kv_bytes_per_sequence": 0.8e9,
        "gives": 165.6e9,
    },
)
def decode_bytes(
    decode_read_parameters: Expr,
    bytes_per_parameter: Expr,
    table_parameters: Expr,
    table_bytes_per_parameter: Expr,
    batch: Expr,
    kv_bytes_per_sequence: Expr,
) -> Expr:
    """Layers and output table are read once for all; the cache of each sequence is read for it alone."""
    return (
        decode_read_parameters * bytes_per_parameter
        + table_parameters * table_bytes_per_parameter
        + batch * kv_bytes_per_sequence
    )


@equation(
    source="williams_2009_roofline",
    example={"decode_flops": 4.64e12, "n_gpus": 2, "peak_flops_per_second": 1e15, "gives": 0.00232},
)
def decode_compute_seconds(decode_flops: Expr, n_gpus: Expr, peak_flops_per_second: Expr) -> Expr:
    """The GPUs share the arithmetic evenly and run at their peak."""
    return decode_flops / (n_gpus * peak_flops_per_second)


@equation(
    source="williams_2009_roofline",
    example={"decode_bytes": 160e9, "n_gpus": 2, "memory_bytes_per_second": 4e12, "gives": 0.02},
)
def decode_memory_seconds(decode_bytes: Expr, n_gpus: Expr, memory_bytes_per_second: Expr) -> Expr:
    """Each GPU reads its own part of the weights and of the cache at full bandwidth."""
    return decode_bytes / (n_gpus * memory_bytes_per_second)


@equation(
    source="williams_2009_roofline",
    example={"decode_compute_seconds": 0.00232, "decode_memory_seconds": 0.02, "gives": 0.02},
)
def decode_seconds(decode_compute_seconds: Expr, decode_memory_seconds: Expr) -> Expr:
    """Arithmetic and memory traffic overlap, so the slower one sets the pace."""
    return Max(decode_compute_seconds, decode_memory_seconds)


@equation(
    source="scaling_book_2025",
    example={"decode_compute_seconds": 0.00232, "decode_memory_seconds": 0.02, "gives": 0.02232},
)
def decode_serial_seconds(decode_compute_seconds: Expr, decode_memory_seconds: Expr) -> Expr:
    """Without any overlap the two times add up: at most twice the other bound."""
    return decode_compute_seconds + decode_memory_seconds


@equation(
    source="pope_2022_efficiently", example={"batch": 32, "tokens_per_step": 1, "decode_seconds": 0.02, "gives": 1600}
)
def decode_tokens_per_second(batch: Expr, tokens_per_step: Expr, decode_seconds: Expr) -> Expr:
    """Every sequence gains its tokens in each step."""
    return batch * tokens_per_step / decode_seconds


@equation(
    source="scaling_book_2025",
    example={"batch": 32, "tokens_per_step": 1, "decode_serial_seconds": 0.02232, "gives": 1433.6917562724015},
)
def decode_serial_tokens_per_second(batch: Expr, tokens_per_step: Expr, decode_serial_seconds: Expr) -> Expr:
    """The same if nothing overlaps."""
    return batch * tokens_per_step / decode_serial_seconds


@equation(source="williams_2009_roofline", example={"decode_flops": 4.64e12, "decode_bytes": 160e9, "gives": 29})
def decode_intensity(decode_flops: Expr, decode_bytes: Expr) -> Expr:
    """A larger batch does more arithmetic with the same weights."""
    return decode_flops / decode_bytes


# --- prefill ---------------------------------------------------------------------------------------------------------


@equation(
    source="pope_2022_efficiently",
    example={"batch": 2, "input_tokens": 2000, "prefill_flops_per_token": 140e9, "gives": 560e12},
)
def prefill_flops(batch: Expr, input_tokens: Expr, prefill_flops_per_token: Expr) -> Expr:
    """All tokens of all prompts."""
    return batch * input_tokens * prefill_flops_per_token


@equation(
    source="pope_2022_efficiently",
    example={
        "prefill_read_parameters": 70e9,
        "bytes_per_parameter": 2,
        "batch": 2,
        "input_tokens": 2000,
        "kv_bytes_per_token": 327_680,
        "gives": 141.31072e9,
    },
)
def prefill_bytes(
    prefill_read_parameters: Expr, bytes_per_parameter: Expr, batch: Expr, input_tokens: Expr, kv_bytes_per_token: Expr
) -> Expr:
    """The weights are read once, and the cache of every prompt token is written."""
    return prefill_read_parameters * bytes_per_parameter + batch * input_tokens * kv_bytes_per_token


@equation(
    source="williams_2009_roofline",
    example={"prefill_flops": 560e12, "n_gpus": 2, "peak_flops_per_second": 1e15, "gives": 0.28},
)
def prefill_compute_seconds(prefill_flops: Expr, n_gpus: Expr, peak_flops_per_second: Expr) -> Expr:
    """The GPUs share the arithmetic evenly and run at their peak."""
    return prefill_flops / (n_gpus * peak_flops_per_second)


@equation(
    source="williams_2009_roofline",
    example={"prefill_bytes": 160e9, "n_gpus": 2, "memory_bytes_per_second": 4e12, "gives": 0.02},
)
def prefill_memory_seconds(prefill_bytes: Expr, n_gpus: Expr, memory_bytes_per_second: Expr) -> Expr:
    """Each GPU moves its own part at full bandwidth."""
    return prefill_bytes / (n_gpus * memory_bytes_per_second)


@equation(
    source="williams_2009_roofline",
    example={"prefill_compute_seconds": 0.28, "prefill_memory_seconds": 0.02, "gives": 0.28},
)
def prefill_seconds(prefill_compute_seconds: Expr, prefill_memory_seconds: Expr) -> Expr:
    """The slower of the two sets the pace."""
    return Max(prefill_compute_seconds, prefill_memory_seconds)


@equation(
    source="scaling_book_2025",
    example={"prefill_compute_seconds": 0.28, "prefill_memory_seconds": 0.02, "gives": 0.30},
)
def prefill_serial_seconds(prefill_compute_seconds: Expr, prefill_memory_seconds: Expr) -> Expr:
    """Without any overlap the two times add up."""
    return prefill_compute_seconds + prefill_memory_seconds


@equation(
    source="pope_2022_efficiently",
    example={"batch": 2, "input_tokens": 2000, "prefill_seconds": 0.25, "gives": 16_000},
)
def prefill_tokens_per_second(batch: Expr, input_tokens: Expr, prefill_seconds: Expr) -> Expr:
    """All prompt tokens of the batch in the time of one pass."""
    return batch * input_tokens / prefill_seconds


@equation(source="williams_2009_roofline", example={"prefill_flops": 560e12, "prefill_bytes": 140e9, "gives": 4000})
def prefill_intensity(prefill_flops: Expr, prefill_bytes: Expr) -> Expr:
    """A prompt does the arithmetic of all its tokens with one reading of the weights."""
    return prefill_flops / prefill_bytes


# --- the roof --------------------------------------------------------------------------------------------------------


@equation(
    source="williams_2009_roofline",
    example={"peak_flops_per_second": 989e12, "memory_bytes_per_second": 3.35e12, "gives": 295.22388059701495},
)
def ridge_flops_per_byte(peak_flops_per_second: Expr, memory_bytes_per_second: Expr) -> Expr:
    """Work with less arithmetic per byte than this waits for memory."""
    return peak_flops_per_second / memory_bytes_per_second


@equation(
    source="williams_2009_roofline",
    example={
        "decode_intensity": 29,
        "memory_bytes_per_second": 3.35e12,
        "peak_flops_per_second": 989e12,
        "gives": 97.15e12,
    },
)
def attainable_flops_per_second(
    decode_intensity: Expr, memory_bytes_per_second: Expr, peak_flops_per_second: Expr
) -> Expr:
    """Memory delivers operands for so much arithmetic, up to the peak."""
    return Min(decode_intensity * memory_bytes_per_second, peak_flops_per_second)


@equation(
    source="scaling_book_2025",
    example={
        "swept_parameters": 69e9,
        "bytes_per_parameter": 2,
        "table_parameters": 1e9,
        "table_bytes_per_parameter": 2,
        "tokens_per_step": 1,
        "decode_flops_per_token": 144e9,
        "ridge_flops_per_byte": 300,
        "kv_bytes_per_sequence": 0.08e9,
        "gives": 350,
    },
)
def compute_bound_batch(
    swept_parameters: Expr,
    bytes_per_parameter: Expr,
    table_parameters: Expr,
    table_bytes_per_parameter: Expr,
    tokens_per_step: Expr,
    decode_flops_per_token: Expr,
    ridge_flops_per_byte: Expr,
    kv_bytes_per_sequence: Expr,
) -> Expr:
    """Each sequence adds arithmetic worth some bytes of reading, less those of its own cache, if any are left."""
    surplus = tokens_per_step * decode_flops_per_token / ridge_flops_per_byte - kv_bytes_per_sequence
    weights = swept_parameters * bytes_per_parameter + table_parameters * table_bytes_per_parameter
    return Piecewise((weights / surplus, surplus > 0), (oo, True))


_COMMON = (
    linear_flops_per_token, decode_flops_per_token, prefill_flops_per_token, swept_parameters, decode_flops,
    decode_bytes, decode_compute_seconds, decode_memory_seconds, decode_seconds, decode_serial_seconds,
    decode_tokens_per_second, decode_serial_tokens_per_second, decode_intensity, prefill_flops, prefill_bytes,
    prefill_compute_seconds, prefill_memory_seconds, prefill_seconds, prefill_serial_seconds,
    prefill_tokens_per_second, prefill_intensity, ridge_flops_per_byte, attainable_flops_per_second,
    compute_bound_batch,
)  # fmt: skip
_DENSE = (decode_read_parameters, prefill_read_parameters)
_EXPERTS = (covered_experts, prefill_covered_experts, decode_read_parameters_moe, prefill_read_parameters_moe)
_LATENT = (prefill_flops_per_pair_latent, decode_flops_per_pair_latent)
_GROUPED = (prefill_flops_per_pair, decode_flops_per_pair)


def equations_for(*, latent: bool, windows: bool, experts: bool) -> tuple[Equation, ...]:
    """The equations of the roofline for a model with latent attention, with window layers, or with experts."""
    return (
        *_COMMON,
        *(_LATENT if latent else _GROUPED),
        prefill_layer_tokens_window if windows else prefill_layer_tokens,
        *(_EXPERTS if experts else _DENSE),
    )

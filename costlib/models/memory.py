"""What a model takes of memory: its weights, counted from its shape, and the cache of the sequences it works on.

Alternatives (dense or mixture of experts; grouped or latent attention; full attention or some window layers) define the
same quantities, so everything that stands on them holds for all. `equations_for` picks the ones that fit a model.
"""

from sympy import ceiling, floor

from costlib.equations import Equation, Expr, Max, Min, equation

# --- weights, counted from the shape ---------------------------------------------------------------------------------


@equation(
    source="ainslie_2023_gqa",
    example={"hidden_dim": 8192, "head_dim": 128, "n_heads": 64, "n_kv_heads": 8, "gives": 150_994_944},
)
def attention_parameters(hidden_dim: Expr, head_dim: Expr, n_heads: Expr, n_kv_heads: Expr) -> Expr:
    """Queries and the output have a matrix per head; keys and values share theirs among a group of heads."""
    return hidden_dim * head_dim * (2 * n_heads + 2 * n_kv_heads)


@equation(
    defines="attention_parameters",
    source="deepseek_2024_v2",
    example={
        "hidden_dim": 7168,
        "query_latent_dim": 1536,
        "kv_latent_dim": 512,
        "rope_head_dim": 64,
        "nope_head_dim": 128,
        "value_head_dim": 128,
        "n_heads": 128,
        "gives": 187_105_280,
    },
)
def attention_parameters_latent(
    hidden_dim: Expr,
    query_latent_dim: Expr,
    kv_latent_dim: Expr,
    rope_head_dim: Expr,
    nope_head_dim: Expr,
    value_head_dim: Expr,
    n_heads: Expr,
) -> Expr:
    """Latent attention compresses queries, and keys with values, and expands them again for each head."""
    return (
        query_latent_dim * (hidden_dim + n_heads * (nope_head_dim + rope_head_dim))
        + hidden_dim * (kv_latent_dim + rope_head_dim)
        + n_heads * kv_latent_dim * (nope_head_dim + value_head_dim)
        + n_heads * value_head_dim * hidden_dim
    )


@equation(
    source="vaswani_2017_attention",
    example={"ffn_matrices": 3, "hidden_dim": 8192, "dense_ffn_dim": 28672, "gives": 704_643_072},
)
def ffn_parameters(ffn_matrices: Expr, hidden_dim: Expr, dense_ffn_dim: Expr) -> Expr:
    """A feed-forward network widens a token and narrows it again; a gate adds a third matrix."""
    return ffn_matrices * hidden_dim * dense_ffn_dim


@equation(
    source="shazeer_2017_moe",
    example={"ffn_matrices": 3, "hidden_dim": 4096, "expert_ffn_dim": 14336, "gives": 176_160_768},
)
def expert_parameters(ffn_matrices: Expr, hidden_dim: Expr, expert_ffn_dim: Expr) -> Expr:
    """An expert is a feed-forward network of its own."""
    return ffn_matrices * hidden_dim * expert_ffn_dim


@equation(source="shazeer_2017_moe", example={"hidden_dim": 4096, "n_experts": 8, "gives": 32_768})
def router_parameters(hidden_dim: Expr, n_experts: Expr) -> Expr:
    """The router scores every expert for every token."""
    return hidden_dim * n_experts


@equation(
    source="vaswani_2017_attention", example={"vocabulary_size": 128_256, "hidden_dim": 8192, "gives": 1_050_673_152}
)
def table_parameters(vocabulary_size: Expr, hidden_dim: Expr) -> Expr:
    """One vector per known token, looked up at the input and multiplied with at the output."""
    return vocabulary_size * hidden_dim


@equation(source="zhang_2019_rmsnorm", example={"n_layers": 80, "hidden_dim": 8192, "gives": 1_318_912})
def norm_parameters(n_layers: Expr, hidden_dim: Expr) -> Expr:
    """Each layer scales its input twice, and the last output is scaled once more."""
    return (2 * n_layers + 1) * hidden_dim


@equation(
    source="vaswani_2017_attention",
    example={
        "embedding_tables": 2,
        "table_parameters": 1_050_673_152,
        "n_layers": 80,
        "attention_parameters": 150_994_944,
        "ffn_parameters": 704_643_072,
        "norm_parameters": 1_318_912,
        "gives": 70_553_706_496,
    },
)
def total_parameters(
    embedding_tables: Expr,
    table_parameters: Expr,
    n_layers: Expr,
    attention_parameters: Expr,
    ffn_parameters: Expr,
    norm_parameters: Expr,
) -> Expr:
    """The vocabulary tables, the layers, and the normalizations between them."""
    return embedding_tables * table_parameters + n_layers * (attention_parameters + ffn_parameters) + norm_parameters


@equation(
    defines="total_parameters",
    source="shazeer_2017_moe",
    example={
        "embedding_tables": 2,
        "table_parameters": 131_072_000,
        "n_layers": 32,
        "attention_parameters": 41_943_040,
        "dense_ffn_layers": 0,
        "ffn_parameters": 0,
        "moe_ffn_layers": 32,
        "n_experts": 8,
        "shared_experts": 0,
        "expert_parameters": 176_160_768,
        "router_parameters": 32_768,
        "norm_parameters": 266_240,
        "gives": 46_702_792_704,
    },
)
def total_parameters_moe(
    embedding_tables: Expr,
    table_parameters: Expr,
    n_layers: Expr,
    attention_parameters: Expr,
    dense_ffn_layers: Expr,
    ffn_parameters: Expr,
    moe_ffn_layers: Expr,
    n_experts: Expr,
    shared_experts: Expr,
    expert_parameters: Expr,
    router_parameters: Expr,
    norm_parameters: Expr,
) -> Expr:
    """Every expert is stored, whether a token uses it or not."""
    return (
        embedding_tables * table_parameters
        + n_layers * attention_parameters
        + dense_ffn_layers * ffn_parameters
        + moe_ffn_layers * ((n_experts + shared_experts) * expert_parameters + router_parameters)
        + norm_parameters
    )


@equation(
    source="kaplan_2020_scaling",
    example={
        "total_parameters": 70_553_706_496,
        "embedding_tables": 2,
        "table_parameters": 1_050_673_152,
        "gives": 68_452_360_192,
    },
)
def layer_parameters(total_parameters: Expr, embedding_tables: Expr, table_parameters: Expr) -> Expr:
    """A dense model multiplies each token with all weights of its layers."""
    return total_parameters - embedding_tables * table_parameters


@equation(
    defines="layer_parameters",
    source="shazeer_2017_moe",
    example={
        "total_parameters": 46_702_792_704,
        "embedding_tables": 2,
        "table_parameters": 131_072_000,
        "moe_ffn_layers": 32,
        "n_experts": 8,
        "experts_per_token": 2,
        "expert_parameters": 176_160_768,
        "gives": 12_617_781_248,
    },
)
def layer_parameters_moe(
    total_parameters: Expr,
    embedding_tables: Expr,
    table_parameters: Expr,
    moe_ffn_layers: Expr,
    n_experts: Expr,
    experts_per_token: Expr,
    expert_parameters: Expr,
) -> Expr:
    """A token skips the experts that it is not sent to."""
    return (
        total_parameters
        - embedding_tables * table_parameters
        - moe_ffn_layers * (n_experts - experts_per_token) * expert_parameters
    )


@equation(
    source="kaplan_2020_scaling",
    example={
        "layer_parameters": 12_617_781_248,
        "embedding_tables": 2,
        "table_parameters": 131_072_000,
        "gives": 12_879_925_248,
    },
)
def active_parameters(layer_parameters: Expr, embedding_tables: Expr, table_parameters: Expr) -> Expr:
    """The active weights as model cards count them: the layers, and both tables although one is only looked up in."""
    return layer_parameters + embedding_tables * table_parameters


# --- bytes of weights ------------------------------------------------------------------------------------------------


@equation(
    source="frantar_2022_gptq",
    example={"element_bytes": 0.5, "scale_bytes": 2.5, "scale_group_parameters": 128, "gives": 0.51953125},
)
def bytes_per_parameter(element_bytes: Expr, scale_bytes: Expr, scale_group_parameters: Expr) -> Expr:
    """A quantized weight is stored with its share of the scale of its group."""
    return element_bytes + scale_bytes / scale_group_parameters


@equation(
    source="frantar_2022_gptq",
    example={
        "total_parameters": 70e9,
        "embedding_tables": 2,
        "table_parameters": 1e9,
        "bytes_per_parameter": 0.5,
        "table_bytes_per_parameter": 2,
        "gives": 38e9,
    },
)
def weight_bytes(
    total_parameters: Expr,
    embedding_tables: Expr,
    table_parameters: Expr,
    bytes_per_parameter: Expr,
    table_bytes_per_parameter: Expr,
) -> Expr:
    """All weights are resident: those of the layers at the chosen precision, the vocabulary tables at theirs."""
    tables = embedding_tables * table_parameters
    return (total_parameters - tables) * bytes_per_parameter + tables * table_bytes_per_parameter


# --- cache -----------------------------------------------------------------------------------------------------------


@equation(
    source="ainslie_2023_gqa",
    example={"n_kv_heads": 8, "head_dim": 128, "bytes_per_cached_number": 2, "gives": 4096},
)
def kv_bytes_per_token_layer(n_kv_heads: Expr, head_dim: Expr, bytes_per_cached_number: Expr) -> Expr:
    """A layer keeps one key and one value per head of its own; groups of query heads share them."""
    return 2 * n_kv_heads * head_dim * bytes_per_cached_number


@equation(
    defines="kv_bytes_per_token_layer",
    source="deepseek_2024_v2",
    example={"kv_latent_dim": 512, "rope_head_dim": 64, "bytes_per_cached_number": 2, "gives": 1152},
)
def kv_bytes_per_token_layer_latent(kv_latent_dim: Expr, rope_head_dim: Expr, bytes_per_cached_number: Expr) -> Expr:
    """Latent attention keeps one compressed vector for all heads, and the position beside it."""
    return (kv_latent_dim + rope_head_dim) * bytes_per_cached_number


@equation(source="pope_2022_efficiently", example={"n_layers": 80, "kv_bytes_per_token_layer": 4096, "gives": 327_680})
def kv_bytes_per_token(n_layers: Expr, kv_bytes_per_token_layer: Expr) -> Expr:
    """Every layer caches every token, until its window, if it has one, is full."""
    return n_layers * kv_bytes_per_token_layer


@equation(source="pope_2022_efficiently", example={"input_tokens": 2000, "output_tokens": 500, "gives": 2250})
def context_tokens(input_tokens: Expr, output_tokens: Expr) -> Expr:
    """On average over its answer, a sequence holds its prompt and half of the answer."""
    return input_tokens + output_tokens / 2


@equation(source="pope_2022_efficiently", example={"n_layers": 80, "context_tokens": 2500, "gives": 200_000})
def cached_layer_tokens(n_layers: Expr, context_tokens: Expr) -> Expr:
    """With full attention every layer keeps the whole context."""
    return n_layers * context_tokens


@equation(
    defines="cached_layer_tokens",
    source="jiang_2023_mistral",
    example={
        "full_attention_layers": 18,
        "window_layers": 18,
        "context_tokens": 2500,
        "window_tokens": 128,
        "gives": 47_304,
    },
)
def cached_layer_tokens_window(
    full_attention_layers: Expr, window_layers: Expr, context_tokens: Expr, window_tokens: Expr
) -> Expr:
    """A window layer drops tokens older than its window."""
    return full_attention_layers * context_tokens + window_layers * Min(context_tokens, window_tokens)


@equation(
    source="pope_2022_efficiently",
    example={"kv_bytes_per_token_layer": 4096, "cached_layer_tokens": 200_000, "gives": 819_200_000},
)
def kv_bytes_per_sequence(kv_bytes_per_token_layer: Expr, cached_layer_tokens: Expr) -> Expr:
    """The cache of a sequence grows with each of its tokens, and no two sequences share it."""
    return kv_bytes_per_token_layer * cached_layer_tokens


# --- what fits -------------------------------------------------------------------------------------------------------


@equation(
    source="kwon_2023_vllm",
    example={"n_gpus": 2, "memory_bytes": 80e9, "memory_reserve_share": 0.1, "gives": 144e9},
)
def usable_bytes(n_gpus: Expr, memory_bytes: Expr, memory_reserve_share: Expr) -> Expr:
    """A part of the memory is kept for activations and the runtime."""
    return n_gpus * memory_bytes * (1 - memory_reserve_share)


@equation(
    source="pope_2022_efficiently",
    example={"weight_bytes": 140e9, "batch": 4, "kv_bytes_per_sequence": 1e9, "gives": 144e9},
)
def used_bytes(weight_bytes: Expr, batch: Expr, kv_bytes_per_sequence: Expr) -> Expr:
    """One copy of the weights serves the whole batch; each sequence brings its own cache."""
    return weight_bytes + batch * kv_bytes_per_sequence


@equation(
    source="pope_2022_efficiently",
    example={"usable_bytes": 144e9, "weight_bytes": 140e9, "kv_bytes_per_sequence": 0.8e9, "gives": 5},
)
def largest_batch(usable_bytes: Expr, weight_bytes: Expr, kv_bytes_per_sequence: Expr) -> Expr:
    """What the weights leave free is filled with whole sequences."""
    return floor(Max(usable_bytes - weight_bytes, 0) / kv_bytes_per_sequence)


@equation(
    source="pope_2022_efficiently",
    example={"weight_bytes": 140e9, "memory_bytes": 80e9, "memory_reserve_share": 0.1, "gives": 2},
)
def gpus_to_hold_model(weight_bytes: Expr, memory_bytes: Expr, memory_reserve_share: Expr) -> Expr:
    """Weights come first, and GPUs come whole."""
    return ceiling(weight_bytes / (memory_bytes * (1 - memory_reserve_share)))


@equation(
    source="pope_2022_efficiently",
    example={"used_bytes": 145e9, "memory_bytes": 80e9, "memory_reserve_share": 0.1, "gives": 3},
)
def gpus_to_hold_batch(used_bytes: Expr, memory_bytes: Expr, memory_reserve_share: Expr) -> Expr:
    """The cache needs room as well."""
    return ceiling(used_bytes / (memory_bytes * (1 - memory_reserve_share)))


_COMMON = (
    table_parameters, norm_parameters, active_parameters, bytes_per_parameter, weight_bytes, context_tokens,
    kv_bytes_per_token, kv_bytes_per_sequence, usable_bytes, used_bytes, largest_batch, gpus_to_hold_model,
    gpus_to_hold_batch,
)  # fmt: skip
_DENSE = (ffn_parameters, total_parameters, layer_parameters)
_EXPERTS = (ffn_parameters, expert_parameters, router_parameters, total_parameters_moe, layer_parameters_moe)


def equations_for(*, latent: bool, windows: bool, experts: bool) -> tuple[Equation, ...]:
    """The equations of memory for a model with latent attention, with window layers, or with experts."""
    return (
        *_COMMON,
        *(
            (attention_parameters_latent, kv_bytes_per_token_layer_latent)
            if latent
            else (attention_parameters, kv_bytes_per_token_layer)
        ),
        cached_layer_tokens_window if windows else cached_layer_tokens,
        *(_EXPERTS if experts else _DENSE),
    )

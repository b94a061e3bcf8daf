"""A replica on several GPUs: how layers, caches and tokens are divided among them, and what moving numbers costs.

Alternatives for the cache: grouped or latent attention under tensor parallelism, or attention in data parallel.
`equations_for` picks the one that fits.
"""

from sympy import log

from costlib.equations import Equation, Expr, Max, Min, equation


@equation(source="huang_2018_gpipe", example={"n_gpus": 16, "pipeline_parallel": 2, "gives": 8})
def stage_gpus(n_gpus: Expr, pipeline_parallel: Expr) -> Expr:
    """Pipeline stages hold some layers each, on the same number of GPUs."""
    return n_gpus / pipeline_parallel


@equation(source="narayanan_2021_megatron", example={"stage_gpus": 8, "gives": 8})
def tensor_parallel(stage_gpus: Expr, one_gpu: Expr) -> Expr:
    """Within a stage every GPU holds a part of every layer."""
    return stage_gpus / one_gpu


@equation(source="scaling_book_2025", example={"tensor_parallel": 8, "gives": 3})
def allreduce_hops(tensor_parallel: Expr) -> Expr:
    """In each round a GPU hears from as many again as it knows of."""
    return log(tensor_parallel) / log(2)


@equation(source="pope_2022_efficiently", example={"stage_gpus": 16, "n_kv_heads": 8, "gives": 8})
def cache_gpus(stage_gpus: Expr, n_kv_heads: Expr, one_gpu: Expr) -> Expr:
    """Heads of keys and values are dealt out to the GPUs; beyond one each, GPUs hold copies."""
    return Min(stage_gpus, n_kv_heads * one_gpu)


@equation(defines="cache_gpus", source="sglang_2026_data_parallel_attention", example={"gives": 1})
def cache_gpus_latent(one_gpu: Expr) -> Expr:
    """The compressed vector of latent attention serves all heads, so that every GPU holds a copy of it."""
    return one_gpu


@equation(defines="cache_gpus", source="sglang_2026_data_parallel_attention", example={"stage_gpus": 8, "gives": 8})
def cache_gpus_data_parallel(stage_gpus: Expr) -> Expr:
    """With attention in data parallel every GPU keeps the whole cache of its own sequences, and none twice."""
    return stage_gpus


@equation(
    source="narayanan_2021_megatron",
    example={
        "n_layers": 80,
        "hidden_dim": 8192,
        "stage_gpus": 4,
        "interconnect_bytes_per_second": 4e11,
        "link_efficiency": 0.5,
        "gives": 1.96608e-5,
    },
)
def allreduce_seconds_per_token(
    allreduces_per_layer: Expr,
    n_layers: Expr,
    hidden_dim: Expr,
    activation_bytes: Expr,
    ring_passes: Expr,
    stage_gpus: Expr,
    one_gpu: Expr,
    interconnect_bytes_per_second: Expr,
    link_efficiency: Expr,
) -> Expr:
    """A layer adds up its output over the GPUs twice; in a ring every GPU passes on almost all of it, twice."""
    return (
        allreduces_per_layer * n_layers * hidden_dim * activation_bytes
        * (ring_passes * (stage_gpus - one_gpu) / stage_gpus)
        / (one_gpu * interconnect_bytes_per_second * link_efficiency)
    )  # fmt: skip


@equation(
    source="fedus_2022_switch",
    example={
        "expert_routing_moves": 4,
        "experts_per_token": 2,
        "moe_ffn_layers": 32,
        "hidden_dim": 4096,
        "stage_gpus": 2,
        "memory_bytes_per_second": 2e12,
        "gives": 5.24288e-7,
    },
)
def routing_seconds_per_token(
    expert_routing_moves: Expr,
    experts_per_token: Expr,
    moe_ffn_layers: Expr,
    hidden_dim: Expr,
    activation_bytes: Expr,
    stage_gpus: Expr,
    memory_bytes_per_second: Expr,
) -> Expr:
    """A token's numbers are gathered for each of its experts, and scattered back."""
    moved = expert_routing_moves * experts_per_token * moe_ffn_layers * hidden_dim * activation_bytes
    return moved / (stage_gpus * memory_bytes_per_second)


@equation(source="huang_2018_gpipe", example={"decoding_sequences": 3, "pipeline_parallel": 4, "gives": 3})
def pipeline_wave(decoding_sequences: Expr, pipeline_parallel: Expr) -> Expr:
    """Every stage works on other sequences; with fewer sequences than stages some wait."""
    return Max(1, Min(decoding_sequences, pipeline_parallel))


@equation(source="huang_2018_gpipe", example={"pipeline_parallel": 4, "computed_input_tokens": 2560, "gives": 2.5})
def pipeline_speedup(pipeline_parallel: Expr, computed_input_tokens: Expr, pipeline_chunk_tokens: Expr) -> Expr:
    """A prompt's chunks follow each other through the stages; at its ends some stages are idle."""
    chunks = Max(computed_input_tokens / pipeline_chunk_tokens, 1)
    return pipeline_parallel * chunks / (chunks + pipeline_parallel - 1)


_COMMON = (
    stage_gpus, tensor_parallel, allreduce_hops, allreduce_seconds_per_token, routing_seconds_per_token,
    pipeline_wave, pipeline_speedup,
)  # fmt: skip


def equations_for(*, latent: bool, attention_data_parallel: bool) -> tuple[Equation, ...]:
    """The equations of parallelism for a model with latent attention, or with attention in data parallel."""
    if attention_data_parallel:
        return (*_COMMON, cache_gpus_data_parallel)
    return (*_COMMON, cache_gpus_latent if latent else cache_gpus)

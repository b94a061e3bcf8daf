"""The vocabulary: every quantity of the book once, with its unit, its symbol, its meaning and the values it may take.

The same name stands in tables, notebook parameters, equations, axes and JavaScript. Units are the coherent base units
of `costlib.units`. A quantity with a `value` is a constant: it is written as its number in formulas, and its unit takes
part in the dimension check.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from costlib import units
from costlib.errors import InputError, near


@dataclass(frozen=True)
class Quantity:
    """One quantity: `name` in code, base `unit`, LaTeX `symbol`, `meaning` in words.

    `low` and `high` bound what it may be (inclusive; `above` makes the lower bound strict), `whole` asks for a whole
    number, `quoted` is the unit people use for it when an SI prefix is not enough, and `value` fixes a constant.
    """

    name: str
    unit: str
    symbol: str
    meaning: str
    low: float = 0.0
    high: float = float("inf")
    above: bool = False
    whole: bool = False
    quoted: str | None = None
    value: float | None = None

    def check(self, value: float) -> None:
        """Raise InputError, naming the quantity and the allowed range, when `value` is outside it."""
        fits = (self.low < value if self.above else self.low <= value) and value <= self.high and isfinite(value)
        if not fits or (self.whole and value != int(value)):
            raise InputError(f"{self.name} = {value:g} is not allowed: it must be {self.allowed()}")

    def allowed(self) -> str:
        """The allowed range in words: ``"a whole number above 0"``."""
        kind = "a whole number" if self.whole else "a number"
        lower = f"{'above' if self.above else 'at least'} {self.low:g}"
        return f"{kind} {lower}" + ("" if self.high == float("inf") else f" and at most {self.high:g}")

    def quote(self, value: float, wanted: str | None = None, digits: int = 3) -> str:
        """`value` (in base units) with its unit, for people: ``"328 kB/token"``.

        `wanted` names another unit, or is ``"~"`` to leave out what the value is per: ``"328 kB"``.
        """
        if wanted == "~":
            return self.quote(value, None, digits).partition("/")[0]
        magnitude, label = units.quote(float(value), self.unit, wanted or self.quoted, digits)
        return f"{magnitude}{'' if label in ('', '%') else ' '}{label}"


def _count(name: str, symbol: str, meaning: str) -> Quantity:
    return Quantity(name, "", symbol, meaning, whole=True)


def _positive(name: str, unit: str, symbol: str, meaning: str, **more: object) -> Quantity:
    return Quantity(name, unit, symbol, meaning, above=True, **more)


def _share(name: str, symbol: str, meaning: str, above: bool = False) -> Quantity:
    return Quantity(name, "", symbol, meaning, high=1.0, above=above, quoted="%")


def _factor(name: str, symbol: str, meaning: str) -> Quantity:
    return Quantity(name, "", symbol, meaning, low=1.0)


def _of(word: str) -> str:
    return rf"_{{\mathrm{{{word}}}}}"


_PER_MILLION = "USD/megatoken"
_PER_MONTH = "USD/month"

_CONSTANTS = (
    Quantity(
        "flops_per_weight", "FLOP/token", "2", "one multiplication and one addition per weight and token", value=2.0
    ),
    Quantity(
        "flops_per_attended_number",
        "FLOP/token**2",
        "2",
        "one multiplication and one addition per number of a cached token and new token",
        value=2.0,
    ),
    Quantity("router_draws", "1/token", r"\rho", "sets of experts that a router picks per token and layer", value=1.0),
)

_MODEL_SHAPE = (
    _count("n_layers", "n" + _of("layer"), "layers of the model"),
    _count("hidden_dim", "d", "numbers that describe a token between layers"),
    _count("n_heads", "n" + _of("head"), "query heads per layer"),
    _count("n_kv_heads", "n" + _of("kv"), "key and value heads per layer: as many as query heads in MHA, fewer in GQA"),
    _count("head_dim", "d" + _of("head"), "numbers per head"),
    _count("query_latent_dim", "d" + _of("q"), "numbers of the compressed query (MLA)"),
    _count("kv_latent_dim", "d" + _of("c"), "numbers of the compressed key and value that MLA caches"),
    _count("rope_head_dim", "d" + _of("rope"), "numbers per head that carry the position (MLA)"),
    _count("nope_head_dim", "d" + _of("nope"), "numbers per query and key head without position (MLA)"),
    _count("value_head_dim", "d" + _of("v"), "numbers per value head (MLA)"),
    _count("full_attention_layers", "n" + _of("full"), "layers that attend to the whole context"),
    _count("window_layers", "n" + _of("win"), "layers that attend to the last tokens only"),
    Quantity("window_tokens", "token", "w", "tokens that a window layer attends to", whole=True),
    _count("dense_ffn_layers", "n" + _of("dense"), "layers whose feed-forward network has no experts"),
    _count("moe_ffn_layers", "n" + _of("moe"), "layers whose feed-forward network is a mixture of experts"),
    _count("dense_ffn_dim", "d" + _of("ffn"), "inner width of a feed-forward network"),
    _count("ffn_matrices", "m", "matrices per feed-forward network: three with a gate, two without"),
    _count("n_experts", "E", "experts per layer to choose from"),
    _count("experts_per_token", "k", "experts that a token is sent to"),
    _count("shared_experts", "E" + _of("s"), "experts that every token passes through"),
    _count("expert_ffn_dim", "d" + _of("exp"), "inner width of one expert"),
    _count("vocabulary_size", "V", "tokens that the model knows"),
    _count(
        "embedding_tables", "n" + _of("emb"), "tables of one vector per known token: one if input and output share it"
    ),
    _positive("max_context_tokens", "token", r"L_{\max}", "longest context that the model was built for", whole=True),
)

_PARAMETERS = (
    Quantity("attention_parameters", "", "N" + _of("attn"), "attention weights of one layer"),
    Quantity("ffn_parameters", "", "N" + _of("ffn"), "weights of one feed-forward network without experts"),
    Quantity("expert_parameters", "", "N" + _of("exp"), "weights of one expert"),
    Quantity("router_parameters", "", "N" + _of("rtr"), "weights of one layer's router"),
    Quantity("table_parameters", "", "N" + _of("tab"), "weights of one vocabulary table"),
    Quantity("norm_parameters", "", "N" + _of("norm"), "weights of all normalizations"),
    _positive("total_parameters", "", "N", "all weights of the model"),
    _positive("active_parameters", "", "N" + _of("act"), "weights that one token passes through, both tables included"),
    _positive("layer_parameters", "", "N" + _of("lay"), "weights in the layers that one token is multiplied with"),
    Quantity("covered_experts", "", r"\bar{E}", "experts per layer that at least one token of the step is sent to"),
    Quantity(
        "prefill_covered_experts",
        "",
        r"\bar{E}" + _of("pre"),
        "experts per layer that at least one prompt token is sent to",
    ),
    _positive(
        "decode_read_parameters", "", "N" + _of("read"), "weights of the layers read from memory in one decode step"
    ),
    _positive(
        "prefill_read_parameters", "", "N" + _of("pre"), "weights of the layers read from memory to process the prompts"
    ),
    _positive("swept_parameters", "", "N" + _of("all"), "weights of the layers read when every expert has work"),
)

_PRECISION = (
    _positive("element_bytes", "byte", "b" + _of("el"), "bytes of one stored weight, without its share of a scale"),
    Quantity(
        "scale_bytes", "byte", "b" + _of("sc"), "bytes of the scale and zero point that a group of weights shares"
    ),
    _positive("scale_group_parameters", "", "g", "weights that share one scale", whole=True),
    _positive("bytes_per_parameter", "byte", "b", "bytes per weight, its share of the scales included"),
    _positive(
        "table_bytes_per_parameter",
        "byte",
        "b" + _of("tab"),
        "bytes per weight of the vocabulary tables, which quantizers leave in 16 bits",
    ),
    _positive(
        "bytes_per_cached_number", "byte/token", "b" + _of("kv"), "bytes that one cached number of one token takes"
    ),
)

_HARDWARE = (
    Quantity("n_gpus", "GPU", "G", "GPUs that hold one copy of the model together", low=0, above=True, whole=True),
    _positive(
        "peak_flops_per_second", "FLOP/s/GPU", r"\pi", "peak arithmetic of one GPU, dense, at the precision used"
    ),
    _positive("memory_bytes_per_second", "byte/s/GPU", r"\beta", "peak memory bandwidth of one GPU"),
    _positive("memory_bytes", "byte/GPU", "M", "memory of one GPU"),
    Quantity("interconnect_bytes_per_second", "byte/s/GPU", r"\lambda", "bandwidth from one GPU to its peers, one way"),
    _positive("board_watts", "watt/GPU", "P", "power that one GPU may draw"),
    Quantity(
        "memory_reserve_share", "", r"\epsilon", "share of memory kept free of weights and cache", high=0.99, quoted="%"
    ),
    _positive(
        "ridge_flops_per_byte",
        "FLOP/byte",
        "I^{*}",
        "arithmetic per byte at which memory and arithmetic take equally long",
    ),
)

_WORKLOAD = (
    _positive("batch", "", "B", "sequences that are processed together", whole=True),
    _positive("input_tokens", "token", "S", "tokens of one prompt", whole=True),
    _positive("output_tokens", "token", "T", "tokens of one answer", whole=True),
    _positive("context_tokens", "token", "L", "tokens of one sequence that are in the cache"),
    _positive("tokens_per_step", "token", r"\tau", "tokens that each sequence gains per decode step"),
)

_MEMORY = (
    _positive("weight_bytes", "byte", "W", "memory that the weights take"),
    _positive("kv_bytes_per_token_layer", "byte/token", r"\kappa", "cache of one token in one layer"),
    _positive("kv_bytes_per_token", "byte/token", "K" + _of("tok"), "cache of one token in all layers"),
    _positive(
        "cached_layer_tokens", "token", r"\Lambda", "cached tokens that a new token attends to, added up over layers"
    ),
    _positive(
        "prefill_layer_tokens",
        "token",
        r"\Lambda" + _of("pre"),
        "earlier tokens that a prompt token attends to, on average, added up over layers",
    ),
    _positive("kv_bytes_per_sequence", "byte", "K", "cache of one sequence at its present length"),
    Quantity("used_bytes", "byte", "U", "memory that weights and cache take"),
    _positive("usable_bytes", "byte", "M" + _of("use"), "memory of all GPUs together that weights and cache may take"),
    Quantity("largest_batch", "", r"B_{\max}", "largest number of sequences that fits in memory", whole=True),
    _positive(
        "gpus_to_hold_model", "GPU", "G" + _of("model"), "fewest GPUs whose memory holds the weights", whole=True
    ),
    _positive(
        "gpus_to_hold_batch",
        "GPU",
        "G" + _of("batch"),
        "fewest GPUs whose memory holds the weights and the cache of the batch",
        whole=True,
    ),
)

_ROOFLINE = (
    _positive(
        "prefill_flops_per_pair",
        "FLOP/token**2",
        r"\phi" + _of("pre"),
        "attention arithmetic of one layer per pair of tokens in prefill",
    ),
    _positive(
        "decode_flops_per_pair",
        "FLOP/token**2",
        r"\phi" + _of("dec"),
        "attention arithmetic of one layer per pair of new and cached token in decode",
    ),
    _positive(
        "linear_flops_per_token",
        "FLOP/token",
        "f" + _of("lin"),
        "arithmetic of one decoded token without attention to earlier tokens",
    ),
    _positive("decode_flops_per_token", "FLOP/token", "f" + _of("dec"), "arithmetic of one decoded token"),
    _positive("prefill_flops_per_token", "FLOP/token", "f" + _of("pre"), "arithmetic of one prompt token"),
    _positive("decode_flops", "FLOP", "F" + _of("dec"), "arithmetic of one decode step"),
    _positive("decode_bytes", "byte", "Q" + _of("dec"), "bytes that one decode step reads from memory"),
    _positive(
        "decode_compute_seconds",
        "s",
        "t" + _of("dec") + r"^{\pi}",
        "time of a decode step if only arithmetic took time",
    ),
    _positive(
        "decode_memory_seconds",
        "s",
        "t" + _of("dec") + r"^{\beta}",
        "time of a decode step if only memory traffic took time",
    ),
    _positive(
        "decode_seconds", "s", "t" + _of("dec"), "least time of a decode step: arithmetic and memory traffic overlap"
    ),
    _positive(
        "decode_serial_seconds",
        "s",
        "t" + _of("dec") + r"^{+}",
        "time of a decode step if arithmetic and memory traffic take turns",
    ),
    _positive(
        "decode_tokens_per_second", "token/s", "r" + _of("dec"), "most output tokens per second, all sequences together"
    ),
    _positive(
        "decode_serial_tokens_per_second",
        "token/s",
        "r" + _of("dec") + "^{+}",
        "output tokens per second if arithmetic and memory traffic take turns",
    ),
    _positive("decode_intensity", "FLOP/byte", "I" + _of("dec"), "arithmetic per byte read in a decode step"),
    _positive("prefill_flops", "FLOP", "F" + _of("pre"), "arithmetic to process the prompts of a batch"),
    _positive("prefill_bytes", "byte", "Q" + _of("pre"), "bytes moved to process the prompts of a batch"),
    _positive(
        "prefill_compute_seconds", "s", "t" + _of("pre") + r"^{\pi}", "time of prefill if only arithmetic took time"
    ),
    _positive(
        "prefill_memory_seconds",
        "s",
        "t" + _of("pre") + r"^{\beta}",
        "time of prefill if only memory traffic took time",
    ),
    _positive("prefill_seconds", "s", "t" + _of("pre"), "least time to process the prompts of a batch"),
    _positive(
        "prefill_serial_seconds",
        "s",
        "t" + _of("pre") + r"^{+}",
        "time of prefill if arithmetic and memory traffic take turns",
    ),
    _positive("prefill_tokens_per_second", "token/s", "r" + _of("pre"), "most prompt tokens per second"),
    _positive("prefill_intensity", "FLOP/byte", "I" + _of("pre"), "arithmetic per byte moved in prefill"),
    _positive(
        "attainable_flops_per_second",
        "FLOP/s/GPU",
        "P" + _of("att"),
        "most arithmetic that one GPU reaches in a decode step",
    ),
    _positive(
        "compute_bound_batch", "", "B^{*}", "batch at which a decode step turns from memory-bound to compute-bound"
    ),
)

_SERVING = (
    Quantity("one_gpu", "GPU", "1", "a single GPU", value=1.0),
    Quantity("activation_bytes", "byte/token", "2", "bytes of one number of a token between layers", value=2.0),
    Quantity(
        "allreduces_per_layer",
        "",
        "2",
        "sums over all GPUs per layer: after attention, and after the feed-forward network",
        value=2.0,
    ),
    Quantity("ring_passes", "", "2", "times that a ring moves the data: to add up, and to hand out", value=2.0),
    Quantity(
        "pipeline_chunk_tokens",
        "token",
        "512",
        "prompt tokens that a pipeline hands from stage to stage at once",
        value=512.0,
    ),
    Quantity(
        "tokens_per_step_plain", "token", "1", "the token that each sequence gains in a step without drafts", value=1.0
    ),
    # how a replica is spread over GPUs
    _positive("pipeline_parallel", "", r"n_{\mathrm{pp}}", "stages that the layers are divided among", whole=True),
    _positive("stage_gpus", "GPU", "G" + _of("stage"), "GPUs that share each layer of one stage"),
    _positive("tensor_parallel", "", r"n_{\mathrm{tp}}", "parts that each layer is split into"),
    Quantity("allreduce_hops", "", "h" + _of("ar"), "rounds of messages of a sum over the GPUs of a stage"),
    _positive("cache_gpus", "GPU", "G" + _of("kv"), "GPUs that share the cache of one sequence without copies"),
    Quantity(
        "allreduce_seconds_per_token",
        "s/token",
        "t" + _of("ar"),
        "time to add up one token's numbers over the GPUs, in all layers",
    ),
    Quantity(
        "routing_seconds_per_token",
        "s/token",
        "t" + _of("rt"),
        "time to bring a token to its experts and back, in all layers",
    ),
    # constants of engines and GPUs, measured
    _share(
        "weight_bandwidth_efficiency",
        r"\eta" + _of("w"),
        "share of peak memory bandwidth reached when reading weights",
        above=True,
    ),
    _share(
        "cache_bandwidth_efficiency",
        r"\eta" + _of("kv"),
        "share of peak memory bandwidth reached when reading the cache",
        above=True,
    ),
    _share(
        "decode_compute_efficiency", r"\eta" + _of("dec"), "share of peak arithmetic that decode reaches", above=True
    ),
    _share(
        "prefill_compute_efficiency", r"\eta" + _of("pre"), "share of peak arithmetic that prefill reaches", above=True
    ),
    _share(
        "link_efficiency", r"\eta" + _of("link"), "share of the link's bandwidth that sums over GPUs reach", above=True
    ),
    Quantity("step_overhead_seconds", "s", "t_0", "fixed time per pass through the model"),
    Quantity("layer_seconds", "s", "t" + _of("lay"), "fixed time per layer and pass"),
    Quantity("sequence_seconds", "s", "t" + _of("seq"), "fixed time per sequence and decode step"),
    Quantity(
        "streaming_seconds",
        "s",
        "t" + _of("str"),
        "further time per sequence and step where answers are streamed to clients",
    ),
    Quantity("request_overhead_seconds", "s", "t" + _of("rq"), "fixed time per request before its prompt is processed"),
    Quantity(
        "allreduce_latency_seconds", "s", "t" + _of("hop"), "time of one round of messages, for the sums of one layer"
    ),
    _positive("chunk_budget_tokens", "token", "c", "most prompt tokens that one step takes on"),
    _factor(
        "attention_cost_factor",
        r"\phi" + _of("att"),
        "time of attention arithmetic in prefill over that of matrix arithmetic",
    ),
    _factor(
        "dequantization_factor",
        r"\phi" + _of("dq"),
        "time of arithmetic with low-bit weights that are unpacked first, over that with plain ones",
    ),
    _factor(
        "low_precision_factor",
        r"\phi" + _of("lp"),
        "time of low-precision arithmetic over what its own peak and the usual share allow",
    ),
    _factor("expert_compute_factor", r"\phi" + _of("exp"), "time of arithmetic with experts over that of dense layers"),
    Quantity(
        "expert_routing_moves",
        "",
        r"\phi" + _of("mv"),
        "times that a token's numbers pass through memory for each of its experts",
    ),
    Quantity("pipeline_bubble_share", "", r"\phi" + _of("pp"), "time added per further pipeline stage", quoted="%"),
    _share(
        "overlap_share", r"\omega", "share of arithmetic and memory traffic that overlap when the queue is never empty"
    ),
    _share("queue_share", r"\phi" + _of("cq"), "share of the other requests' prompts that a new request waits for"),
    _share(
        "interference_share",
        r"\phi" + _of("it"),
        "share of the prompts processed meanwhile that the stated time per token contains",
    ),
    _factor(
        "burst_time_factor",
        r"\phi" + _of("burst"),
        "time of requests that come all at once over that of a steady state",
    ),
    _factor(
        "burst_token_factor",
        r"\phi" + _of("bt"),
        "time per output token of requests that come all at once over that of a steady state",
    ),
    _factor(
        "server_time_factor",
        r"\phi" + _of("srv"),
        "time under MLPerf's limits of the Server scenario over that of Offline",
    ),
    _factor(
        "interactive_time_factor",
        r"\phi" + _of("ia"),
        "time under MLPerf's limits of the Interactive scenario over that of Offline",
    ),
    _positive("throughput_error_factor", "", r"\epsilon" + _of("thr"), "real over modelled throughput"),
    # the workload of a replica
    _positive("concurrency", "", "C", "requests that clients keep in flight per replica"),
    _positive("burst_requests", "", "N" + _of("burst"), "requests that come all at once per replica"),
    _positive("arrival_rate", "1/s", r"\lambda_r", "requests that arrive per second and replica"),
    _positive("test_requests", "", "N" + _of("test"), "requests of a whole test per replica"),
    _positive("max_sequences", "", r"B_{\mathrm{cap}}", "sequences that the engine takes on at most"),
    _share("prefix_hit_share", r"h" + _of("pre"), "share of a prompt found in the replica's cache"),
    _positive("computed_input_tokens", "token", r"S_{\mathrm{new}}", "tokens of one prompt that are not in the cache"),
    Quantity("draft_tokens", "token", r"\gamma_d", "tokens that a draft model proposes per step"),
    Quantity("acceptance_share", "", r"\alpha", "share of proposed tokens that are accepted", high=0.999, quoted="%"),
    Quantity(
        "draft_cost_share", "", "c" + _of("d"), "time of one pass of the draft model over that of the model", quoted="%"
    ),
    _positive(
        "verified_tokens_per_step",
        "token",
        r"\tau" + _of("ver"),
        "tokens that each sequence puts through the model per step",
    ),
    _positive("beams", "", "b" + _of("beam"), "sequences that are decoded side by side for one answer"),
    # times of a step
    Quantity("weight_read_seconds", "s", "t" + _of("w"), "time to read the weights of one step"),
    Quantity(
        "fixed_step_seconds", "s", "t" + _of("fix"), "time of a step that depends neither on bytes nor on arithmetic"
    ),
    Quantity("cache_seconds_per_sequence", "s", "t" + _of("kv"), "time to read one sequence's cache"),
    Quantity("arithmetic_seconds_per_sequence", "s", "t" + _of("c"), "time of one sequence's arithmetic"),
    Quantity(
        "communication_seconds_per_sequence",
        "s",
        "t" + _of("com"),
        "time to move one sequence's numbers between GPUs and experts",
    ),
    Quantity("sequence_step_seconds", "s", "t" + _of("s"), "time that one more sequence adds to a step"),
    _positive("step_seconds", "s", "t" + _of("step"), "time of one decode step as achieved"),
    # times of prompts
    _positive("prompts_per_pass", "", "m" + _of("pass"), "prompts that are processed in one pass"),
    _positive(
        "full_pass_seconds",
        "s",
        "t" + _of("pass"),
        "time of a pass that reads all weights, without what its tokens add",
    ),
    _positive("prefill_seconds_per_token", "s/token", "t" + _of("pt"), "time that a prompt token adds to a pass"),
    _positive("prefill_request_seconds", "s", "t" + _of("req"), "time to process one prompt as achieved"),
    _positive("first_prefill_seconds", "s", "t" + _of("first"), "time to process one prompt that is alone in its pass"),
    _positive("pipeline_speedup", "", "v" + _of("pp"), "prompts per second with pipeline stages over those without"),
    _positive(
        "prompt_tokens_per_second",
        "token/s",
        "R" + _of("pre"),
        "prompt tokens per second of one replica that only processes prompts",
    ),
    # sequences together
    _positive(
        "full_layer_tokens",
        "token",
        r"\Lambda" + _of("full"),
        "cached tokens of a sequence with its whole answer, added up over layers",
    ),
    Quantity("cache_room_bytes", "byte", "M" + _of("kv"), "memory that the weights leave to the cache"),
    _positive("cache_sequences", "", r"B_{\mathrm{kv}}", "sequences whose cache fits with their whole answers"),
    _positive("in_flight", "", "B" + _of("fly"), "sequences that a replica works on"),
    _positive("decoding_sequences", "", "B" + _of("dec"), "of these, sequences that gain a token in a step"),
    _positive("pipeline_wave", "", "p" + _of("w"), "stages that have work"),
    _positive(
        "token_cycle_seconds",
        "s/token",
        "t" + _of("cyc"),
        "time per output token of one sequence, all prompts that arrive meanwhile included",
    ),
    _positive("request_seconds", "s", "t" + _of("ans"), "time for which a request takes a place in the batch"),
    _positive("requests_per_second_limit", "1/s", r"\mu_{\max}", "most requests per second of one replica"),
    _positive("burst_step_seconds", "s", "t" + _of("bst"), "time of a decode step, on average over a burst"),
    # what users and owners see
    _positive("output_token_seconds", "s/token", "t" + _of("tpot"), "time per output token of one sequence (TPOT)"),
    _positive("inter_token_seconds", "s", "t" + _of("itl"), "time between two deliveries to one user (ITL)"),
    _positive("time_to_first_token", "s", "t" + _of("ttft"), "time from the request to its first token (TTFT)"),
    _positive("answer_seconds", "s", "t" + _of("e2e"), "time from the request to its last token"),
    _positive(
        "replica_output_tokens_per_second", "token/s", "R" + _of("out"), "output tokens per second of one replica"
    ),
    _positive(
        "replica_tokens_per_second", "token/s", "R", "input and output tokens per second of one replica at full load"
    ),
    _positive("user_tokens_per_second", "token/s", "R" + _of("user"), "output tokens per second that one user sees"),
    _positive(
        "decoding_tokens_per_second",
        "token/s",
        "R" + _of("dec"),
        "output tokens per second of all replicas while answers come",
    ),
    _positive(
        "deployment_prompt_tokens_per_second",
        "token/s",
        r"R^{\mathrm{pre}}" + _of("all"),
        "prompt tokens per second of all replicas that only process prompts",
    ),
    _positive("gpu_output_tokens_per_second", "token/s/GPU", "R" + _of("gpu"), "output tokens per second and GPU"),
    _positive(
        "deployment_output_tokens_per_second", "token/s", "R" + _of("all"), "output tokens per second of all replicas"
    ),
    _positive(
        "deployment_tokens_per_second",
        "token/s",
        "R" + _of("sum"),
        "input and output tokens per second of all replicas",
    ),
    _positive("gpu_seconds_per_output_token", "GPU*s/token", "g" + _of("out"), "GPU time that an output token takes"),
    _positive("gpu_seconds_per_input_token", "GPU*s/token", "g" + _of("in"), "GPU time that an input token takes"),
    _positive(
        "output_token_weight", "", r"\omega" + _of("out"), "GPU time of an output token over that of an input token"
    ),
)

_API = (
    Quantity("input_usd_per_token", "USD/token", "p" + _of("in"), "list price of an input token", quoted=_PER_MILLION),
    Quantity(
        "output_usd_per_token", "USD/token", "p" + _of("out"), "list price of an output token", quoted=_PER_MILLION
    ),
    Quantity(
        "cached_input_usd_per_token",
        "USD/token",
        "p" + _of("hit"),
        "price of an input token found in the cache",
        quoted=_PER_MILLION,
    ),
    _share("cache_hit_share", "h", "share of input tokens found in the provider's cache"),
    _share("batch_share", "s" + _of("b"), "share of requests sent as a batch job"),
    _share("batch_discount_share", "d" + _of("b"), "discount on batch jobs"),
    Quantity(
        "retry_share", "", "s" + _of("retry"), "share of tokens paid for that bring no answer", high=0.9, quoted="%"
    ),
    Quantity(
        "delivered_usd_per_token",
        "USD/token",
        "c" + _of("del"),
        "what a token of a useful answer costs through an API",
        quoted=_PER_MILLION,
    ),
    Quantity(
        "paid_input_usd_per_token",
        "USD/token",
        r"\bar{p}" + _of("in"),
        "price of an input token at the cache hit share",
        quoted=_PER_MILLION,
    ),
    Quantity("request_usd", "USD", "c" + _of("req"), "price of one request"),
    Quantity(
        "api_usd_per_token",
        "USD/token",
        "c" + _of("api"),
        "price of a token, input and output together",
        quoted=_PER_MILLION,
    ),
    Quantity("output_premium", "", "q", "price of an output token over that of an input token"),
    Quantity(
        "demand_tokens_per_second",
        "token/s",
        "D",
        "input and output tokens asked for, on average",
        above=True,
        quoted="token/month",
    ),
    Quantity("api_usd_per_second", "USD/s", "C" + _of("api"), "bill of the API", quoted=_PER_MONTH),
)

_HOSTING = (
    Quantity("usd_per_gpu_second", "USD/s/GPU", "p" + _of("gpu"), "price of a GPU", quoted="USD/hour/GPU"),
    _share(
        "batch_penalty_share", "s" + _of("small"), "throughput lost because batches are smaller than the one assumed"
    ),
    _positive("peak_to_mean_ratio", "", r"\psi", "load in the busiest hour over the average load"),
    _positive("replicas_needed", "", "n" + _of("need"), "replicas that carry the busiest hour", whole=True),
    _count("spare_replicas", "n" + _of("spare"), "replicas beyond those needed, so that enough are up often enough"),
    _share("warm_pool_share", "s" + _of("warm"), "capacity kept warm for sudden load, over that of the busiest hour"),
    _positive("replicas", "", "n" + _of("rep"), "replicas paid for", whole=True),
    _share("utilization", "u", "share of the capacity of the needed replicas that is used on average", above=True),
    _share("pooled_utilization", "u" + _of("pool"), "the same for a fleet that serves many customers", above=True),
    _positive("pooled_batch", "", "B" + _of("pool"), "sequences decoded together in such a fleet"),
    Quantity(
        "cached_replica_tokens_per_second",
        "token/s",
        "R" + _of("hit"),
        "tokens of a replica per second, input and output, with a prefix cache",
    ),
    _positive("room_factor", "", "f" + _of("room"), "GPUs of a replica over the fewest that hold its weights"),
    Quantity(
        "provider_usd_per_token",
        "USD/token",
        "c" + _of("prov"),
        "what a token costs a provider with a large fleet",
        quoted=_PER_MILLION,
    ),
    Quantity(
        "volume_peak_correlation", "", r"\rho_{\psi}", "rank correlation of volume and unevenness of load", -1.0, 1.0
    ),
    Quantity(
        "prompt_cache_correlation", "", r"\rho_{h}", "rank correlation of prompt length and cache hits", -1.0, 1.0
    ),
    Quantity("rent_usd_per_token", "USD/token", "c_0", "rent over tokens at full load", quoted=_PER_MILLION),
    Quantity("batched_usd_per_token", "USD/token", "c_1", "the same with batches as they come", quoted=_PER_MILLION),
    Quantity("peak_usd_per_token", "USD/token", "c_2", "the same with a load that has a peak", quoted=_PER_MILLION),
    Quantity("ready_usd_per_token", "USD/token", "c_3", "the same with a warm pool", quoted=_PER_MILLION),
    Quantity(
        "idle_usd_per_token", "USD/token", "c_4", "the same with replicas that are bought whole", quoted=_PER_MILLION
    ),
    Quantity("redundant_usd_per_token", "USD/token", "c_5", "the same with spares", quoted=_PER_MILLION),
    Quantity("operated_usd_per_token", "USD/token", "c_6", "the same with operation", quoted=_PER_MILLION),
    Quantity("installed_usd_per_token", "USD/token", "c_7", "the same with the setup", quoted=_PER_MILLION),
    Quantity(
        "self_usd_per_token",
        "USD/token",
        "c" + _of("self"),
        "what a self-hosted token costs, all in",
        quoted=_PER_MILLION,
    ),
    Quantity(
        "self_input_usd_per_token",
        "USD/token",
        "c" + _of("in"),
        "what a self-hosted input token costs, all in",
        quoted=_PER_MILLION,
    ),
    Quantity(
        "self_output_usd_per_token",
        "USD/token",
        "c" + _of("out"),
        "what a self-hosted output token costs, all in",
        quoted=_PER_MILLION,
    ),
    Quantity("fleet_usd_per_second", "USD/s", "C" + _of("gpu"), "rent of all GPUs", quoted=_PER_MONTH),
    Quantity("labor_usd_per_hour", "USD/s", "p" + _of("lab"), "cost of an hour of an engineer", quoted="USD/hour"),
    Quantity(
        "labor_hours_per_month", "", "h" + _of("op"), "time worked on operating the deployment", quoted="hour/month"
    ),
    Quantity(
        "labor_hours_per_month_per_gpu", "1/GPU", "h" + _of("gpu"), "time worked per GPU", quoted="hour/month/GPU"
    ),
    Quantity("labor_usd_per_second", "USD/s", "C" + _of("ops"), "cost of operating", quoted=_PER_MONTH),
    Quantity("setup_hours", "s", "h" + _of("set"), "time worked until the deployment stands", quoted="hour"),
    _positive("amortization_months", "s", "T" + _of("set"), "time over which the setup is spread", quoted="month"),
    Quantity("setup_usd", "USD", "X" + _of("set"), "cost of the setup"),
    Quantity("setup_usd_per_second", "USD/s", "C" + _of("set"), "cost of the setup, spread", quoted=_PER_MONTH),
    Quantity(
        "overhead_usd_per_month", "USD/s", "C" + _of("over"), "load balancer, monitoring and logs", quoted=_PER_MONTH
    ),
    Quantity(
        "storage_usd_per_gigabyte_month", "USD/byte/s", "p" + _of("disk"), "price of storage", quoted="USD/GB/month"
    ),
    Quantity("storage_usd_per_second", "USD/s", "C" + _of("disk"), "cost of storing the weights", quoted=_PER_MONTH),
    Quantity("self_usd_per_second", "USD/s", "C" + _of("self"), "cost of hosting", quoted=_PER_MONTH),
    Quantity(
        "saving_usd_per_second",
        "USD/s",
        r"\Delta" + _of("self"),
        "what hosting saves over the API; below zero: what it costs more",
        low=-float("inf"),
        quoted=_PER_MONTH,
    ),
    _positive(
        "weight_load_bytes_per_second", "byte/s", "v" + _of("load"), "speed at which a replica loads its weights"
    ),
    _positive("load_seconds", "s", "t" + _of("load"), "time to load the weights of a replica"),
    Quantity(
        "spot_interruption_share",
        "",
        "s" + _of("spot"),
        "share of spot GPUs taken back in a month",
        high=0.99,
        quoted="%",
    ),
    _share("node_availability", "A" + _of("node"), "share of time in which a server is up", above=True),
    _share("common_failure_share", r"\beta" + _of("site"), "share of downtime that a whole site has together"),
    _share("availability_target", "A^{*}", "share of time in which the service must be up", above=True),
    Quantity(
        "spot_usd_per_gpu_second",
        "USD/s/GPU",
        "p" + _of("spot"),
        "price of a spot GPU that can be counted on",
        quoted="USD/hour/GPU",
    ),
)

_OWNING = (
    Quantity("usd_per_gpu", "USD/GPU", "X" + _of("gpu"), "purchase price of a GPU"),
    Quantity(
        "gpu_server_overhead_share", "", "s" + _of("srv"), "servers and network over the price of the GPUs", quoted="%"
    ),
    _share("residual_share", "s" + _of("res"), "share of the price that is left at the end"),
    _positive("server_life_years", "s", "T" + _of("life"), "time for which a server is used", quoted="year"),
    Quantity("discount_rate_per_year", "1/s", "r", "cost of capital", quoted="1/year"),
    Quantity(
        "capital_usd_per_gpu_second", "USD/s/GPU", "p" + _of("cap"), "depreciation and interest", quoted="USD/hour/GPU"
    ),
    _positive("server_power_ratio", "", r"\sigma" + _of("srv"), "power of a server over that of its GPUs' boards"),
    Quantity(
        "power_usage_effectiveness", "", "e" + _of("pue"), "power of the site over that of the servers (PUE)", low=1.0
    ),
    Quantity(
        "electricity_usd_per_kilowatt_hour",
        "USD/watt/s",
        "p" + _of("el"),
        "price of electricity",
        quoted="USD/kilowatt_hour",
    ),
    Quantity(
        "colocation_usd_per_kilowatt_month",
        "USD/watt/s",
        "p" + _of("colo"),
        "price of space, cooling and network per power",
        quoted="USD/kilowatt/month",
    ),
    Quantity(
        "power_usd_per_gpu_second", "USD/s/GPU", "p" + _of("pow"), "electricity and colocation", quoted="USD/hour/GPU"
    ),
    Quantity(
        "owned_usd_per_gpu_second", "USD/s/GPU", "p" + _of("own"), "what an owned GPU costs", quoted="USD/hour/GPU"
    ),
)

_EGRESS = (
    Quantity("egress_usd_per_gigabyte", "USD/byte", "p" + _of("eg"), "price of moving data out", quoted="USD/GB"),
    Quantity("copies_per_month", "1/s", "f" + _of("copy"), "copies of the weights made", quoted="1/month"),
    Quantity("free_gigabytes_per_month", "byte/s", "Q" + _of("free"), "traffic that is free", quoted="GB/month"),
    _positive("transfer_bytes_per_second", "byte/s", "v", "speed of the copy"),
    Quantity("copy_usd", "USD", "c" + _of("copy"), "price of one copy of the weights"),
    _positive("copy_seconds", "s", "t" + _of("copy"), "time of one copy of the weights"),
    Quantity("egress_usd_per_second", "USD/s", "C" + _of("eg"), "bill for moving weights", quoted=_PER_MONTH),
    Quantity(
        "worthwhile_copies_per_month",
        "1/s",
        "f^{*}",
        "copies at which a dearer host with free traffic is as cheap",
        quoted="1/month",
    ),
    Quantity(
        "price_gap_usd_per_gpu_second",
        "USD/s/GPU",
        r"\Delta p",
        "what the host with free traffic charges more",
        quoted="USD/hour/GPU",
    ),
    Quantity("egress_bill_share", "", "s" + _of("eg"), "bill for moving weights over the rent of the GPUs", quoted="%"),
    Quantity(
        "noticeable_share", "", "s" + _of("see"), "share of the rent from which traffic is worth a thought", quoted="%"
    ),
    Quantity(
        "noticeable_copies_per_month",
        "1/s",
        "f" + _of("see"),
        "copies at which traffic reaches that share of the rent",
        quoted="1/month",
    ),
    Quantity("waiting_usd", "USD", "c" + _of("wait"), "rent of the GPUs that wait for a copy"),
    Quantity(
        "stored_copies_per_month",
        "1/s",
        "f" + _of("disk"),
        "copies that cost as much as keeping one",
        quoted="1/month",
    ),
)

_CHANGES = (
    Quantity(
        "api_price_change_per_year",
        "1/s",
        r"\delta" + _of("api"),
        "change of API prices",
        low=-float("inf"),
        quoted="1/year",
    ),
    Quantity(
        "gpu_price_change_per_year",
        "1/s",
        r"\delta" + _of("gpu"),
        "change of rents",
        low=-float("inf"),
        quoted="1/year",
    ),
)

_BREAKEVEN = (
    _positive(
        "step_tokens_per_second",
        "token/s",
        "D" + _of("step"),
        "average demand that one needed replica carries",
        quoted="token/month",
    ),
    Quantity(
        "breakeven_tokens_per_second",
        "token/s",
        "D^{*}",
        "demand at which hosting costs what the API costs",
        quoted="token/month",
    ),
    Quantity("replica_usd_per_second", "USD/s", "C" + _of("rep"), "cost of one more replica", quoted=_PER_MONTH),
    _positive("paid_per_needed_replica", "", r"\mu", "replicas paid for per replica needed, in a large fleet"),
    Quantity(
        "floor_usd_per_token",
        "USD/token",
        "c" + _of("floor"),
        "what a self-hosted token costs at the least, however many there are",
        quoted=_PER_MILLION,
    ),
)

_TIME = (
    Quantity("one_year", "s", r"\mathrm{a}", "one year", value=31_536_000.0),
    Quantity("elapsed_seconds", "s", "t", "time from today", quoted="year"),
    Quantity("growth_per_year", "", r"\gamma", "growth of the volume in a year", low=-0.99, quoted="%"),
    Quantity("price_change_per_year", "1/s", r"\delta", "change of a price", low=-float("inf"), quoted="1/year"),
    _positive("price_factor", "", "f" + _of("price"), "a price over today's"),
    _positive("discount_factor", "", "f" + _of("now"), "worth today of a dollar due later"),
    Quantity("resale_share", "", "s" + _of("sale"), "what used hardware brings, over its price", quoted="%"),
    Quantity("present_usd", "USD", "X", "present cost"),
)

_TRENDS = (
    _share("input_token_share", "w" + _of("in"), "share of input among the tokens of a mixed price"),
    Quantity("mixed_usd_per_token", "USD/token", "p" + _of("mix"), "input and output mixed", quoted=_PER_MILLION),
    _positive("earlier_usd_per_token", "USD/token", "p_0", "a price at first", quoted=_PER_MILLION),
    _positive("later_usd_per_token", "USD/token", "p_1", "the price of the same later on", quoted=_PER_MILLION),
    _positive("decline_factor_per_year", "", r"\phi", "what a price is divided by in a year; below 1 where it rises"),
    Quantity(
        "halving_seconds", "s", "t" + _of("half"), "time in which a price halves; below zero: in which it doubles",
        low=-float("inf"), quoted="month",
    ),
    Quantity("run_usd", "USD", "C" + _of("run"), "cost of letting a model do all tasks of a benchmark"),
    _positive("tasks", "", "n" + _of("task"), "tasks tried", whole=True),
    _share("solved_share", "s" + _of("ok"), "share of the tasks that were solved", above=True),
    Quantity("task_usd", "USD", "c" + _of("task"), "cost of one task"),
    Quantity("solved_task_usd", "USD", "c" + _of("ok"), "cost per task that was solved"),
)  # fmt: skip

_LOADS = (
    _positive(
        "loaded_tokens_per_second", "token/s", "R" + _of("load"), "tokens per second of one replica as requests come"
    ),
    Quantity(
        "overage_usd_per_token",
        "USD/token",
        "c" + _of("over"),
        "cost of capacity that is not used",
        quoted=_PER_MILLION,
    ),
    Quantity(
        "underage_usd_per_token",
        "USD/token",
        "c" + _of("under"),
        "cost of a token for which capacity is missing, over the rent saved",
        low=-float("inf"),
        quoted=_PER_MILLION,
    ),
    Quantity(
        "critical_fractile",
        "",
        "F^{*}",
        "share of the hours in which the best capacity is enough",
        low=-float("inf"),
        high=1.0,
        quoted="%",
    ),
    Quantity("breakeven_utilization", "", "u^{*}", "use from which one more replica pays", quoted="%"),
    Quantity(
        "spot_interruptions_per_month",
        "1/s",
        "f" + _of("int"),
        "times that a spot replica is taken back",
        quoted="1/month",
    ),
    Quantity("spot_restart_seconds", "s", "t" + _of("int"), "time until another spot replica stands in"),
    Quantity("lost_tokens", "token", "n" + _of("lost"), "work that is lost when a replica is taken back"),
    Quantity("interruption_usd", "USD", "c" + _of("int"), "cost of one interruption"),
    Quantity(
        "dependable_replica_usd_per_second",
        "USD/s",
        "C" + _of("dep"),
        "cost of a replica that nobody takes back",
        quoted=_PER_MONTH,
    ),
    Quantity(
        "spot_replica_usd_per_second",
        "USD/s",
        "C" + _of("spot"),
        "cost of a spot replica with its interruptions",
        quoted=_PER_MONTH,
    ),
    Quantity(
        "worthwhile_interruptions_per_month",
        "1/s",
        "f" + _of("int") + "^{*}",
        "interruptions at which spot costs as much as a replica that nobody takes back",
        low=-float("inf"),
        quoted="1/month",
    ),
    _share("bursty_share", "s" + _of("bur"), "share of the volume that comes in bursts"),
    _share("constant_share", "s" + _of("con"), "share of the volume that comes all day"),
    _share("realtime_share", "s" + _of("rt"), "share of the volume that must be answered at once"),
)

_WAITING = (
    Quantity("arrivals_per_second", "1/s", r"\lambda" + _of("req"), "requests that arrive"),
    _positive("service_seconds", "s", "t" + _of("srv"), "time of one request in service"),
    _positive("servers", "", "k" + _of("srv"), "requests that can be in service at once", whole=True),
    Quantity("offered_servers", "", "a", "requests in service at once, on average, if none waits"),
    _share("waiting_probability", "P" + _of("wait"), "share of requests that wait (Erlang C)"),
    Quantity("arrival_variation", "", "v" + _of("arr"), "standard deviation over mean of the time between arrivals"),
    Quantity("service_variation", "", "v" + _of("srv"), "standard deviation over mean of the time in service"),
    Quantity("waiting_seconds", "s", "t" + _of("wait"), "time that a request waits, on average"),
    _positive("first_token_limit_seconds", "s", "t" + _of("ttft") + "^{*}", "time within which an answer must begin"),
    _positive(
        "output_token_limit_seconds", "s/token", "t" + _of("tpot") + "^{*}", "time within which each token must follow"
    ),
    _share("late_share", "s" + _of("late"), "share of requests that miss a limit"),
    _share("late_share_cut", r"\Delta s" + _of("late"), "by how much the share of late requests falls"),
    Quantity("late_price_multiple", "", "m" + _of("late"), "cost of a late request over the price of a request"),
    Quantity("worthwhile_price_multiple", "", "m^{*}", "price of a faster service over the slower one, at most"),
)

_LEVERS = (
    # one request on a replica of one's own
    _positive("request_gpu_seconds", "GPU*s", "T" + _of("req"), "GPU time of one request, prompt and answer"),
    _positive("served_request_usd", "USD", "c" + _of("own"), "rent for one request on replicas of one's own"),
    _share("exit_share", "q" + _of("exit"), "share of tokens that leave the model before its last layer"),
    _share("exit_depth_share", "d" + _of("exit"), "share of the layers that such a token passes"),
    _share("computed_layer_share", "s" + _of("lay"), "share of the layers that a token passes, on average"),
    _share("read_layer_share", "r" + _of("lay"), "share of the layers that a step has to read, on average"),
    _share("kept_token_share", "k" + _of("kv"), "share of a sequence's tokens whose cache is kept"),
    _share("pruned_memory_share", "s" + _of("prune"), "share of a sequence's cache that pruning frees"),
    _share("low_precision_share", "s" + _of("low"), "share of the layers that are kept in fewer bits"),
    _positive("narrow_request_usd", "USD", "c" + _of("few"), "rent for a request if all layers have few bits"),
    _positive("wide_request_usd", "USD", "c" + _of("many"), "rent for a request if no layer has few bits"),
    _positive("mixed_request_usd", "USD", "c" + _of("mix"), "rent for a request if some layers have few bits"),
    # another model for some requests
    _positive("large_request_usd", "USD", "c" + _of("L"), "cost of a request at the large model"),
    _positive("small_request_usd", "USD", "c" + _of("S"), "cost of a request at the small model"),
    Quantity(
        "router_cost_share",
        "",
        "c" + _of("rt"),
        "cost of choosing a model over that of a request at the large one",
        quoted="%",
    ),
    _share("routed_share", "s" + _of("easy"), "share of requests that the router sends to the small model"),
    _share("repeated_share", "s" + _of("rep"), "share of these that the large model has to answer again"),
    _positive("routed_request_usd", "USD", "c" + _of("route"), "cost of a request with routing, on average"),
    Quantity(
        "breakeven_routed_share",
        "",
        "s" + _of("easy") + "^{*}",
        "share of requests from which on routing pays",
        quoted="%",
    ),
    _positive("search_usd", "USD", "c" + _of("find"), "price of one search"),
    _share("found_share", "h" + _of("find"), "share of requests for which a search finds the answer"),
    _positive("retrieved_request_usd", "USD", "c" + _of("ret"), "cost of a request if a search comes first"),
    Quantity("breakeven_search_usd", "USD", "c" + _of("find") + "^{*}", "price of a search up to which it pays"),
    _positive("training_usd", "USD", "K" + _of("train"), "cost of distilling a model, once"),
    _positive(
        "teacher_usd_per_token",
        "USD/token",
        "c" + _of("teach"),
        "cost of a token of the large model",
        quoted=_PER_MILLION,
    ),
    _positive(
        "student_usd_per_token",
        "USD/token",
        "c" + _of("stud"),
        "cost of a token of the distilled model",
        quoted=_PER_MILLION,
    ),
    _positive("payback_tokens", "token", "V" + _of("pay"), "tokens after which distilling has paid for itself"),
    # a provider's cache
    _positive(
        "prompt_requests_per_second",
        "1/s",
        r"\lambda" + _of("pre"),
        "requests per second that begin with the same tokens",
    ),
    _positive("cache_life_seconds", "s", "t" + _of("life"), "time for which a cache keeps what is not used"),
    _share("reuse_share", "h" + _of("api"), "share of requests that find their beginning in the provider's cache"),
    _share("cache_discount_share", "d" + _of("hit"), "discount on input found in the provider's cache"),
    Quantity(
        "cache_write_premium",
        "",
        "w" + _of("miss"),
        "surcharge on input that is written to the provider's cache",
        quoted="%",
    ),
    Quantity(
        "cached_prefix_tokens",
        "token",
        "S" + _of("pre"),
        "tokens at the beginning of a prompt that many requests share",
    ),
    Quantity("plain_request_usd", "USD", "c" + _of("list"), "list price of a request"),
    _positive("prefixed_request_usd", "USD", "c" + _of("cached"), "price of a request whose beginning is cached"),
    _share(
        "breakeven_reuse_share",
        "h" + _of("api") + "^{*}",
        "share of requests that must find their beginning for a cache to pay",
    ),
)

_DECISION = (
    Quantity(
        "fixed_usd_per_second",
        "USD/s",
        "C" + _of("fix"),
        "what hosting costs before its first replica",
        quoted=_PER_MONTH,
    ),
    Quantity("overflow_tokens_per_second", "token/s", "D" + _of("over"), "load beyond what the replicas carry"),
    _share("replica_availability", "A" + _of("rep"), "share of time in which a replica is up", above=True),
    Quantity("bought_tokens_per_second", "token/s", "D" + _of("buy"), "load that is left to the API"),
    Quantity(
        "hybrid_usd_per_second",
        "USD/s",
        "C" + _of("hyb"),
        "bill of replicas for the base and an API for the rest",
        quoted=_PER_MONTH,
    ),
    _positive("horizon_months", "s", "T" + _of("hor"), "time over which costs are compared", quoted="month"),
    Quantity(
        "work_hours_per_month",
        "",
        "h" + _of("team"),
        "time worked on hosting, the setup spread over the horizon",
        quoted="hour/month",
    ),
)

_TEACHING = (
    _positive("reading_seconds_per_word", "s", "t" + _of("word"), "time to read a word of this book"),
    _positive("seconds_per_display", "s", "t" + _of("look"), "time for a figure, a table or an equation"),
    _positive("seconds_per_question", "s", "t" + _of("ask"), "time for a question of the page"),
    _positive("seconds_per_exercise", "s", "t" + _of("solve"), "time for an exercise"),
)

_GROUPS = (
    _CONSTANTS, _MODEL_SHAPE, _PARAMETERS, _PRECISION, _HARDWARE, _WORKLOAD, _MEMORY, _ROOFLINE,
    _SERVING, _API, _HOSTING, _OWNING, _EGRESS, _CHANGES, _BREAKEVEN, _TIME, _LOADS, _WAITING, _TRENDS, _LEVERS,
    _DECISION, _TEACHING,
)  # fmt: skip

VOCABULARY: dict[str, Quantity] = {quantity.name: quantity for group in _GROUPS for quantity in group}


def quantity(name: str) -> Quantity:
    """The quantity called `name`. Raises InputError, with near matches, when the vocabulary has none."""
    if name not in VOCABULARY:
        raise InputError(f"no quantity is called {name!r}{near(name, VOCABULARY)}")
    return VOCABULARY[name]

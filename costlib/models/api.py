"""What an API charges: for a request, for a token of a mix, for a month."""

from costlib.equations import Equation, Expr, equation

SOURCE = "lane_2026_openai_pricing"


@equation(
    source=SOURCE,
    example={
        "input_usd_per_token": 3e-6,
        "cached_input_usd_per_token": 0.3e-6,
        "cache_hit_share": 0.5,
        "gives": 1.65e-6,
    },
)
def paid_input_usd_per_token(
    input_usd_per_token: Expr, cached_input_usd_per_token: Expr, cache_hit_share: Expr
) -> Expr:
    """Input tokens that the provider finds in its cache cost less."""
    return (1 - cache_hit_share) * input_usd_per_token + cache_hit_share * cached_input_usd_per_token


@equation(
    source=SOURCE,
    example={
        "input_tokens": 1000,
        "paid_input_usd_per_token": 3e-6,
        "output_tokens": 300,
        "output_usd_per_token": 15e-6,
        "batch_share": 0,
        "batch_discount_share": 0.5,
        "gives": 0.0075,
    },
)
def request_usd(
    input_tokens: Expr,
    paid_input_usd_per_token: Expr,
    output_tokens: Expr,
    output_usd_per_token: Expr,
    batch_share: Expr,
    batch_discount_share: Expr,
) -> Expr:
    """Input and output are billed apart; what can wait is billed at a discount."""
    listed = input_tokens * paid_input_usd_per_token + output_tokens * output_usd_per_token
    return listed * (1 - batch_share * batch_discount_share)


@equation(source=SOURCE, example={"request_usd": 0.0075, "input_tokens": 1000, "output_tokens": 500, "gives": 5e-6})
def api_usd_per_token(request_usd: Expr, input_tokens: Expr, output_tokens: Expr) -> Expr:
    """The price of the mix, spread over all its tokens."""
    return request_usd / (input_tokens + output_tokens)


@equation(source=SOURCE, example={"output_usd_per_token": 15e-6, "input_usd_per_token": 3e-6, "gives": 5})
def output_premium(output_usd_per_token: Expr, input_usd_per_token: Expr) -> Expr:
    """How much more an output token costs than an input token."""
    return output_usd_per_token / input_usd_per_token


@equation(source=SOURCE, example={"demand_tokens_per_second": 1000, "api_usd_per_token": 5e-6, "gives": 0.005})
def api_usd_per_second(demand_tokens_per_second: Expr, api_usd_per_token: Expr) -> Expr:
    """An API is paid by the token, and for nothing else."""
    return demand_tokens_per_second * api_usd_per_token


EQUATIONS: tuple[Equation, ...] = (
    paid_input_usd_per_token, request_usd, api_usd_per_token, output_premium, api_usd_per_second,
)  # fmt: skip

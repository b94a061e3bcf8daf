"""How fast a price falls, in what time it halves, and what a task costs rather than a token."""

from sympy import log

from costlib.equations import Equation, Expr, equation

DECLINE = "epoch_2025_price_trends"
RUNS = "aider_2025_polyglot"


@equation(
    source=DECLINE,
    example={
        "input_token_share": 0.75,
        "input_usd_per_token": 30e-6,
        "output_usd_per_token": 60e-6,
        "gives": 37.5e-6,
    },
)
def mixed_usd_per_token(input_token_share: Expr, input_usd_per_token: Expr, output_usd_per_token: Expr) -> Expr:
    """Series of prices weigh input and output in one fixed proportion, so that one number follows a model."""
    return input_token_share * input_usd_per_token + (1 - input_token_share) * output_usd_per_token


@equation(
    source=DECLINE,
    example={
        "earlier_usd_per_token": 40e-6,
        "later_usd_per_token": 10e-6,
        "elapsed_seconds": 63_072_000,
        "gives": 2.0,
    },
)
def decline_factor_per_year(
    earlier_usd_per_token: Expr, later_usd_per_token: Expr, one_year: Expr, elapsed_seconds: Expr
) -> Expr:
    """A price that is divided by the same factor every year goes from the first to the last one."""
    return (earlier_usd_per_token / later_usd_per_token) ** (one_year / elapsed_seconds)


@equation(source=DECLINE, example={"decline_factor_per_year": 4.0, "gives": 15_768_000})
def halving_seconds(one_year: Expr, decline_factor_per_year: Expr) -> Expr:
    """The same rate as a time."""
    return one_year * log(2) / log(decline_factor_per_year)


@equation(source=RUNS, example={"run_usd": 22.5, "tasks": 225, "gives": 0.1})
def task_usd(run_usd: Expr, tasks: Expr) -> Expr:
    """A task costs all the tokens that it takes, those of reasoning included."""
    return run_usd / tasks


@equation(source=RUNS, example={"task_usd": 0.1, "solved_share": 0.5, "gives": 0.2})
def solved_task_usd(task_usd: Expr, solved_share: Expr) -> Expr:
    """Tasks that fail are paid for as well."""
    return task_usd / solved_share


EQUATIONS: tuple[Equation, ...] = (
    mixed_usd_per_token, decline_factor_per_year, halving_seconds, task_usd, solved_task_usd,
)  # fmt: skip

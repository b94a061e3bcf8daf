"""Mutation testing of the models and of the data: change one thing in their code, and see whether a test notices.

Run by ``make mutation``, or with ``SAMPLE=25`` on so many of each module. Mutants are cosmic-ray's, and two of our
own for the words of equations. What an equation's own example does not notice goes to a process of its own, forked from
one that has loaded everything but this project; there the changed module is imported and the tests that are about
it run up to the first that fails. Results are kept, so that a run that was interrupted goes on; survivors run again.
"""

from __future__ import annotations

import ast
import csv
import difflib
import gc
import hashlib
import importlib
import importlib.machinery
import importlib.util
import itertools
import json
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[1]
MODELS = sorted(path for path in (ROOT / "costlib" / "models").glob("*.py") if path.stem != "__init__")
OTHERS = [ROOT / "costlib" / name for name in ("data.py", "equations.py", "tracking.py")]
KEPT = ROOT / "_build" / "mutation.jsonl"
SURVIVORS = Path(__file__).with_name("survivors.csv")  # those that no test can or should notice, each with the reason
WANTED = 0.90  # share of mutants that the tests must notice
SEED = 8
SECONDS = {"examples": 10, "tests": 120}  # of computing; a mutant that takes longer counts as noticed

ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow")
OPERATORS = (
    *(f"core/ReplaceBinaryOperator_{one}_{other}" for one, other in itertools.permutations(ARITHMETIC, 2)),
    *(
        f"core/ReplaceComparisonOperator_{one}_{other}"
        for group in (("Eq", "NotEq"), ("Lt", "LtE", "Gt", "GtE"), ("Is", "IsNot"))
        for one, other in itertools.permutations(group, 2)
    ),
    *("core/ReplaceUnaryOperator_USub_UAdd", "core/ReplaceUnaryOperator_Delete_Not", "core/AddNot"),
    *("core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue", "core/ReplaceAndWithOr", "core/ReplaceOrWithAnd"),
    *("core/ReplaceContinueWithBreak", "core/ReplaceBreakWithContinue", "core/ZeroIterationForLoop"),
    *("core/ExceptionReplacer", "core/NumberReplacer", "core/RemoveDecorator"),
)


class Swap(Operator):
    """Puts one word of equations in the place of another."""

    def __init__(self, word: str, other: str) -> None:
        self.word, self.other = word, other

    def mutation_positions(self, node):
        """Where the word is called."""
        if node.type == "name" and node.value == self.word and node.get_next_leaf().value == "(":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        """The other word."""
        node.value = self.other
        return node

    @classmethod
    def examples(cls):
        """None for cosmic-ray's own documentation."""
        return ()


SWAPS = {
    f"swap/{one}_{other}": Swap(one, other)
    for pair in (("Max", "Min"), ("ceiling", "floor"))
    for one, other in itertools.permutations(pair)
}


# --- mutants ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One change of one module: its operator and the how-manieth place where that applies."""

    path: Path
    digest: str
    operator: str
    occurrence: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What names it in the kept results."""
        return self.module, self.digest, self.operator, self.occurrence

    @property
    def module(self) -> str:
        """The module's name."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    def text(self) -> str:
        """The changed module."""
        operator = SWAPS.get(self.operator) or get_operator(self.operator)()
        return mutate_code(self.path.read_text("utf-8"), operator, self.occurrence)

    def change(self) -> tuple[str, str]:
        """The changed lines before and after."""
        before, after = self.path.read_text("utf-8").splitlines(), self.text().splitlines()
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
        return tuple(" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module, but for changes of annotations and of what decorators are given (examples, sources)."""
    text = path.read_text("utf-8")
    left_out = set(_left_out(ast.parse(text)))
    tree, digest = get_ast(text), hashlib.sha256(text.encode()).hexdigest()[:10]
    for name in (*OPERATORS, *SWAPS):
        operator = SWAPS.get(name) or get_operator(name)()
        places = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        for occurrence, (line, _) in enumerate(places):
            if line not in left_out:
                yield Mutant(path, digest, name, occurrence)


def _left_out(tree: ast.Module) -> Iterator[int]:
    """The lines of annotations and of calls of decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for each in (each for each in node.decorator_list if isinstance(each, ast.Call)):
                yield from range(each.lineno, each.end_lineno + 1)
        if isinstance(node, ast.FunctionDef):  # the head of a function, up to the colon
            yield from range(node.lineno, max(node.lineno + 1, node.body[0].lineno))


# --- what notices them ------------------------------------------------------------------------------------------------

ABOUT = {  # the tests about a module, the quick and likely ones first
    "costlib.data": ("data", "models", "book"),
    "costlib.tracking": ("tracking", "freshness", "data"),
    "costlib.equations": ("equations", "render", "models", "sensitivity", "breakeven"),
    "costlib.models.api": ("equations", "api_pricing", "breakeven"),
    "costlib.models.batching": ("equations", "models", "serving", "predict", "calibration"),
    "costlib.models.breakeven": ("equations", "breakeven", "scale_tiers"),
    "costlib.models.decision": ("equations", "decision"),
    "costlib.models.drivers": ("equations", "drivers"),
    "costlib.models.egress": ("equations", "egress"),
    "costlib.models.horizons": ("equations", "horizons"),
    "costlib.models.hosting": ("equations", "self_hosting", "scale_tiers", "breakeven"),
    "costlib.models.levers": ("equations", "levers"),
    "costlib.models.trends": ("equations", "price_trends"),
    "costlib.models.workloads": ("equations", "workloads", "loads", "capacity", "portfolio"),
}
SLOW = tuple(  # what runs a copy of the project, in which nothing is changed
    f"tests/test_tracking.py::test_{name}"
    for name in (
        "a_price_runs_again_what_asked_for_it_and_says_which",
        "with_quotes_of_the_reader_all_rests_on_the_tables",
        "a_record_of_another_version_is_not_believed",
        "after_a_changed_price_all_chapters_are_as_if_all_had_run",
    )
)
ABOUT_SPEED = ("equations", "models", "serving", "model_sizes", "predict", "calibration")  # all other models


def noticed_by_examples(mutant: Mutant) -> str:
    """How the module itself notices: "import" if it cannot be loaded, "example" if an equation fails its own."""
    return _noticed(in_child(lambda: _examples(mutant), SECONDS["examples"]), {0: "", 1: "import", 2: "example"})


def _examples(mutant: Mutant) -> int:
    from costlib.equations import Equation

    module = types.ModuleType(mutant.module)
    exec(compile(mutant.text(), mutant.path, "exec"), module.__dict__)
    equations = (each for each in vars(module).values() if isinstance(each, Equation))
    right = (math.isclose(made(made.example), made.example["gives"], rel_tol=1e-12) for made in equations)
    return 0 if all(right) else 2


def _noticed(status: int, words: Mapping[int, str]) -> str:
    """An exit code in words. Raises RuntimeError for one that says nothing about the mutant."""
    words = {**words, -signal.SIGXCPU: "timeout"}
    if status not in words:
        raise RuntimeError(f"a process that judged a mutant ended with {status}")
    return words[status]


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed text."""

    text = ""

    def get_code(self, fullname):
        return compile(self.text, self.path, "exec")

    def find_spec(self, fullname, path=None, target=None):
        """This module, for the import system; no other."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None


def noticed_by_tests(mutant: Mutant) -> str:
    """How the tests notice: "tests" if one fails or cannot be loaded, "timeout" if they do not end."""
    return _noticed(
        in_child(lambda: _tests(mutant), SECONDS["tests"]), {0: "", 1: "tests", 2: "tests", 3: "tests", 4: "tests"}
    )


def in_child(job: Callable[[], int], seconds: int) -> int:
    """The exit code of `job` in a silent process of its own; negative if a signal ended it, as after `seconds`."""
    child = os.fork()
    if not child:
        status = 1  # of what a mutant may raise
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.dup2(1, 2)
            status = job()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _tests(mutant: Mutant) -> int:
    """The exit code of pytest on the tests about the module, with its changed text in the place of its own."""
    loader = _Changed(mutant.module, str(mutant.path))
    loader.text = mutant.text()
    sys.meta_path.insert(0, loader)
    return run_tests(mutant.module)


def run_tests(module: str) -> int:
    """The exit code of pytest on the tests about `module`, up to the first that fails."""
    import pytest

    files = [str(ROOT / "tests" / f"test_{name}.py") for name in ABOUT.get(module, ABOUT_SPEED)]
    without = [argument for each in SLOW for argument in ("--deselect", each)]
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *without, *files]))


# --- all of them ------------------------------------------------------------------------------------------------------


def known() -> dict[tuple, str]:
    """How mutants of modules as they are now were noticed in earlier runs."""
    lines = KEPT.read_text("utf-8").splitlines() if KEPT.exists() else []
    return {tuple(key): how for *key, how in map(json.loads, lines) if how}


def judged(todo: list[Mutant], found: dict[tuple, str], notice: Callable[[Mutant], str]) -> list[Mutant]:
    """Let `notice` look at each mutant, on all cores, and keep what is noticed. Returns those that are not."""
    left = []
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool, KEPT.open("a") as file:
        for done, (mutant, how) in enumerate(zip(todo, pool.map(notice, todo), strict=True), start=1):
            if how:
                found[mutant.key] = how
                print(json.dumps([*mutant.key, how]), file=file, flush=True)
            else:
                left.append(mutant)
            if done % 25 == 0 or done == len(todo):
                print(f"  {done}/{len(todo)}, {len(left)} of them unnoticed", file=sys.stderr, flush=True)
    return left


def load_all() -> None:
    """Load the whole library with all that it needs."""
    for name in ("nbformat", "pytest"):
        importlib.import_module(name)
    for path in sorted((ROOT / "costlib").rglob("*.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))


def forget_own() -> None:
    """Forget the library, but not what it needs: it is to be imported again with one module changed."""
    for name in [name for name in sys.modules if name.split(".")[0] == "costlib"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def reasons() -> dict[tuple[str, str, str], str]:
    """Why survivors that are known may survive, by module and by the changed lines before and after."""
    with SURVIVORS.open(encoding="utf-8", newline="") as file:
        return {(row["module"], row["before"], row["after"]): row["reason"] for row in csv.DictReader(file)}


def main(sample: int | None) -> int:
    """Judge all mutants, or a seeded `sample` of each module. Returns 1 for too few noticed or one with no reason."""
    every = {path: list(mutants(path)) for path in (*MODELS, *OTHERS)}
    chosen = [
        mutant
        for each in every.values()
        for mutant in random.Random(SEED).sample(each, min(sample or len(each), len(each)))
    ]
    print(f"{len(chosen)} of {sum(map(len, every.values()))} mutants", file=sys.stderr)
    KEPT.parent.mkdir(exist_ok=True)
    load_all()
    found = known()
    todo = [mutant for mutant in chosen if mutant.key not in found]
    random.Random(SEED).shuffle(todo)  # so that a run that is cut short has seen something of everything
    of_models = [mutant for mutant in todo if mutant.path in MODELS]
    left = {*judged(of_models, found, noticed_by_examples), *todo} - {each for each in of_models if each.key in found}
    forget_own()
    for module in sorted({mutant.module for mutant in left}):
        if in_child(lambda module=module: run_tests(module), SECONDS["tests"]):
            raise SystemExit(f"the tests about {module} fail without any change")
    return told(every, chosen, judged([mutant for mutant in todo if mutant in left], found, noticed_by_tests))


def told(every: Mapping[Path, list[Mutant]], chosen: list[Mutant], left: list[Mutant]) -> int:
    """Print how many of each module were noticed, what share of all that makes, and survivors that have no reason."""
    total, survived = (Counter(mutant.path for mutant in each) for each in (chosen, left))
    for path, count in total.items():
        name, noticed = path.relative_to(ROOT), count - survived[path]
        print(f"{name!s:30} {noticed:4} of {count:4} noticed, {noticed / count:6.1%}; {len(every[path])} in all")
    weighted = sum(len(each) * (1 - survived[path] / total[path]) for path, each in every.items())
    share, why = weighted / sum(map(len, every.values())), reasons()
    new = [(mutant, change) for mutant in left if (mutant.module, *(change := mutant.change())) not in why]
    print(f"modules by their size: {share:.1%} noticed; {len(left)} survive, {len(new)} of them without a reason")
    for mutant, (before, after) in new:
        print(f"{mutant.module}: {mutant.operator} {mutant.occurrence}\n  - {before}\n  + {after}")
    return int(share < WANTED or bool(new))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else None))

"""The page for teachers, generated: plans made of the chapters' sections, with the times that their lengths give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from costlib import book, lessons, questions
from costlib.errors import InputError, near

OPENING, QUESTIONS, EXERCISES = "", "Check yourself", "Exercises"  # sections that every chapter has


@dataclass(frozen=True)
class Part:
    """A part of a plan: a chapter, and which of its sections; none named: all of them."""

    chapter: str
    sections: tuple[str, ...] = ()

    def taken(self, lesson: lessons.Lesson) -> list[lessons.Section]:
        """The sections of the chapter that this part takes. Raises InputError for one that it has not."""
        known = {each.title: each for each in lesson.sections}
        for title in self.sections:
            if title not in known:
                raise InputError(f"the plan wants {title!r} of {self.chapter}{near(title, filter(None, known))}")
        return [known[title] for title in self.sections] or list(lesson.sections)


@dataclass(frozen=True)
class Plan:
    """A course: what it is, in words, and its sittings by title, each of some parts."""

    title: str
    about: str
    sittings: dict[str, tuple[Part, ...]]


LECTURE = Plan(
    "One lecture",
    "For an audience that will not touch a notebook: the question and the answer of each chapter, one figure that "
    "carries it, and a question to vote on. Show the pages or the slides.",
    {
        "The lecture": (
            Part("roofline", (OPENING, "The roof: arithmetic against bandwidth", QUESTIONS)),
            Part("api_pricing", (OPENING, "The bill", "The same request across the market")),
            Part("self_hosting", (OPENING, "Idle time is paid for", "From rent to the real token", QUESTIONS)),
            Part("scale_tiers", (OPENING, "A staircase and a line", "Like for like, and not", QUESTIONS)),
            Part("price_trends", (OPENING, "Three prices side by side")),
            Part("decision", (OPENING, "How far is it from another answer?")),
            Part("audit", (OPENING, "Furthest off", QUESTIONS)),
        ),
    },
)
WORKSHOP = Plan(
    "One workshop",
    "Half a day with computers, in two sittings. In the second everybody runs the decision with numbers of their own.",
    {
        "What a token takes": (
            Part("roofline", (OPENING, "Memory: what must fit", "The roof: arithmetic against bandwidth", QUESTIONS)),
            Part("serving", (OPENING, "A decode step is a sum", "What a user sees", QUESTIONS)),
            Part("api_pricing", (OPENING, "The bill", QUESTIONS)),
            Part("self_hosting", (OPENING, "Idle time is paid for", "From rent to the real token", QUESTIONS)),
        ),
        "What to do": (
            Part("scale_tiers", (OPENING, "A staircase and a line", "Like for like, and not", EXERCISES)),
            Part("decision", (OPENING, "The reasons", "How far is it from another answer?", EXERCISES)),
            Part("audit", (OPENING, "Furthest off", EXERCISES)),
        ),
    },
)
WEEK = Plan(
    "One course week",
    "All chapters with all exercises, a day for each part of the question. The afternoons are for exercises.",
    {
        "Day 1: speed": (Part("roofline"), Part("serving"), Part("your_machine")),
        "Day 2: how far to trust it, and what to change": (Part("validation"), Part("model_sizes"), Part("levers")),
        "Day 3: prices": (Part("api_pricing"), Part("price_trends"), Part("egress")),
        "Day 4: a deployment of one's own": (
            Part("self_hosting"), Part("scale_tiers"), Part("horizons"), Part("workloads"),
        ),
        "Day 5: decisions": (Part("drivers"), Part("monitoring"), Part("decision"), Part("audit")),
    },
)  # fmt: skip
PLANS = (LECTURE, WORKSHOP, WEEK)


def seconds(parts: Iterable[Part]) -> float:
    """Time for all of the parts, by the counts of `lessons`."""
    return sum(each.work.seconds() for part in parts for each in part.taken(_lesson(part.chapter)))


def _lesson(chapter: str) -> lessons.Lesson:
    return lessons.lesson(chapter, book.cells(chapter))


def page(executed: Path) -> str:
    """The page for teachers, as MyST; `executed` holds the executed notebooks, whose questions it quotes."""
    lines = _INTRODUCTION.splitlines()
    for plan in PLANS:
        lines += ["", f"## {plan.title}", "", plan.about, *_sittings(plan)]
    lines += ["", *_AFTER_PLANS.splitlines(), "", "## What chapters teach", "", *_goals()]
    lines += ["", "## Common mistakes", "", *_MISTAKES.splitlines(), "", *_mistakes(executed), "", _HOW_TO]
    return "\n".join(lines)


def _sittings(plan: Plan) -> Iterator[str]:
    """A table for each sitting of a plan, and the sum of all."""
    known, whole = set(book.notebooks()), 0.0
    for title, wanted in plan.sittings.items():
        parts = [part for part in wanted if part.chapter in known]
        whole += (took := seconds(parts))
        yield from ("", f"**{title}**, {lessons.clock(took)}", "", "| chapter | sections | time |", "|---|---|---:|")
        for part in parts:
            names = ", ".join(each or "opening" for each in part.sections) or "all, with questions and exercises"
            yield f"| {{doc}}`{part.chapter}` | {names} | {lessons.clock(seconds([part]))} |"
    yield from ("", f"In all {lessons.clock(whole)}, without breaks.")


def _goals() -> Iterator[str]:
    for name in book.notebooks():
        lesson = _lesson(name)
        yield from (f"{{doc}}`{name}`, {lessons.clock(lesson.work().seconds())}", "")
        yield from (f"- {goal}" for goal in lesson.goals)
        yield ""


def shown(path: Path) -> list[str]:
    """The texts that an executed notebook shows, as MyST."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    found = (output.get("data", {}).get("text/markdown", "") for cell in cells for output in cell.get("outputs", ()))
    return ["".join(each) for each in found if each]


def _mistakes(executed: Path) -> Iterator[str]:
    """For each chapter its questions, with the wrong answers and the mistakes behind them, folded away."""
    for name in book.notebooks():
        asked = [found for text in shown(executed / f"{name}.ipynb") if (found := questions.read(text))]
        if asked:
            yield from (f"````{{dropdown}} {_lesson(name).title}", "| asked | answered | mistake |", "|---|---|---|")
        for question, answers in asked:
            for place, each in enumerate(wrong for wrong in answers if not wrong.right):
                yield f"| {'' if place else question} | {each.text} | {each.reply} |"
        if asked:
            yield from ("````", "")


_INTRODUCTION = """\
(teaching)=
# For teachers

Three ways to teach with this book, made of its sections. Times are computed from the length of what is taken: words,
figures, tables, equations, questions and exercises, at a pace that is assumed (in the {ref}`table of assumptions
<table-assumptions>`). They are what a reader needs alone; presenting takes about as long, discussing takes longer.

**Who takes part** can add, multiply and read a chart with logarithmic axes; a logarithm is all the mathematics that is
asked for, and the chapter on drivers asks for variances. Nobody must program to read; running a chapter again takes
one command. Nothing must be known of language models: the {doc}`glossary <../glossary>` explains each word.

**At the end they can** compute what a token costs by API and by GPUs of their own, name what limits it, say how sure
the answer is and what would change it, and check somebody else's number: find its unit, its source and the range in
which it holds."""

_AFTER_PLANS = """\
## Notebooks and slides

`make student` writes all notebooks without solutions to `_build/student`: the exercises stay, with cells to answer in,
and everything still runs. Solutions are folded away on the pages; hand out the notebooks rather than the pages if they
are not to be seen. `make slides` makes slides of each chapter from the same notebooks. Both follow the parameters and
prices of the day on which they are made."""

_MISTAKES = """\
The wrong answers to the questions of each chapter are computed: each is what a common mistake gives in the case of the
page. The mistakes of the article are in {doc}`audit`, ranked by their size."""

_HOW_TO = """\
## With other numbers

A class learns most from its own case. `make book SCENARIO=name` builds all pages with the parameters of
`notebooks/scenarios/name.yml`. One chapter runs by `costlib run decision -p tokens_per_month=5e9`, and with the
article's inputs by `-p vintage=article`. Every sentence, question, wrong answer and solution follows, so that two
groups with two scenarios can compare what they found. What prices of another day would change: `costlib prices diff`.
"""

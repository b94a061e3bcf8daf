"""What the book offers to those who teach and learn: lessons, questions, exercises, glossary, student notebooks."""

import ast
import json
import re

import nbformat
import pytest

from costlib import book, lessons, pages, questions, student, teaching
from costlib.errors import InputError
from costlib.quantities import VOCABULARY
from tests.browsing import BOOK, needs_book
from tests.conftest import ROOT

NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
each_chapter = pytest.mark.parametrize("name", NAMES)


def lesson(name):
    return lessons.lesson(name, book.cells(name))


def calls(name, verb):
    """The calls of `book.<verb>` in a notebook, each with its cell."""
    for cell in book.cells(name):
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"book.{verb}":
                yield cell, node


def argument(call, name):
    return next(each.value for each in call.keywords if each.arg == name)


def text_of(node):
    """A text written in a cell, also if computed words are put into it."""
    return "".join(
        each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )


# --- lessons ----------------------------------------------------------------------------------------------------------

VERBS = {
    "bound", "check", "choose", "combine", "compare", "compute", "count", "decide", "explain", "find", "judge",
    "measure", "name", "predict", "price", "recognize", "say", "split", "tell", "test", "turn",
}  # fmt: skip


@each_chapter
def test_a_chapter_says_what_it_teaches_right_after_its_question(name):
    cells = book.cells(name)
    assert cells[0].source.rstrip().endswith(":::") and ":class: question" in cells[0].source
    assert "book.lesson(" in cells[1].source
    [(_, call)] = calls(name, "lesson")
    assert ast.literal_eval(call.args[0]) == name
    assert 3 <= len(lesson(name).goals) <= 4
    assert [goal for goal in lesson(name).goals if goal.split()[0] not in VERBS] == []  # what can be tested


@each_chapter
def test_a_chapter_builds_on_chapters_that_come_before_it(name):
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    order = [each for each in re.findall(r"book/executed/(\w+)", toc) if each in NAMES]
    assert set(lesson(name).needs) <= set(order[: order.index(name)])


def test_the_time_of_a_chapter_grows_with_what_there_is_to_do():
    one = {"cell_type": "markdown", "source": "# Title\n\n" + "word " * 1000}
    more = {"cell_type": "code", "source": 'book.figure(drawn, "x", "A claim.")\nbook.show(a, b)\nbook.check("What?")'}
    exercise = {"cell_type": "markdown", "source": "## Exercises\n\n```{exercise} By hand\n```"}
    assert lessons.lesson("x", [one]).work() == lessons.Work(words=1001)
    found = lessons.lesson("x", [one, more, exercise])
    assert found.work() == lessons.Work(1001 + 3 + 4 - 1, 1, 2, 1, 1)
    assert [each.title for each in found.sections] == ["", "Exercises"]
    paces = {"reading_seconds_per_word": 1006 * 0.34, "seconds_per_display": 3 * 60}
    assert found.work().reading_seconds() == pytest.approx(sum(paces.values()), rel=0.01)
    assert found.work().practice_seconds() == 60 + 600


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(10, "5 minutes"), (1700, "30 minutes"), (7100, "2 h"), (4000, "65 minutes"), (8000, "2 h 15 min")],
)
def test_a_time_is_said_in_steps_of_five_minutes(seconds, said):
    assert lessons.clock(seconds) == said


# --- takeaways and exercises ------------------------------------------------------------------------------------------


@each_chapter
def test_a_chapter_ends_with_takeaways_whose_numbers_are_computed(name):
    [(cell, call)] = [(cell, call) for cell, call in calls(name, "say") if cell.id == "takeaway"]
    title, *lines = text_of(call.args[0]).strip().splitlines()
    assert title == "Takeaways" and ast.literal_eval(argument(call, "box")) == "takeaway"
    assert len(lines) >= 2 and all(line.startswith("- ") for line in lines)
    assert any("{" in line for line in lines)


def exercises(name):
    """The exercises of a chapter: label, title and text."""
    [cell] = [cell for cell in book.cells(name) if cell.id == "exercises"]
    return re.findall(r"```\{exercise\} ([^\n]+)\n:label: (\S+)\n\n(.+?)\n```", cell.source, flags=re.S)


@each_chapter
def test_a_chapter_has_an_exercise_of_each_kind(name):
    found = exercises(name)
    kinds = [title for title, *_ in found]
    assert kinds == list(lessons.EXERCISES)
    assert [label.rpartition("-")[2] for _, label, _ in found] == list(lessons.EXERCISES.values())
    by_kind = {title: text for title, _, text in found}
    assert re.search(r"`|another|other|larger|half", by_kind["By changing a parameter"])
    assert "the article" in by_kind["A published claim"].lower()


@each_chapter
def test_each_exercise_has_a_solution_that_is_hidden_and_computed(name):
    found = {ast.literal_eval(call.args[0]): call for _, call in calls(name, "solution")}
    texts = {label: text for _, label, text in exercises(name)}
    assert set(found) == set(texts)
    for label, call in found.items():
        text = text_of(call.args[1])
        assert re.search(r"\{\w+[:}]", text), f"{label} says nothing that is computed"
        plain = re.sub(r"\{[^}]*\}(`[^`]*`)?|\$[^$]*\$|C\d{3}", "", text)
        typed, given = (set(re.findall(r"(?<![A-Za-z\d])\d+(?:[.,]\d+)*", each)) for each in (plain, texts[label]))
        assert typed - given - ALLOWED.get(label, set()) == set(), label


ALLOWED = {  # what is a name and no number of the case
    "ex-drivers-hand": {"2", "12"},  # a square, and the variance of an even spread
    "ex-levers-critique": {"4"},  # bits
    "ex-price-trends-critique": {"3"},  # GPT-3
    "ex-validation-run": {"90"},  # of an interval
}


# --- questions --------------------------------------------------------------------------------------------------------


@each_chapter
def test_a_chapter_asks_three_questions_whose_answers_are_computed(name):
    asked = list(calls(name, "check"))
    assert len(asked) >= 3
    for _, call in asked:
        wrong = argument(call, "wrong")
        answers = [text_of(argument(call, "right"))]
        answers += [text_of(each) for each in wrong.keys] if isinstance(wrong, ast.Dict) else []
        assert any("{" in each for each in answers)
        assert not isinstance(wrong, ast.Dict) or len(wrong.keys) >= 2


def executed():
    """The questions of the executed book, each with its chapter."""
    for path in sorted((ROOT / "book" / "executed").glob("*.ipynb")):
        for text in teaching.shown(path):
            asked = questions.read(text)
            if asked:
                yield path.stem, *asked


def test_of_the_executed_questions_each_has_one_right_answer_and_others_that_look_different():
    asked = list(executed())
    if not asked:
        pytest.skip("no notebook is executed: run `costlib notebooks`")
    for name, question, answers in asked:
        texts = [each.text for each in answers]
        assert len(set(texts)) == len(texts) >= 2, (name, question)
        assert [each.right for each in answers].count(True) == 1, (name, question)
        assert all(each.reply for each in answers) and not re.search(r"\b(nan|inf)\b", " ".join(texts)), (name, texts)
    places = [[each.right for each in answers].index(True) for *_, answers in asked]
    assert 0.1 < places.count(0) / len(places) < 0.5


@each_chapter
@needs_book
def test_the_answers_of_a_page_open_without_a_script(name):
    html = (BOOK / "book" / "executed" / f"{name}.html").read_text("utf-8")
    asked = html.split(f'<p class="admonition-title">{questions.TITLE}</p>')[1:]
    assert len(asked) >= 3
    for each in asked:  # the last one runs on to the end of the page, where there are no more answers
        kinds = re.findall(r'<details class="[^"]*\banswer (right|wrong)\b[^"]*">\s*<summary', each)
        assert len(kinds) >= 2 and kinds.count("right") == 1


def test_a_question_can_be_read_back():
    answers = questions.options("How many?", "4 $x$", "So it is.", {"8": "Twice.", "2": "Half."})
    assert questions.read(questions.myst("How many?", answers)) == ("How many?", answers)
    assert questions.read(":::{admonition} Other\n:::") is None


def test_answers_that_read_alike_in_a_case_are_asked_once():
    found = questions.options("How many?", "4", "So it is.", {"4": "No mistake here.", "8": "Twice.", "2": "Half."})
    assert sorted(each.text for each in found) == ["2", "4", "8"]
    assert [each.reply for each in found if each.right] == ["So it is."]
    assert found == questions.options("How many?", "4", "So it is.", {"2": "Half.", "8": "Twice."})


def test_the_right_answer_stands_anywhere():
    places = {
        [each.right for each in questions.options(f"Question {n}?", "1", "", {"2": "", "3": ""})].index(True)
        for n in range(20)
    }
    assert places == {0, 1, 2}


# --- the glossary -----------------------------------------------------------------------------------------------------


def glossary():
    """The entries of the glossary: what each says, by the tuple of its terms."""
    text = (ROOT / "book" / "glossary.md").read_text("utf-8")
    body = re.search(r"```\{glossary\}\n:sorted:\n\n(.*)\n```", text, flags=re.S)[1]
    entries = {}
    for block in body.split("\n\n"):
        *terms, meaning = block.split("\n")
        assert meaning.startswith("  ") and not any(term.startswith(" ") for term in terms), block
        entries[tuple(terms)] = meaning.strip()
    return entries


ENTRIES = glossary()
ENTRY_OF = {term.lower(): entry for entry in ENTRIES for term in entry}


def _plural(term):
    return r"\s+".join(rf"{re.escape(word)}(?:s|es)?" for word in term.split(" "))


TERM = "|".join(_plural(term) for term in sorted(ENTRY_OF, key=len, reverse=True))
MARK = re.compile(
    rf"\{{term\}}`(?P<linked>[^`]+)`|\{{[\w:]+\}}`[^`]*`|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|(?<![\w-])(?P<plain>{TERM})(?![\w-])",
    re.I,
)
NO_PROSE = re.compile(r"^(#.*|:::.*|```.*|:\w+:.*|\(\S+\)=)$", flags=re.M)


def term_of(text):
    """The entry that a piece of prose names."""
    return next(entry for term, entry in ENTRY_OF.items() if re.fullmatch(_plural(term), text, flags=re.I))


def prose(cell):
    """The prose of a Markdown cell, with as many characters: what is none is blanked out."""
    return NO_PROSE.sub(lambda found: " " * len(found[0]), cell.source)


def uses(cells):
    """Where each entry is used first in the prose of `cells`: cell, match and whether it is linked there."""
    first = {}
    for cell in (cell for cell in cells if cell.cell_type == "markdown"):
        for found in MARK.finditer(prose(cell)):
            if found["linked"]:
                named = re.sub(r".*<(.*)>$", r"\1", found["linked"], flags=re.S)
                first.setdefault(ENTRY_OF[named.lower()], (cell, found, True))
            elif found["plain"]:
                first.setdefault(term_of(found["plain"]), (cell, found, False))
    return first


@each_chapter
def test_a_chapter_links_its_first_use_of_a_term(name):
    first = uses(book.cells(name))
    assert {entry[0]: found[0] for entry, (_, found, linked) in first.items() if not linked} == {}


def test_each_term_is_linked_from_a_chapter():
    linked = {entry for name in NAMES for entry, (*_, linked) in uses(book.cells(name)).items() if linked}
    assert {entry[0] for entry in ENTRIES if entry not in linked} == set()


def test_the_search_for_first_uses_would_find_one():
    cells = [nbformat.v4.new_markdown_cell("# Spot\n\nIts `spot` price, {ref}`spot <x>`, and two replicas on spot.")]
    found = {entry[0]: (match[0], linked) for entry, (_, match, linked) in uses(cells).items()}
    assert found == {"replica": ("replicas", False), "spot": ("spot", False)}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_an_entry_is_short_and_leads_to_its_symbol(entry):
    sentences = re.split(r"(?<=[.])\s", ENTRIES[entry])
    assert 1 <= len(sentences) <= 4 and len(ENTRIES[entry].split()) <= 50
    named = {term.lower().replace(" ", "_").replace("-", "_") for term in entry} & set(VOCABULARY)
    if named:
        assert "<def-" in ENTRIES[entry] or "<executed/symbols>" in ENTRIES[entry]


def test_the_glossary_leads_to_equations_that_exist():
    known = {f"def-{made.function.__name__}" for made in pages.every_equation()}
    leads = re.findall(r"<(def-\w+)>", (ROOT / "book" / "glossary.md").read_text("utf-8"))
    assert len(leads) > 10 and set(leads) <= known


# --- the page for teachers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "least", "most"),
    [(teaching.LECTURE, 60, 90), (teaching.WORKSHOP, 150, 240), (teaching.WEEK, 900, 1500)],
    ids=lambda each: getattr(each, "title", ""),
)
def test_a_plan_takes_as_long_as_its_kind_allows(plan, least, most):
    minutes = teaching.seconds(part for parts in plan.sittings.values() for part in parts) / 60
    assert least <= minutes <= most


def test_a_course_week_takes_every_chapter_and_no_day_more_than_five_hours():
    assert sorted(part.chapter for parts in teaching.WEEK.sittings.values() for part in parts) == NAMES
    assert all(teaching.seconds(parts) <= 5 * 3600 for parts in teaching.WEEK.sittings.values())


def test_a_plan_with_a_section_that_is_no_longer_there_is_an_error():
    with pytest.raises(InputError, match="the plan wants 'The rof: .*' of roofline; did you mean The roof: "):
        teaching.seconds([teaching.Part("roofline", ("The rof: arithmetic against bandwidth",))])


def test_the_page_for_teachers_quotes_questions_times_and_mistakes(tmp_path):
    for name in NAMES:
        answers = questions.options("How many?", f"{name}", "So it is.", {"8": "That is twice."})
        cell = nbformat.v4.new_code_cell(outputs=[
            nbformat.v4.new_output("display_data", data={"text/markdown": questions.myst("How many?", answers)})
        ])  # fmt: skip
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    page = teaching.page(tmp_path)
    assert page.count("| How many? | 8 | That is twice. |") == len(NAMES)
    whole = lessons.clock(teaching.seconds(teaching.LECTURE.sittings["The lecture"]))
    assert f"**The lecture**, {whole}" in page and f"In all {whole}, without breaks." in page
    assert all(f"- {goal}" in page for name in NAMES for goal in lesson(name).goals)


# --- student notebooks ------------------------------------------------------------------------------------------------


def students(name):
    """The cells that students get, by name."""
    source = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in student.student(source)["cells"]}


@each_chapter
def test_a_student_gets_the_exercises_and_no_solution(name):
    given = students(name)
    solved = [cell for cell in book.cells(name) if "book.solution(" in cell.source or cell.id.startswith("solution")]
    assert len(solved) >= 3
    kept = "\n".join(given.values())
    assert "book.solution" not in kept
    assert not any(line.strip() in kept for cell in solved for line in cell.source.splitlines() if len(line) > 30)
    assert kept.count("```{exercise}") == 3
    for _, label, _ in exercises(name):
        place = next(each for each, source in given.items() if source == f"Your answer to `{label}`:")
        assert given[f"{place}-code"].startswith("#")


@each_chapter
def test_what_a_student_keeps_needs_nothing_that_was_taken_away(name):
    kept = students(name)
    code = {cell.id: ast.parse(cell.source) for cell in book.cells(name) if cell.cell_type == "code"}
    names = {
        key: {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for key, tree in code.items()
    }
    gone = set().union(*(names[key] for key in code if key not in kept))
    gone -= set().union(*(names[key] for key in code if key in kept))
    used = {
        node.id for key, tree in code.items() if key in kept for node in ast.walk(tree) if isinstance(node, ast.Name)
    }
    assert used & gone == set()


RUN = """
import papermill, costlib.engine
papermill.execute_notebook({path!r}, {path!r}, kernel_name="python3", language="python", engine_name="in_process",
                           progress_bar=False)
"""


def test_a_student_notebook_runs(project):
    done = project.costlib("student", "-o", project.path / "handed")
    assert done.returncode == 0, done.stderr
    assert f"{len(NAMES)} notebooks" in done.stdout
    done = project.python("-c", RUN.format(path=str(project.path / "handed" / "roofline.ipynb")))
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(project.path / "handed" / "roofline.ipynb", as_version=4).cells
    shown = [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]
    assert len(shown) > 20
    assert not any("{solution}" in str(output.data) for output in shown)

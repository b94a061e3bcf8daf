"""Figures: words for those who cannot see, colors that follow the page, ids of their own, the same bytes every time."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from costlib import figures

X = np.geomspace(1, 1000, 30)


def curves():
    band = figures.Line("band", X**0.5, "decode", low=X**0.4)
    marks = [figures.Point("here", 10.0, 3.0, "decode"), figures.Point("not there", 500.0, 9.0, "prefill", hollow=True)]
    rules = [figures.Rule("memory is full", 200.0, "overhead"), figures.Rule("limit", 20.0, "memory", vertical=False)]
    return figures.lines(
        X, [band, figures.Line("other", X, "memory", dashed=True)], "batch", "tokens", points=marks, rules=rules
    )


def roof():
    points = [figures.Point("1", 1.0, 3.35, "decode"), figures.Point("prefill", 900.0, 989.0, "prefill")]
    return figures.roofline(989.0, 3.35, points, "FLOP per byte", "TFLOP/s")


def dots():
    return figures.dots(
        ["A100", "H100"], {"× arithmetic": ([1.0, 3.2], "compute"), "× memory": ([1.0, 1.6], "memory")}, "relative"
    )


def timelines():
    years = np.array([2023.0, 2024.0, 2025.0])
    early = figures.Track("early", years[:2], np.array([30.0, 3.0]), "api", "steps")
    band = figures.Track("late", years, np.array([9.0, 1.0, 2.0]), "self", low=years - 2022.5, high=years - 2000)
    return figures.timelines(
        {"above": [early], "below": [band, figures.Track("", years, years, "idle", "dots")]}, "USD"
    )


def scatter():
    groups = {"plain": ([1.0, 10.0], [0.1, 0.2], "api"), "reasoning": ([2.0], [0.9], "decode")}
    return figures.scatter(groups, "USD per token", "USD per task", [figures.Point("o1", 2.0, 0.9, "decode")])


def ranges():
    return figures.ranges(["one"], [(0.5, 1.0, 3.0)], ["api"], "times", figures.Rule("as now", 1.0))


DRAWN = {
    "lines": curves, "roofline": roof, "dots": dots, "timelines": timelines, "scatter": scatter, "ranges": ranges,
}  # fmt: skip
each_chart = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
ALT = 'A roof of "989" TFLOP/s & a slope of <3.35>'


@each_chart
def test_a_figure_is_whole_svg_with_its_words_as_label(draw):
    root = ET.fromstring(figures.svg(draw(), "fig-x", ALT))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == ALT
    assert root.attrib["width"] == "100%"


@each_chart
def test_text_stays_text_in_the_color_of_the_page(draw):
    text = figures.svg(draw(), "fig-x", "")
    assert "<text" in text
    assert "currentColor" in text
    assert figures.INK not in text
    assert not re.search(r"(?:#000000|#000\b|#ffffff|#fff\b|\bblack\b|\bwhite\b)", text)


@each_chart
def test_every_color_has_a_meaning_that_the_page_may_set(draw):
    text = figures.svg(draw(), "fig-x", "")
    meanings = "|".join(f"{name}, {color}" for name, color in figures.COLORS.items())
    outside = re.sub(rf"var\(--cost-(?:{meanings})\)", "", text)
    assert re.findall(r"#[0-9a-fA-F]{6}\b", outside) == []
    assert outside != text


@each_chart
def test_ids_carry_the_name_of_the_figure_and_every_reference_is_met(draw):
    text = figures.svg(draw(), "fig-x", "")
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert ids and all(each.startswith("fig-x-") for each in ids)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text)) <= {(each, "") for each in ids} | {
        ("", each) for each in ids
    }


@each_chart
def test_the_same_figure_is_the_same_bytes(draw):
    assert figures.svg(draw(), "fig-x", ALT) == figures.svg(draw(), "fig-x", ALT)
    assert "<metadata" not in figures.svg(draw(), "fig-x", ALT)


def test_two_figures_of_one_page_share_no_id():
    one, other = (set(re.findall(r'\bid="([^"]*)"', figures.svg(roof(), name, ""))) for name in ("fig-a", "fig-b"))
    assert one.isdisjoint(other)


def test_colors_of_unlike_meaning_differ():
    assert len(set(figures.COLORS.values())) == len(figures.COLORS)


@pytest.mark.parametrize("label", ["band", "other", "here", "not there", "memory is full", "limit", "batch", "tokens"])
def test_what_is_drawn_is_named_beside_it(label):
    assert f">{label}</text>" in figures.svg(curves(), "fig-x", "")


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (timelines, ["early", "late", "above", "below", "2024", "USD"]),
        (scatter, ["● plain", "● reasoning", "o1", "USD per task"]),
        (ranges, ["one", "as now", "times"]),
    ],
)  # fmt: skip
def test_series_groups_and_rules_are_named(draw, labels):
    text = figures.svg(draw(), "fig-x", "")
    assert [label for label in labels if f">{label}</text>" not in text] == []


def test_numbers_of_an_axis_have_no_idle_zeros():
    text = figures.svg(scatter(), "fig-x", "")
    assert ">0.1</text>" in text and ">0.100</text>" not in text


def test_the_ridge_is_named_with_its_number():
    text = figures.svg(roof(), "fig-x", "")
    assert ">ridge: 295</text>" in text
    assert ">memory-bound</text>" in text
    assert ">compute-bound</text>" in text


def test_dots_say_their_values():
    text = figures.svg(dots(), "fig-x", "")
    assert ">3.20× arithmetic</text>" in text
    assert ">H100</text>" in text


def test_a_curve_that_leaves_the_chart_is_still_named():
    drawn = figures.lines(X, [figures.Line("steep", X**2, "memory")], "x", "y", top=1000.0)
    assert ">steep</text>" in figures.svg(drawn, "fig-x", "")


def test_the_name_of_the_slope_moves_above_it_where_the_points_lie_below():
    points = [figures.Point("1", 1.0, 1.0, "decode")]
    for below in (False, True):
        axes = figures.roofline(100.0, 10.0, points, "x", "y", below=below).axes[0]
        [named] = [each for each in axes.texts if each.get_text() == "memory-bound"]
        x, y = named.xy
        assert np.isclose(y, 10.0 * x)
        assert (named.get_ha() == "right") == below

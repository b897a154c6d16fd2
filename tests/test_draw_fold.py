"""draw.graph: a wide graph is folded into rows, and nothing of it is lost."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import draw, graph
from handgrad.draw.fold import fold

SVG = "{http://www.w3.org/2000/svg}"


def neuron() -> graph.Graph:
    def f(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return graph.name(1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2))), "f")

    g = graph.trace(f, w0=2, x0=-1, w1=-3, x1=-2, w2=-3)
    g.backward()
    return g


def softmax() -> graph.Graph:
    def f(s: Any) -> Any:
        e = graph.name(np.exp(s), "e")
        return graph.name(np.log(e.sum()) - s[0], "loss")

    g = graph.trace(f, s=[1.0, 2.0, 0.5])
    g.backward()
    return g


def chain(count: int) -> graph.Graph:
    def f(x: Any) -> Any:
        for _ in range(count):
            x = x * 2
        return x

    g = graph.trace(f, x=1.0)
    g.backward()
    return g


def written(picture: draw.Picture, size: str) -> list[str]:
    texts = ET.fromstring(picture.svg).iter(f"{SVG}text")
    return ["".join(t.itertext()) for t in texts if t.get("font-size") == size]


def marks(picture: draw.Picture) -> list[str]:
    """What is written where lines are cut: small, and in the middle of its mark."""
    texts = ET.fromstring(picture.svg).iter(f"{SVG}text")
    small = [t for t in texts if t.get("font-size") == "10.5" and t.get("text-anchor") == "middle"]
    return sorted("".join(t.itertext()) for t in small)


@pytest.mark.parametrize(
    ("make", "width"),
    [(neuron, 250), (neuron, 400), (softmax, 450), (lambda: chain(30), 250), (lambda: chain(30), 400)],
)
def test_a_folded_graph_is_as_narrow_as_asked_and_loses_nothing(
    make: Callable[[], graph.Graph], width: int
) -> None:
    whole, folded = draw.graph(make(), width=10_000), draw.graph(make(), width=width)
    assert whole.width > width
    assert folded.width <= max(width, 340) + 10  # the legend needs 340
    assert folded.height > whole.height
    assert folded.text == whole.text
    assert Counter(written(folded, "13")) == Counter(written(whole, "13"))
    heads = [p.svg.count(' Z"') for p in (whole, folded)]
    assert heads[0] == heads[1]
    assert not marks(whole)
    assert len(marks(folded)) >= 2
    assert "goes on at the same mark" not in whole.svg
    assert "goes on at the same mark" in folded.svg


def test_a_graph_is_folded_only_where_it_does_not_fit() -> None:
    whole = draw.graph(neuron(), width=10_000)
    assert draw.graph(neuron(), width=whole.width + 30).svg == whole.svg
    assert draw.graph(neuron(), width=whole.width - 30).height > whole.height


def test_a_graph_is_folded_for_a_narrow_screen_unless_a_width_is_asked_for() -> None:
    assert draw.graph(chain(30)).width <= 555
    assert draw.graph(chain(30), width=10_000).width > 1500


def test_a_cut_line_has_the_name_or_the_step_of_its_source_at_both_ends() -> None:
    g = graph.trace(lambda x, w: graph.name(x * w, "s") * 2, x=1.0, w=3.0)
    g.backward()
    assert marks(draw.graph(g, width=150)) == ["s", "s"]
    assert marks(draw.graph(chain(3), width=170)) == ["1", "1"]


def test_a_value_that_goes_on_in_two_lines_is_marked_once_where_it_leaves() -> None:
    g = graph.trace(lambda x: graph.name(x * 3, "a") * x, x=2.0)
    g.backward()
    assert marks(draw.graph(g, width=200)) == ["a", "a", "x", "x"]
    g = graph.trace(lambda x: x * x, x=2.0)
    g.backward()
    assert marks(draw.graph(g, width=60)) == ["x", "x", "x"]


def test_the_rows_of_a_folded_graph_stand_under_each_other() -> None:
    rects = ET.fromstring(draw.graph(chain(12), width=300).svg).iter(f"{SVG}rect")
    boxes = [[float(r.get(k, "")) for k in ("x", "y", "width", "height")] for r in rects]
    assert len({y for _, y, _, h in boxes if h == 30}) >= 3
    for i, (x, y, w, h) in enumerate(boxes):
        for left, top, wide, high in boxes[:i]:
            assert x + w <= left or left + wide <= x or y + h <= top or top + high <= y


@pytest.mark.parametrize(
    ("widths", "lines", "most", "rows"),
    [
        ([10] * 3, [1, 1], 30, [0, 0, 0]),
        ([10] * 4, [3, 1, 3], 30, [0, 0, 1, 1]),
        ([10] * 5, [3, 3, 1, 3], 45, [0, 0, 0, 1, 1]),
        ([10] * 5, [1, 3, 3, 3], 45, [0, 1, 1, 1, 1]),
        ([10] * 6, [1] * 5, 24, [0, 0, 1, 1, 2, 2]),
        ([100] * 3, [1, 1], 30, [0, 1, 2]),
        ([10, 100, 10], [1, 1], 30, [0, 1, 2]),
        ([10], [], 30, [0]),
    ],
)
def test_a_fold_makes_few_rows_and_cuts_few_lines(
    widths: list[float], lines: list[int], most: float, rows: list[int]
) -> None:
    assert fold(widths, lines, [2.0] * len(widths), most) == rows


def test_every_mark_is_large_enough_for_its_name() -> None:
    g = graph.trace(lambda x: graph.name(x * 2, "a_long_name") * 3, x=1.0)
    picture = draw.graph(g, width=210)
    assert marks(picture) == ["a_long_name", "a_long_name", "x", "x"]
    widths = [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)" height="13"', picture.svg)]
    assert [w >= len("a_long_name") * 10.5 * 0.6 for w in sorted(widths)] == [False, False, True, True]

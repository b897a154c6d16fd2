"""draw: pictures that are stable, accessible, well formed, and that say in words what they show."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import draw, graph
from handgrad.draw import __main__ as command
from handgrad.draw.layered import arrange
from handgrad.draw.overview import overview
from handgrad.draw.svg import Canvas, cells, number
from handgrad.errors import FormulaError, HandgradError, ShapeError, UnknownNameError

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
SIZES = {"N": 7, "D": 5, "M": 3}


def neuron() -> graph.Graph:
    def f(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
        return graph.name(1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2))), "f")

    g = graph.trace(f, w0=2, x0=-1, w1=-3, x1=-2, w2=-3)
    g.backward()
    return g


def affine() -> graph.Graph:
    x = np.arange(8.0).reshape(4, 2) / 8
    w = np.array([[1, -2, 0.5], [3, 0.25, -1]])
    g = graph.trace(lambda x, w, b: graph.name(graph.relu(x @ w + b), "out"), x=x, w=w, b=[0.1, -0.2, 0.3])
    g.backward(np.arange(12.0).reshape(4, 3) - 5.5)
    return g


def batchnorm() -> graph.Graph:
    def f(x: Any, gamma: Any, beta: Any) -> Any:
        centred = x - x.mean(axis=0)
        return gamma * (centred / np.sqrt((centred**2).mean(axis=0) + 1e-5)) + beta

    x = np.arange(35.0).reshape(7, 5) % 11
    g = graph.trace(f, x=x, gamma=np.ones(5), beta=np.zeros(5))
    g.backward(np.arange(35.0).reshape(7, 5) % 3)
    return g


def awkward() -> graph.Graph:
    """Indices, masks, constants that are arrays, an intermediate used three times, and an input without use."""

    def f(x: Any, unused: Any) -> Any:
        mask = x > 0
        s = np.where(mask, x, 0.1 * x)
        return s[0] * np.array([1.0, 2.0, 3.0]) + s[1, 2] - np.maximum(s.sum(), 2) * s[:, ::2].mean()

    g = graph.trace(f, x=[[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0]], unused=1.0)
    g.backward([1.0, 0.5, -1.0])
    return g


def jacobian() -> draw.Picture:
    j = np.zeros((2, 3, 2, 3))
    p = np.array([0.2, 0.3, 0.5])
    for n in range(2):
        j[n, :, n, :] = np.diag(p) - np.outer(p, p)
    return draw.jacobian(j, (2, 3), (2, 3), out="p", inp="s")


PICTURES: dict[str, Callable[[], draw.Picture]] = {
    "neuron": lambda: draw.graph(neuron()),
    "affine": lambda: draw.graph(affine()),
    "batchnorm": lambda: draw.graph(batchnorm()),
    "awkward": lambda: draw.graph(awkward()),
    "no gradients": lambda: draw.graph(graph.trace(lambda x: x * 2, x=1.0)),
    "only an input": lambda: draw.graph(graph.trace(lambda x: x, x=1.0)),
    "not finite": lambda: draw.graph(graph.trace(lambda x: x * 2, x=[np.nan, np.inf, -np.inf])),
    "product": lambda: draw.product("X.T @ dout", "X: N D, dout: N M", SIZES, result="dw"),
    "three factors": lambda: draw.product("A @ B @ v", "A: N D, B: D M, v: M"),
    "bias": lambda: draw.product("X @ W + b", "X: N D, W: D M, b: M", SIZES),
    "bias of columns": lambda: draw.product("S + b", "S: M N, b: M 1", SIZES),
    "elementwise": lambda: draw.product("mask * dout", "mask: N M, dout: N M", SIZES),
    "sum": lambda: draw.product("sum(dout, axis=N)", "dout: N M", SIZES, result="db"),
    "sum of all": lambda: draw.product("sum(dout)", "dout: N M", SIZES),
    "stack": lambda: draw.product("A @ B", "A: H N D, B: H D M", {"H": 2, **SIZES}),
    "matrix": lambda: draw.matrix([[1, 0], [-2.5, 1e-6]], ["a", "b"], ["c", "d"]),
    "vector": lambda: draw.matrix([1.0, 2.0]),
    "matrix not finite": lambda: draw.matrix([[np.nan, 1], [np.inf, -np.inf]]),
    "all nan": lambda: draw.matrix([[np.nan]]),
    "all zero": lambda: draw.matrix(np.zeros((2, 2))),
    "jacobian": jacobian,
    "large jacobian": lambda: draw.jacobian(
        np.kron(np.eye(5), np.arange(24.0).reshape(6, 4) - 9), (5, 6), (5, 4)
    ),
    "fanout of rows": lambda: draw.fanout(affine(), "b"),
    "fanout of scalars": lambda: draw.fanout(awkward(), "v3"),
    "overview": overview,
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_valid_accessible_svg(name: str) -> None:
    picture = PICTURES[name]()
    root = ET.fromstring(picture.svg)
    assert root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert desc is not None
    assert (title.text, desc.text) == (picture.title, picture.desc)
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert picture.title
    assert picture.desc
    assert picture.text


@pytest.mark.parametrize("name", PICTURES)
def test_every_coordinate_is_a_finite_number_inside_the_view(name: str) -> None:
    root = ET.fromstring(PICTURES[name]().svg)
    x0, y0, w, h = map(float, root.get("viewBox", "").split())
    assert w > 0
    assert h > 0
    for element in root.iter():
        for key in (
            "x",
            "y",
            "width",
            "height",
            "d",
            "transform",
            "rx",
            "stroke-width",
            "fill-opacity",
            "font-size",
        ):
            assert not re.search("nan|inf", element.get(key, "")), (element.tag, key)
        for kind, low, size in (("x", x0, w), ("y", y0, h)):
            if element.get(kind):
                assert low <= float(element.get(kind, "")) <= low + size
        numbers = [float(v) for v in re.findall(r"-?[0-9.]+", element.get("d", ""))]
        assert all(x0 <= x <= x0 + w for x in numbers[::2])
        assert all(y0 <= y <= y0 + h for y in numbers[1::2])


@pytest.mark.parametrize("name", PICTURES)
def test_two_lines_of_text_never_overlap(name: str) -> None:
    boxes = []
    for element in ET.fromstring(PICTURES[name]().svg).iter(f"{SVG}text"):
        if element.get("transform"):
            continue
        text, size = "".join(element.itertext()), float(element.get("font-size", ""))
        x, y = float(element.get("x", "")), float(element.get("y", ""))
        width = 0.6 * size * len(text.strip()) * (0.8 if element.get("font-family") else 1)
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor", "start")]
        boxes.append((left, y - 0.7 * size, left + width, y, text))
    for i, (a0, b0, a1, b1, text) in enumerate(boxes):
        for c0, d0, c1, d1, other in boxes[:i]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0, (text, other)


@pytest.mark.parametrize("name", PICTURES)
def test_the_words_hold_every_number_of_the_picture(name: str) -> None:
    picture = PICTURES[name]()
    said = set(re.findall(r"[\w.−]+", picture.text + picture.desc))
    for element in ET.fromstring(picture.svg).iter(f"{SVG}text"):
        if element.get("font-size") == "10.5":  # the number of a step
            continue
        for found in re.findall(r"−?\d+(?:\.\d+)?(?:e−?\d+)?", "".join(element.itertext())):
            assert any(found in word for word in said), found


def test_pictures_are_the_same_bytes_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import hashlib, importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('pictures', {str(Path(__file__))!r})\n"
        "m = importlib.util.module_from_spec(spec); sys.modules['pictures'] = m; spec.loader.exec_module(m)\n"
        "print(hashlib.sha256(''.join(f()._repr_html_() for f in m.PICTURES.values()).encode()).hexdigest())"
    )
    here = hashlib.sha256("".join(f()._repr_html_() for f in PICTURES.values()).encode()).hexdigest()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


def test_ids_are_unique_where_pictures_stand_on_one_page() -> None:
    page = "".join(f()._repr_html_() for f in PICTURES.values())
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == 2 * len(PICTURES) + 1  # the overview names its root, to keep its style to itself
    assert len(set(ids)) == len(ids)


def test_text_is_escaped() -> None:
    g = graph.trace(lambda x: graph.name(x * 2, "<script>&\"'"), x=1.0)
    for picture in (draw.graph(g), draw.matrix([[1]], ["<b>"], ["&"], title='<"title">')):
        ET.fromstring(picture.svg)
        html = picture._repr_html_()
        assert "<script" not in html
        assert "<b>" not in html
        assert '<"title' not in html


def test_no_colour_is_fixed_and_no_id_or_font_is_fetched() -> None:
    for name, make in PICTURES.items():
        svg = make().svg
        assert "url(" not in svg
        assert "href" not in svg
        assert not re.search(r'(fill|stroke)="(?!none|currentColor)', svg), name


def test_a_picture_is_shown_by_its_words_where_svg_is_stripped() -> None:
    picture = draw.graph(neuron(), title="A neuron")
    html = picture._repr_html_()
    assert "step" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL).lower().split("<pre")[0]
    assert "1. v1 = w0 × x0 = −2; gradient 0.197" in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)
    assert repr(picture).startswith("<picture: A neuron. 8 operations from w0, x0, w1, x1, w2 to f = 0.731;")


def test_a_wide_picture_scrolls_in_a_box_that_the_keyboard_reaches() -> None:
    wide, narrow = draw.graph(neuron()), draw.matrix([[1, 2]])
    assert 'tabindex="0"' in wide._repr_html_()
    assert "min-width" in wide.svg
    assert "tabindex" not in narrow._repr_html_()
    assert "min-width" not in narrow.svg


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (-1, "−1"),
        (1000.0, "1000"),
        (9999, "9999"),
        (12345.0, "1.23e4"),
        (-1234.5, "−1234"),
        (999.9, "1000"),
        (9999.9, "1e4"),
        (-0.19661193, "−0.197"),
        (1e-7, "1e−7"),
        (0.30000000000000004, "0.3"),
        (np.nan, "nan"),
        (-np.inf, "−inf"),
        (True, "1"),
    ],
)
def test_a_number_has_at_most_four_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_small_arrays_are_aligned_and_large_ones_left_out() -> None:
    assert cells(np.array([[1.0, -2.5], [10.0, 0.0]])) == ["[ 1 −2.5]", "[10    0]"]
    assert cells(np.zeros(5)) == []
    assert cells(np.zeros((2, 2, 2))) == []
    assert cells(np.zeros((0, 2))) == []


def test_a_coordinate_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ValueError, match="a coordinate is not finite"):
        Canvas().text(float("nan"), 0, "x")


# ---------------------------------------------------------------- graphs


def test_a_value_stands_right_above_its_gradient() -> None:
    picture = draw.graph(neuron())
    texts = [
        (e.text, float(e.get("x", "")), float(e.get("y", "")))
        for e in ET.fromstring(picture.svg).iter(f"{SVG}text")
    ]
    for node in neuron().nodes:
        if node.op == "constant":
            continue
        assert node.gradient is not None
        pairs = [
            (x, y)
            for t, x, y in texts
            if t == number(node.value)
            and any(u == number(node.gradient) and v == x and 15 < w - y < 25 for u, v, w in texts)
        ]
        assert pairs, node.name


def test_a_variable_used_several_times_shows_what_each_use_adds() -> None:
    g = graph.trace(lambda x: x * x + 3 * x, x=5.0)
    g.backward()
    picture = draw.graph(g)
    texts = [e.text for e in ET.fromstring(picture.svg).iter(f"{SVG}text")]
    assert texts.count("+5") == 2
    assert texts.count("+3") == 1
    assert "13" in texts
    assert "x is used 3 times: its gradient is the sum of 3 contributions" in picture.text


def test_operands_stand_left_of_their_operation_and_in_order() -> None:
    layout = arrange(
        {0: (20, 20), 1: (20, 20), 2: (20, 20), 3: (20, 20), 4: (20, 20)},
        [(0, 2, 0), (1, 2, 1), (2, 4, 0), (3, 4, 1), (0, 4, 2)],
        {(0, 2, 0): -7, (1, 2, 1): 7, (2, 4, 0): -14, (3, 4, 1): 0, (0, 4, 2): 14},
    )
    layer = {key[0]: slot.layer for key, slot in layout.slots.items() if len(key) == 1}
    assert layer == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2}
    assert len(layout.routes[0, 4, 2]) == 3  # the long edge has a place in the layer that it passes
    for keys in layout.layers:
        for above, below in pairwise(keys):
            a, b = layout.slots[above], layout.slots[below]
            assert b.y - a.y >= a.down + b.up


def test_a_hundred_operations_are_drawn() -> None:
    def chain(x: Any) -> Any:
        for k in range(100):
            x = x * 0.9 + (k % 3)
        return x

    assert ">200<" in draw.graph(graph.trace(chain, x=1.0)).svg


def test_rounding_noise_is_drawn_as_0_and_the_graph_keeps_it() -> None:
    g = graph.trace(lambda a: a * 0.1 + a * 0.2 - a * 0.3, a=1.0)
    g.backward()
    noise = g["a"].gradient
    assert noise is not None
    assert 0 < abs(noise) < 1e-15
    assert 0 < abs(g.output.value) < 1e-15
    picture = draw.graph(g)
    assert "e−1" not in picture.svg
    assert "a = 1; gradient 0\n" in picture.text
    assert g["a"].gradient is noise


def test_small_numbers_that_are_no_noise_are_drawn() -> None:
    g = graph.trace(lambda a, b: a * b, a=1e-20, b=1e-3)
    g.backward()
    assert "a = 1e−20; gradient 0.001" in draw.graph(g).text


# ---------------------------------------------------------------- products


def test_a_product_names_the_shapes_and_the_axis_that_is_summed() -> None:
    picture = draw.product("X.T @ dout", "X: N D, dout: N M", SIZES, result="dw")
    assert picture.text.splitlines() == [
        "dw = X.T @ dout",
        "  X.T is (D, N) = (5, 7)",
        "  dout is (N, M) = (7, 3)",
        "  the inner axes match: N=7 is summed",
        "  the result dw is (D, M) = (5, 3)",
    ]


def test_the_sides_of_a_rectangle_are_proportional_to_the_sizes() -> None:
    root = ET.fromstring(draw.product("X.T @ dout", "X: N D, dout: N M", {"N": 8, "D": 4, "M": 2}).svg)
    sides = [(float(r.get("width", "")), float(r.get("height", ""))) for r in root.iter(f"{SVG}rect")]
    assert sides == [(110, 55), (27.5, 110), (27.5, 55)]


def test_a_bias_is_said_to_be_repeated_and_a_sum_names_its_axis() -> None:
    assert "b is repeated along N=7" in PICTURES["bias"]().text
    assert "b is repeated along N=7" in PICTURES["bias of columns"]().text
    assert "sum over N=7" in PICTURES["sum"]().text
    assert "both have the same shape" in PICTURES["elementwise"]().text


def test_a_product_that_does_not_fit_is_refused() -> None:
    with pytest.raises(FormulaError, match="shapes do not fit"):
        draw.product("X @ dout", "X: N D, dout: N M")
    with pytest.raises(ShapeError, match="no size for M"):
        draw.product("X.T @ dout", "X: N D, dout: N M", {"N": 7, "D": 5})


# ---------------------------------------------------------------- heat maps


@pytest.mark.parametrize(
    ("j", "kind"),
    [
        (np.diag([1.0, 0.0, 1.0]), "diagonal, 2 of 9 entries are not 0"),
        (np.ones((2, 3)), "dense, no entry is 0"),
        (np.zeros((2, 3)), "all 0"),
        ([[1.0, 0.0], [1e-9, 1.0]], "3 of 4 entries are not 0"),
    ],
)
def test_a_jacobian_says_its_structure(j: Any, kind: str) -> None:
    assert draw.jacobian(j).desc.endswith(f"{kind}.")


def test_a_jacobian_of_samples_is_block_diagonal_with_lines_between_them() -> None:
    picture = jacobian()
    assert "block diagonal, one block for each row of p, 18 of 36 entries are not 0" in picture.desc
    heavy = [e for e in ET.fromstring(picture.svg).iter(f"{SVG}path") if e.get("stroke-width") == "1.8"]
    assert len(heavy) == 6  # the frame, and one line between two samples each way
    assert "p[1,2]: 0, 0, 0, −0.1, −0.15, 0.25" in picture.text


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 2), (3, 2)), "heavy lines: between rows of S and of W"),
        (((2, 2), (6,)), "heavy lines: between rows of S"),
        (((4,), (3, 2)), "heavy lines: between rows of W"),
        (((4,), (6,)), ""),
    ],
)
def test_a_jacobian_says_whose_rows_its_heavy_lines_separate(shapes: Any, words: str) -> None:
    svg = draw.jacobian(np.ones((4, 6)), *shapes, out="S", inp="W").svg
    assert f">{words}<" in svg if words else "heavy lines" not in svg
    assert "sample" not in svg


def test_the_legend_of_a_graph_fits_a_narrow_screen() -> None:
    g = graph.trace(lambda x: graph.name(x * x, "y"), x=2.0)
    g.backward()
    root = ET.fromstring(draw.graph(g).svg)
    assert float((root.get("viewBox") or "").split()[2]) <= 350
    texts = [e.text or "" for e in root.iter(f"{SVG}text")]
    assert "small number: order of evaluation" in texts
    assert "below: gradient of y with respect" in " ".join(texts)


def test_the_shapes_of_a_jacobian_may_be_left_out_or_be_those_of_scalars() -> None:
    assert "y[1]: 3, 4" in draw.jacobian([[1, 2], [3, 4]]).text
    assert "loss: 1, 2" in draw.jacobian([1, 2], (), (2,), out="loss").text
    assert "y[0,1]: 3, 4" in draw.jacobian([[1, 2], [3, 4]], out_shape=(1, 2)).text


def test_a_zero_has_no_fill_and_the_smallest_number_has_one() -> None:
    root = ET.fromstring(draw.matrix([[0.0, 1e-12, 1.0]]).svg)
    filled = [r for r in root.iter(f"{SVG}rect") if r.get("stroke") == "none"]
    assert len(filled) == 2
    assert all(float(r.get("fill-opacity", "")) >= 0.14 for r in filled)


def test_heat_maps_refuse_what_they_cannot_show() -> None:
    for bad in (np.zeros((2, 2, 2)), np.zeros((65, 2)), np.zeros((0, 3))):
        with pytest.raises(ShapeError, match="as a heat map"):
            draw.matrix(bad)
    with pytest.raises(ShapeError, match="got 1 row labels for 2 rows"):
        draw.matrix(np.ones((2, 2)), ["a"])
    with pytest.raises(ShapeError, match=r"has shape \(4, 4\)\n  outputs of shape \(2, 3\)"):
        draw.jacobian(np.ones((4, 4)), (2, 3), (2, 3))


# ---------------------------------------------------------------- fan-out


def test_the_shares_of_a_fanned_out_bias_add_up_to_its_gradient() -> None:
    g = affine()
    picture = draw.fanout(g, "b")
    edge = g.uses(g["b"])[0]
    assert edge.spread is not None
    assert edge.spread.shape == (4, 3)
    for n, row in enumerate(edge.spread):
        share = " ".join(number(v) for v in row)
        assert re.search(
            rf"row {n} of v2 \(\+\) into .*: share of the gradient \[{re.escape(share)}\]", picture.text
        )
    assert "sum of the 4 shares" in picture.text
    np.testing.assert_allclose(edge.spread.sum(axis=0), g["b"].gradient)


def test_columns_fan_out_too_and_many_uses_are_cut_with_their_count() -> None:
    g = graph.trace(lambda s, b: s + b, s=np.ones((2, 9)), b=[[1.0], [2.0]])
    g.backward(np.ones((2, 9)))
    picture = draw.fanout(g, "b", most=4)
    assert "column 3 of v1" in picture.svg
    assert "column 4 of v1" not in picture.svg
    assert "… and 5 more" in picture.svg
    assert "sum of the 9 shares" in picture.text


def test_a_fanout_needs_a_gradient_and_a_known_name() -> None:
    g = graph.trace(lambda x: x * 2, x=1.0)
    with pytest.raises(
        HandgradError, match="x has no use with a gradient\n  call backward on the graph first"
    ):
        draw.fanout(g, "x")
    with pytest.raises(UnknownNameError, match="no node 'y'"):
        draw.fanout(g, "y")


# ---------------------------------------------------------------- the README's picture


def test_the_overview_in_the_repository_is_what_the_package_draws() -> None:
    stored = (ROOT / "book/_static/overview.svg").read_text(encoding="utf-8")
    assert stored == overview().svg + "\n", (
        "run: python -m handgrad.draw overview > book/_static/overview.svg"
    )


def test_the_overview_shows_one_refuted_and_one_right_claim() -> None:
    text = overview().text
    assert re.search(r"db = dout\nis incorrect: .*db was not summed", text)
    assert re.search(r"db = dout.sum\(axis=0\)\nis correct: right in", text)


def test_the_command_prints_a_picture_and_refuses_an_unknown_one(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert command.main(["overview"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"<svg ")
    assert command.main(["overviews"]) == 2
    assert b"no picture 'overviews'\n  did you mean 'overview'?" in capfdbinary.readouterr().err

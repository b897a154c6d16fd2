from __future__ import annotations

import doctest
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad import arrangements as arrangements_module
from handgrad import axes as axes_module
from handgrad import shapes as shapes_module
from handgrad.errors import ShapeError, SpecError, UnknownNameError
from handgrad.shapes import Spec, classify, explain, letters, parse, parse_axes

SIZES = {"N": 7, "D": 5, "M": 3}


def arrays(**shapes: tuple[int, ...]) -> dict[str, Any]:
    return {name: np.zeros(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("module", [axes_module, shapes_module, arrangements_module])
def test_examples_in_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# ---------------------------------------------------------------- reading


def test_a_spec_maps_arrays_to_axes_in_the_order_written() -> None:
    spec = parse("x: N ..., w: D M, b: M -> out: N M")
    assert list(spec.inputs.items()) == [("x", ("N", "...")), ("w", ("D", "M")), ("b", ("M",))]
    assert dict(spec.outputs) == {"out": ("N", "M")}


@pytest.mark.parametrize(
    "text",
    [
        "x: N D, y: N -> loss:",
        "x: N D; y: N -> loss:",
        "x: N D\ny: N\n->\nloss:\n",
        "  x:N D,\n  y:N->loss: ",
    ],
)
def test_comma_semicolon_and_newline_separate_alike_and_a_scalar_has_no_axes(text: str) -> None:
    spec = parse(text)
    assert (dict(spec.inputs), dict(spec.outputs)) == ({"x": ("N", "D"), "y": ("N",)}, {"loss": ()})


def test_integers_and_unicode_names_are_axes() -> None:
    assert parse("theta: D 1, μ: D").inputs == {"theta": ("D", 1), "μ": ("D",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'shapes: expected an array\n  ^\n  write a name, a colon and its axes: "x: N D"'),
        ("x N", 'shapes: expected a colon after \'x\'\n  x N\n    ^\n  write "x: N D", or "x:" for a scalar'),
        ("x: N D w: D", "shapes: expected an axis, a separator or ->\n  x: N D w: D\n          ^\n"),
        (
            "x: N ... ...",
            "shapes: a second ..., expected at most one in an array\n  x: N ... ...\n           ^",
        ),
        ("x: N,, y: N", "shapes: expected an array\n  x: N,, y: N\n       ^\n"),
        ("x: N ->", "shapes: expected an array\n  x: N ->\n         ^\n"),
        ("x: N -> a: N -> b:", "shapes: a second ->, expected one\n"),
        ("x: N, x: D", "shapes: a second array named 'x'\n  x: N, x: D\n        ^"),
        ("x: N -> x: N", "shapes: a second array named 'x'"),
        ("x: 0", "shapes: expected a size from 1 to 999999999\n  x: 0\n     ^"),
        ("x: 9999999999", "shapes: expected a size from 1 to 999999999"),
        ("x: N, y: N $", "shapes: '$' has no meaning here\n  x: N, y: N $\n             ^"),
        ("x: N\ny: $", "shapes: '$' has no meaning here\n  y: $\n     ^"),
        ("x" * 20_000, "shapes: a spec of 20000 characters, at most 10000 are read"),
    ],
)
def test_malformed_text_is_shown_with_a_caret_under_the_spot(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)


def test_a_spec_that_is_no_text_says_so() -> None:
    with pytest.raises(SpecError, match="a spec is text, got int"):
        parse(3)  # type: ignore[arg-type]


def test_axes_alone_are_read_without_a_name() -> None:
    assert parse_axes("N D") == ("N", "D")
    assert parse_axes("") == ()
    with pytest.raises(SpecError, match="expected an axis"):
        parse_axes("N, D")


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(), st.text(alphabet="xN1. :,;\n->", max_size=40)))
def test_no_text_raises_anything_but_spec_error(text: str) -> None:
    for read in (parse, parse_axes):
        with suppress(SpecError):
            read(text)


# ---------------------------------------------------------------- binding


def test_binding_reads_sizes_off_the_arrays_and_the_rest_as_a_tuple() -> None:
    spec = parse("x: N ..., w: D M, b: M -> out: N M")
    sizes = spec.bind(arrays(x=(7, 2, 4), w=(8, 3), b=(3,), out=(7, 3)))
    assert sizes == {"N": 7, "...": (2, 4), "D": 8, "M": 3}
    assert spec.shape_of("x", sizes) == (7, 2, 4)
    assert spec.letters("b") == "(M,)"


def test_the_rest_may_be_empty_and_stand_anywhere() -> None:
    assert parse("x: ... N, y: N").bind(arrays(x=(7,), y=(7,))) == {"...": (), "N": 7}
    assert parse("x: N ... M").bind(arrays(x=(7, 2, 4, 3))) == {"N": 7, "...": (2, 4), "M": 3}


def test_a_python_number_is_a_scalar() -> None:
    assert parse("x: N -> loss:").bind({"x": np.zeros(7), "loss": 0.5}) == {"N": 7}


def test_a_mismatch_names_the_axis_and_who_bound_it_first() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("x: N D, b: M, w: D M").bind(arrays(x=(7, 7), b=(3,), w=(7, 5)))
    assert str(caught.value) == (
        "w: axis 1 is 5, expected M=3\n"
        "  w has shape (7, 5); the spec says (D, M)\n"
        "  bound so far: N=7 (from x) D=7 (from x) M=3 (from b)\n"
        "  check: w needs shape (7, 3); if w is right, look at b and x"
    )


def test_a_transposed_weight_is_explained_with_its_sizes() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("x: N D, w: D M, b: M").bind(arrays(x=(7, 5), w=(3, 5), b=(3,)))
    assert str(caught.value) == (
        "w: axis 0 is 3, expected D=5\n"
        "  w has shape (3, 5); the spec says (D, M)\n"
        "  bound so far: N=7 (from x) D=5 (from x)\n"
        "  looks transposed: its axes are (M, D), expected (D, M)\n"
        "  check: w needs shape (5, M); if w is right, look at x"
    )


def test_too_few_axes_are_counted() -> None:
    with pytest.raises(
        ShapeError, match=r"^x: has 1 axis, expected 2\n  x has shape \(7,\); the spec says \(N, D\)"
    ):
        parse("x: N D").bind(arrays(x=(7,)))
    with pytest.raises(ShapeError, match=r"^x: has 0 axes, expected at least 1"):
        parse("x: N ...").bind(arrays(x=()))


def test_a_rest_that_differs_shows_both() -> None:
    with pytest.raises(
        ShapeError,
        match=r"^y: the rest \.\.\. is \(10,\), expected \.\.\.=\(5, 2\)\n(.*\n)*  looks flattened",
    ):
        parse("x: N ..., y: N ...").bind(arrays(x=(7, 5, 2), y=(7, 10)))


def test_a_written_size_is_compared() -> None:
    with pytest.raises(ShapeError, match=r"^t: axis 1 is 2, expected 1\n"):
        parse("t: D 1").bind(arrays(t=(5, 2)))


def test_a_missing_and_an_unknown_array_are_named() -> None:
    spec = parse("x: N D, w: D M -> out: N M")
    with pytest.raises(ShapeError, match=r"^w: is missing, expected an array of shape \(D, M\)$"):
        spec.bind(arrays(x=(7, 5)))
    with pytest.raises(ShapeError, match=r"^shapes: no array 'W' in the spec\n  .*known: out, w, x$"):
        spec.bind(arrays(x=(7, 5), W=(5, 3)))


def test_a_list_is_not_an_array() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("x: N D").bind({"x": [[1.0, 2.0]]})
    assert str(caught.value) == (
        "x: is a list, expected an array of shape (N, D)\n  check: make it one with np.asarray(x)"
    )


def test_an_unknown_name_or_axis_is_named() -> None:
    spec = parse("x: N D")
    with pytest.raises(UnknownNameError, match="no array 'y' in the spec"):
        spec.shape_of("y", SIZES)
    with pytest.raises(UnknownNameError, match="axis 'D' has no size"):
        spec.shape_of("x", {"N": 7})


class Hostile:
    def __init__(self, shape: Any) -> None:
        self._shape = shape

    @property
    def shape(self) -> Any:
        if self._shape is Ellipsis:
            raise RuntimeError("no shape for you")
        return self._shape


ARRAY_LIKES = st.one_of(
    st.none(),
    st.text(),
    st.floats(),
    st.lists(st.integers()),
    hnp.arrays(
        dtype=st.sampled_from([np.float64, np.int8, object]),
        shape=hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    ),
    st.builds(Hostile, st.one_of(st.just(...), st.none(), st.integers(), st.lists(st.integers()))),
    st.builds(Hostile, st.lists(st.one_of(st.integers(), st.none(), st.floats(), st.text())).map(tuple)),
    st.builds(Hostile, st.lists(st.just(1), min_size=60, max_size=70).map(tuple)),
)


@settings(deadline=None, max_examples=300)
@given(x=ARRAY_LIKES, w=ARRAY_LIKES, b=ARRAY_LIKES, out=ARRAY_LIKES)
def test_no_array_like_raises_anything_but_shape_error(x: Any, w: Any, b: Any, out: Any) -> None:
    for text in (
        "x: N ..., w: D M, b: M -> out: N M",
        "x: N D, w: D M, b: M -> out: 1 M",
        "x:, w: ..., b: ... -> out: ...",
    ):
        with suppress(ShapeError):
            parse(text).bind({"x": x, "w": w, "b": b, "out": out})


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["N", "D", "M"]), st.integers(1, 9), min_size=3),
    st.lists(st.integers(0, 9), max_size=3),
)
def test_arrays_of_the_shapes_that_a_spec_gives_bind_to_its_sizes(
    sizes: dict[str, Any], rest: list[int]
) -> None:
    spec = parse("x: N ..., w: D M, b: 1 M -> out: N M, loss:")
    sizes = {**sizes, "...": tuple(rest)}
    made = {name: np.zeros(spec.shape_of(name, sizes)) for name in (*spec.inputs, *spec.outputs)}
    assert spec.bind(made) == sizes


# ---------------------------------------------------------------- explaining


@pytest.mark.parametrize(
    ("expected", "got", "slug", "words"),
    [
        ("D M", (5, 3), None, None),
        ("D M", (3, 5), "transposed", "looks transposed: its axes are (M, D), expected (D, M) = (5, 3)"),
        ("D 1", (1, 5), "transposed", "looks transposed: its axes are (1, D), expected (D, 1) = (5, 1)"),
        (
            "N D M",
            (5, 7, 3),
            "transposed",
            "looks transposed: its axes are (D, N, M), expected (N, D, M) = (7, 5, 3)",
        ),
        (
            "M",
            (7, 3),
            "unsummed-broadcast",
            "looks not summed over N=7: it has shape (7, 3), expected (M,) = (3,)",
        ),
        (
            "1 M",
            (7, 3),
            "unsummed-broadcast",
            "looks not summed over N=7: it has shape (7, 3), expected (1, M) = (1, 3)",
        ),
        ("", (7,), "unsummed-broadcast", "looks not summed over N=7: it has shape (7,), expected ()"),
        (
            "M",
            (1, 3),
            "kept-axis",
            "looks as if axis 0, of size 1, was kept: expected (M,) = (3,), without it",
        ),
        ("", (1,), "kept-axis", "looks as if axis 0, of size 1, was kept: expected (), without it"),
        (
            "M",
            (1, 1, 3),
            "kept-axis",
            "looks as if axes 0 and 1, of size 1, were kept: expected (M,) = (3,), without them",
        ),
        ("M", (), "summed-too-much", "looks summed over M, which must stay: expected (M,) = (3,)"),
        ("D M", (3,), "summed-too-much", "looks summed over D, which must stay: expected (D, M) = (5, 3)"),
        ("D M", (5, 1), "summed-too-much", "looks summed over M, which must stay: expected (D, M) = (5, 3)"),
        (
            "D M",
            (1, 1),
            "summed-too-much",
            "looks summed over D and M, which must stay: expected (D, M) = (5, 3)",
        ),
        (
            "N D",
            (35,),
            "flattened",
            "looks flattened: the entries are as many, but not reshaped to (N, D) = (7, 5)",
        ),
        (
            "N 1",
            (7,),
            "flattened",
            "looks as if an axis of size 1 was dropped: expected (N, 1) = (7, 1), with it",
        ),
        *(
            (
                "D M",
                shape,
                "flattened",
                "looks flattened: the entries are as many, but not reshaped to (D, M) = (5, 3)",
            )
            for shape in ((15,), (1, 15), (15, 1))
        ),
        (
            "M",
            (7,),
            "summed-over-wrong-axis",
            "looks summed over the wrong axis, or of the wrong array: its axis is N=7, expected (M,) = (3,)",
        ),
        (
            "1 M",
            (1, 5),
            "summed-over-wrong-axis",
            "looks summed over the wrong axis, or of the wrong array: its axis is D=5, expected (1, M) = (1, 3)",
        ),
        ("D M", (1, 14), "wrong-shape", None),
        ("D M", (1, 5), "wrong-shape", None),
        ("D M", (5, 7), "wrong-shape", None),
        ("M", (4,), "wrong-shape", None),
        ("D M", (8, 8), "wrong-shape", None),
        ("M", (8, 3), "wrong-shape", None),
        ("N D", (5, 7, 3), "wrong-shape", None),
    ],
)
def test_a_wrong_shape_is_classified_and_explained(
    expected: str, got: tuple[int, ...], slug: str | None, words: str | None
) -> None:
    tokens = parse_axes(expected)
    assert (classify(tokens, got, SIZES), explain(tokens, got, SIZES)) == (slug, words)


def test_the_rest_is_explained_by_its_sizes() -> None:
    sizes = {"N": 7, "...": (2, 3), "D": 6}
    assert classify(("N", "..."), (7, 6), sizes) == "flattened"
    assert explain(("N", "..."), (7, 6), sizes) == (
        "looks flattened: the entries are as many, but not reshaped to (N, ...) = (7, 2, 3)"
    )
    assert classify(("N", "..."), (7, 6), {"N": 7}) == "wrong-shape"


def test_axes_of_the_same_size_are_both_named() -> None:
    assert explain(("D", "M"), (3,), {"D": 3, "M": 3}) == (
        "looks summed over D or M, which must stay: expected (D, M) = (3, 3)"
    )
    assert explain(("M",), (7, 3), {"N": 7, "T": 7, "M": 3}) == (
        "looks not summed over N or T=7: it has shape (7, 3), expected (M,) = (3,)"
    )


def test_an_axis_without_a_size_is_no_evidence() -> None:
    assert explain(("N", "D"), (7,), {}) is None
    assert classify(("D", "M"), (3, 5), {"D": 5}) == "transposed"


def test_shapes_of_very_high_rank_are_not_searched() -> None:
    assert classify(("N",), (1,) * 60, SIZES) == "wrong-shape"


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(["N", "D", "M", 1]), max_size=4), st.lists(st.integers(0, 8), max_size=5))
def test_a_shape_is_classified_exactly_where_it_is_wrong(expected: list[str | int], got: list[int]) -> None:
    tokens = tuple(expected)
    right = Spec("", {"x": tokens}, {}).shape_of("x", SIZES) == tuple(got)
    slug = classify(tokens, got, SIZES)
    assert (slug is None) == right
    assert (explain(tokens, got, SIZES) is None) == (slug in {None, "wrong-shape"})


def test_specs_are_values_that_can_be_kept_in_a_set() -> None:
    assert {parse("x: N"), parse("x: N"), parse("x: D")} == {parse("x: N"), parse("x: D")}


def test_letters_print_as_tuples() -> None:
    assert [letters(t) for t in ((), ("N",), ("N", 1))] == ["()", "(N,)", "(N, 1)"]

"""Values over the wire: what is plain comes back as it was, and nothing else is ever built."""

from __future__ import annotations

import base64
import json
import math
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad.homework.wire import MOST_BYTES, MOST_DEPTH, MOST_TEXT, Decoder, Encoder, Foreign, WireError

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u8", "f2", "f4", "f8", ">f8", "c8", "c16"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers(-9, 9),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def across(value):
    """The value at the other end, through real JSON."""
    return Decoder().decode(json.loads(json.dumps(Encoder().encode(value))))


def alike(a, b):
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return (
            a.shape == b.shape
            and a.dtype == b.dtype.newbyteorder("=")
            and a.tobytes() == b.astype(a.dtype).tobytes()
        )
    if type(a) in (tuple, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if type(a) is dict:
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if type(a) is complex:
        return alike(a.real, b.real) and alike(a.imag, b.imag)
    if type(a) is float:
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)
    return a == b


@given(value=VALUES)
@settings(max_examples=300)
def test_what_is_plain_comes_back_as_it_was(value):
    assert alike(across(value), value)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int8, np.bool_, np.complex128])
def test_a_numpy_number_keeps_its_type(kind):
    back = across(kind(1))
    assert (type(back), back) == (kind, kind(1))


def test_an_array_that_came_over_can_be_written_to():
    back = across(np.arange(6.0).reshape(2, 3).T)
    back[0, 0] = 7.0
    assert back.tolist() == [[7.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


def test_the_arrays_are_listed_in_the_same_order_on_both_sides():
    first, second, third = np.ones(2), np.zeros(3), np.full(4, 2.0)
    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode({"a": [first, (second,)], "b": third}))
    assert [a is b for a, b in zip(encoder.arrays, (first, second, third), strict=True)] == [True] * 3
    assert [a.tolist() for a in decoder.arrays] == [a.tolist() for a in encoder.arrays]


class Held:
    def __init__(self):
        self.x, self.again = np.ones(2), self


Pair = namedtuple("Pair", "x w")


def test_an_object_becomes_a_stand_in_with_its_types_name_and_attributes():
    back = across(Held())
    assert isinstance(back, Foreign)
    assert type(back).__name__ == "Held"
    assert back.x.tolist() == [1.0, 1.0]
    assert type(back.again).__name__ == "Held"
    assert vars(back.again) == {}


def test_a_named_tuple_is_a_tuple_and_a_subclass_of_ndarray_keeps_its_name():
    assert across(Pair(1, 2)) == (1, 2)
    masked = across(np.ma.masked_array([1.0, 2.0], [True, False]))
    assert type(masked).__name__ == "MaskedArray"
    assert type(masked) is not np.ndarray
    assert masked.shape == (2,)


@pytest.mark.parametrize(
    "value",
    [
        lambda: 1,
        (i for i in ()),
        print,
        int,
        np,
        object(),
        {1, 2},
        b"x",
        2**64,
        range(3),
        np.datetime64("2020"),
    ],
)
def test_what_cannot_cross_becomes_a_stand_in(value):
    assert isinstance(across(value), Foreign)


def test_two_objects_of_one_type_are_of_one_type_here_too():
    a, b = across([Held(), Held()])
    assert type(a) is type(b)


def test_objects_of_python_in_an_array_do_not_cross():
    back = across(np.array([[None, "x"]], dtype=object))
    assert (back.dtype, back.shape, back.tolist()) == (np.dtype(object), (1, 2), [[0, 0]])


def test_what_is_too_large_is_cut_or_named():
    assert across("x" * (MOST_TEXT + 9)) == "x" * MOST_TEXT
    assert type(across(np.zeros(MOST_BYTES // 8 + 1))).__name__ == "array too large to hand over"
    nested = [1.0]
    for _ in range(2 * MOST_DEPTH):
        nested = [nested]
    assert "list" in repr(across(nested))
    round_ = []
    round_.append(round_)
    assert type(across(round_)[0]).__name__ == "list"


def test_half_a_surrogate_pair_becomes_a_question_mark_wherever_it_stands():
    tree = {
        "m": [["a\ud800", {"v": "\udfff"}], ["b", {"x": "c\ud800", "in": {"m": [["d", {"v": "\ud800"}]]}}]]
    }
    back = Decoder().decode(tree)
    assert back["a?"] == "?"
    assert type(back["b"]).__name__ == "c"
    assert back["b"].d == "?"


def test_a_truth_value_is_0_or_1():
    tree = {"a": "?", "shape": [3], "d": base64.b64encode(bytes([0, 2, 255])).decode()}
    assert Decoder().decode(tree).tobytes() == bytes([0, 1, 1])


EIGHT = base64.b64encode(bytes(8)).decode()


@pytest.mark.parametrize(
    "tree",
    [
        None,
        [],
        "v",
        7,
        {},
        {"v": 1.5},
        {"v": []},
        {"v": {}},
        {"v": 2**64},
        {"v": -(2**63) - 1},
        {"v": 10**4000},
        {"f": 1.0},
        {"f": "nonsense"},
        {"f": "0x1p99999999999"},
        {"c": ["0x1p0"]},
        {"c": 7},
        {"s": "f8", "d": ""},
        {"s": "O", "d": EIGHT},
        {"s": ["f8"], "d": EIGHT},
        {"a": "O", "shape": [1], "d": EIGHT},
        {"a": "f8", "shape": [1]},
        {"a": "f8", "shape": 1, "d": EIGHT},
        {"a": "f8", "shape": [-1], "d": EIGHT},
        {"a": "f8", "shape": [True], "d": EIGHT},
        {"a": "f8", "shape": [1.0], "d": EIGHT},
        {"a": "f8", "shape": [2], "d": EIGHT},
        {"a": "f8", "shape": [1], "d": EIGHT + "!"},
        {"a": "f8", "shape": [1], "d": "é"},
        {"a": "f8", "shape": [1] * 100, "d": EIGHT},
        {"a": "f8", "shape": [0, 400_000, 400_000, 400_000, 400_000], "d": ""},
        {"a": "f8", "shape": [400_000, 400_000], "d": ""},
        {"o": "x", "shape": [400_000]},
        {"sub": "x", "shape": [400_000]},
        {"sub": 7, "shape": [1]},
        {"t": {}},
        {"t": [1]},
        {"l": [None]},
        {"m": {}},
        {"m": [1]},
        {"m": [["a"]]},
        {"m": [[1.5, {"v": 1}]]},
        {"m": [[None, {"v": 1}]]},
        {"x": 7},
        {"x": "a", "in": 7},
        {"x": "a", "in": {"v": 1}},
        {"x": "a", "in": {"t": []}},
        {"l": [{"o": "x", "shape": [10_000]}] * 6},
        {"l": [{"v": 1}] * 20_000},
    ],
    ids=lambda tree: json.dumps(tree)[:40],
)
def test_what_no_encoder_writes_is_refused(tree):
    with pytest.raises(WireError):
        Decoder().decode(tree)


def test_a_tree_that_is_too_deep_is_refused():
    tree = {"v": 1}
    for _ in range(MOST_DEPTH + 5):
        tree = {"l": [tree]}
    with pytest.raises(WireError):
        Decoder().decode(tree)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*DTYPES, "O", EIGHT]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*"vfcsatlmxod", "shape", "in", "sub"]) | st.text(max_size=3), inner, max_size=4
        )
    ),
    max_leaves=20,
)
ALLOWED = (type(None), bool, int, float, complex, str, tuple, list, dict, np.ndarray, np.generic, Foreign)


def built(value):
    """Everything within a value."""
    yield value
    inside = value.values() if type(value) is dict else value if type(value) in (tuple, list) else ()
    inside = vars(value).values() if isinstance(value, Foreign) else inside
    for item in inside:
        yield from built(item)


@given(tree=JSON)
@example(tree={"x": "__class__", "in": {"m": [["__class__", {"v": 1}], ["__dict__", {"v": 2}]]}})
@example(tree={"x": "", "in": {"m": []}})
@example(tree={"sub": "\x00\ud800", "shape": []})
@settings(max_examples=1000)
def test_any_json_gives_a_plain_value_or_is_refused(tree):
    try:
        value = Decoder().decode(tree)
    except WireError:
        return
    assert all(isinstance(part, ALLOWED) for part in built(value))

"""What a student's function returns is read without trusting it."""

from __future__ import annotations

import io
import sys
import types
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from handgrad.numeric import quiet
from handgrad.probe import (
    arrays_in,
    call,
    call_in_quiet,
    copy_arguments,
    items,
    own_dicts,
    read_array,
    read_scalar,
    same,
    type_name,
)

A, B = np.arange(3.0), np.ones((2, 2))


class Plain:
    def __init__(self) -> None:
        self.a, self.other = A, {"b": [B, None]}


@pytest.mark.parametrize(
    "cache",
    [
        (A, B),
        [A, B],
        {"a": A, "b": B},
        ((A,), [{"b": B}]),
        Plain(),
        types.SimpleNamespace(a=A, b=B),
        namedtuple("C", "a b")(A, B),
    ],
)
def test_the_arrays_of_every_kind_of_cache_are_found(cache: Any) -> None:
    assert [id(a) for a in arrays_in(cache)] == [id(A), id(B)]


def test_a_cache_that_holds_itself_ends() -> None:
    cache: list[Any] = [A]
    cache.append(cache)
    assert len(arrays_in(cache)) == 1


def test_a_cache_of_very_many_arrays_ends() -> None:
    assert len(arrays_in([np.zeros(1) for _ in range(5000)])) == 200


def test_a_call_reports_the_line_that_raised() -> None:
    def inner() -> None:
        raise KeyError("w")

    outcome = call(lambda: inner())
    assert outcome.raised.splitlines()[0] == "KeyError: w"
    assert "in inner, line" in outcome.raised
    assert 'raise KeyError("w")' in outcome.raised


@pytest.mark.parametrize(
    "library",
    ["/x/site-packages/numpy/__init__.py", "/usr/local/lib/python315.zip/numpy/__init__.py"],
)
def test_the_line_is_the_students_though_a_library_raised(library: str) -> None:
    space: dict[str, Any] = {}
    exec(compile("def inner():\n\n\n    raise AttributeError('no such name')", library, "exec"), space)
    exec(compile("def mine():\n    return inner()", "<cell 7>", "exec"), space)
    assert call(space["mine"]).raised == "AttributeError: no such name\n  in mine, line 2"


def test_a_call_leaves_numpys_settings_as_they_were() -> None:
    before = np.geterr()
    call(lambda: np.seterr(all="raise"))
    assert np.geterr() == before


def test_a_call_leaves_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    call(lambda: warnings.simplefilter("error"))
    assert list(warnings.filters) == before


def test_an_exception_with_a_hostile_text_is_still_named() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

        __str__ = __repr__

    def raiser() -> None:
        raise ValueError(Bad())

    assert call(raiser).raised.startswith("ValueError")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (np.ones((2, 3)), ""),
        (np.ones((2, 3), np.float32), ""),
        (np.asfortranarray(np.ones((2, 3))), ""),
        (np.broadcast_to(1.0, (2, 3)), ""),
        (np.ones((2, 3)).astype(">f8"), ""),
        (np.ones((3, 2)), "wrong-shape"),
        (np.broadcast_to(1.0, (10**9, 10**9)), "wrong-shape"),
        (np.ones((2, 3), np.float16), "wrong-dtype"),
        (np.ones((2, 3), int), "wrong-dtype"),
        (np.full((2, 3), np.inf), "not-finite"),
        (np.ma.ones((2, 3)), "not-an-array"),
        ([[1.0] * 3] * 2, "not-an-array"),
        (None, "not-an-array"),
        ((i for i in range(2)), "not-an-array"),
    ],
)
def test_a_value_is_read_strictly(value: object, cause: str) -> None:
    assert read_array(value, (2, 3))[0] == cause


@pytest.mark.parametrize("value", [1.5, np.float64(1.5), np.float32(1.5), np.array(1.5)])
def test_a_loss_may_be_any_kind_of_float(value: object) -> None:
    assert read_scalar(value) == (1.5, "", "")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (np.array([1.5]), "kept-axis"),
        (np.array([1.5, 2.5]), "wrong-shape"),
        (np.nan, "not-finite"),
        (10**400, "not-finite"),
        (None, "not-attempted"),
        ("1.5", "not-an-array"),
        (np.int64(1), "wrong-dtype"),
        (1 + 2j, "not-an-array"),
    ],
)
def test_a_loss_that_is_no_number_is_refused(value: object, cause: str) -> None:
    assert read_scalar(value)[1] == cause


def test_type_names_are_read_past_a_metaclass() -> None:
    class Meta(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise RuntimeError

    assert type_name(Meta("Odd", (), {})()) == "Odd"


def test_items_ignores_what_a_subclass_overrides() -> None:
    class Liar(tuple):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise RuntimeError

        def __len__(self) -> int:
            return 99

    assert items(Liar((1, 2))) == [1, 2]


def test_copies_share_nothing() -> None:
    given = {"x": A, "bn_param": {"running_mean": B, "mode": "train"}}
    copied = copy_arguments(given)
    copied["x"][0] = 9
    copied["bn_param"]["running_mean"][0] = 9
    assert A[0] == 0
    assert B[0, 0] == 1


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (A, A.copy(), True),
        (A, A + 1e-16, True),
        (A, A + 1e-9, False),
        (np.array([np.nan, 1]), np.array([np.nan, 1]), True),
        (np.array([np.inf]), np.array([-np.inf]), False),
        (A, A.astype(np.float32), False),
        (A, list(A), False),
        (np.array([1, 2]), np.array([1, 3]), False),
        (None, None, True),
    ],
)
def test_two_results_are_the_same_to_far_less_than_any_tolerance(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal


def warn_and_meddle() -> str:
    warnings.resetwarnings()
    warnings.simplefilter("error")
    np.seterr(all="raise")
    sys.stderr = io.StringIO()
    return "done"


def replace_the_filters() -> str:
    warnings.filters = []
    return "done"


@pytest.mark.parametrize("meddler", [warn_and_meddle, replace_the_filters, warnings.resetwarnings])
def test_a_call_in_quiet_is_as_quiet_afterwards(meddler: Any) -> None:
    stderr, before = sys.stderr, list(warnings.filters)
    with quiet():
        assert call_in_quiet(meddler).raised == ""
        warnings.warn("nobody hears this", stacklevel=1)
        assert np.array([1.0]) / 0.0 == np.inf
        assert call_in_quiet(lambda: warnings.warn("nor this", stacklevel=1)).raised == ""
        assert sys.stderr is stderr
    assert list(warnings.filters) == before


def test_a_call_in_quiet_keeps_stderr_for_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        call_in_quiet(lambda: print("heard", file=sys.stderr))
    assert capsys.readouterr() == ("heard\n", "")


def test_an_interrupt_goes_through_a_call_in_quiet_and_leaves_stderr() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    stderr = sys.stderr
    with quiet(), pytest.raises(KeyboardInterrupt):
        call_in_quiet(interrupt)
    assert sys.stderr is stderr


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ([1e300, -1e300], ""),
        ([1e300, np.nan], "not-finite"),
        ([1.0, np.inf], "not-finite"),
        ([1.0, -np.inf], "not-finite"),
        ([0.0, 0.0], ""),
    ],
)
def test_entries_are_finite_though_their_squares_are_not(values: list[float], cause: str) -> None:
    with quiet():
        assert read_array(np.array(values), (2,))[0] == cause


def test_a_reference_gets_dicts_of_its_own_and_the_same_arrays() -> None:
    given = {"x": A, "param": {"mean": B}, "mode": "train"}
    own = own_dicts(given)
    own["param"]["mean"] = None
    assert own["x"] is A
    assert given["param"] == {"mean": B}


def test_zeros_of_either_sign_and_nans_are_the_same() -> None:
    with quiet():
        assert same(np.array([0.0, np.nan]), np.array([-0.0, np.nan]))
        assert not same(np.array([0.0, 1.0]), np.array([np.nan, 1.0]))

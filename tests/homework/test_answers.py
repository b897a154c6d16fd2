"""Stand-ins for a student's functions: what they give, what they change, and what no reply can make them do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.homework.answers import KEPT, Answers
from handgrad.homework.sandbox import ENDINGS, Ended, Limits
from handgrad.homework.wasm import WasmSandbox
from handgrad.homework.wire import Foreign
from handgrad.probe import ElsewhereError, call
from tests.homework.sandboxed import prepare
from tests.homework.test_wire import JSON


@pytest.fixture(scope="module")
def sandbox():
    prepare()
    opened = WasmSandbox(Limits())
    yield opened
    opened.close()


@pytest.fixture
def answers(sandbox):
    """answers(code, *names) -> the Answers after a cell has run, and what the names stand for."""

    def made(code, *names):
        asked = Answers(sandbox, names, lambda used: None)
        assert asked.ask(op="cell", source="import numpy as np\n" + code, name="<cell 1>") == {"raised": ""}
        return asked, asked.named("part")

    return made


# ---------------------------------------------------------------- the everyday side


def test_a_function_is_called_elsewhere_and_its_value_is_here(answers):
    _, found = answers("def f(x, w=2.0):\n    return x * w, {'x': x}", "f")
    out, cache = found["f"](np.ones(3))
    assert (out.tolist(), cache["x"].tolist(), found["f"].__name__) == ([2.0] * 3, [1.0] * 3, "f")


def test_a_name_that_is_no_function_is_its_value_and_one_that_is_missing_is_left_out(answers):
    _, found = answers('formula, table = "dY @ X.T", np.ones(2)', "formula", "table", "missing_name")
    assert found["formula"] == "dY @ X.T"
    assert found["table"].tolist() == [1.0, 1.0]
    assert "missing_name" not in found


def test_an_exception_comes_with_its_words_and_its_line(answers):
    _, found = answers("def f(x):\n    return x @ np.ones((4, 2))", "f")
    with pytest.raises(
        ElsewhereError, match=r"ValueError: in this matrix product the inner axes differ(.|\n)*in f, line 3"
    ):
        found["f"](np.ones((2, 3)))


def test_not_implemented_is_not_attempted(answers):
    _, found = answers("def f(x):\n    raise NotImplementedError", "f")
    assert call(found["f"], 1).not_attempted


def test_an_array_that_is_changed_in_place_there_is_changed_here(answers):
    _, found = answers("def f(x, y):\n    x *= 2\n    return y", "f")
    x, y = np.ones((2, 3)), np.ones(2)
    found["f"](x, y)
    assert x.tolist() == [[2.0] * 3] * 2
    assert y.tolist() == [1.0] * 2


def test_a_dict_that_is_changed_there_is_changed_here(answers):
    _, found = answers("def f(p):\n    p['mean'] = p['mean'] + 1\n    p['new'] = np.ones(2)", "f")
    p = {"mean": np.zeros(2), "mode": "train"}
    found["f"](p)
    assert {key: np.asarray(value).tolist() for key, value in p.items()} == {
        "mean": [1.0, 1.0],
        "mode": "train",
        "new": [1.0, 1.0],
    }


def test_an_array_that_cannot_be_written_to_stays_as_it_is(answers):
    _, found = answers("def f(x):\n    x += 1\n    return 5", "f")
    x = np.ones(2)
    x.flags.writeable = False
    assert found["f"](x) == 5
    assert x.tolist() == [1.0, 1.0]


def test_what_an_earlier_call_returned_changes_here_when_a_later_call_changes_it(answers):
    _, found = answers(
        "def f(x):\n    return x, (x.copy(), [x + 1])\ndef g(c):\n    c[1][0] *= 10\n    return 0", "f", "g"
    )
    _, cache = found["f"](np.ones(2))
    found["g"](cache)
    assert cache[1][0].tolist() == [20.0, 20.0]
    assert cache[0].tolist() == [1.0, 1.0]


CACHES = {
    "a tuple": "(x, 7)",
    "a list": "[x, 7]",
    "a dict": "{'x': x, ('any', 'key'): 7}",
    "a named tuple": "Pair(x, 7)",
    "an object": "Held(x)",
    "an object with slots": "Slotted(x)",
    "a closure": "lambda: x",
    "a generator": "(i for i in range(3))",
    "a set": "{1, 2}",
    "bytes": "b'abc'",
    "a class": "Held",
    "a module": "np",
    "a masked array": "np.ma.masked_array([1.0], [True])",
    "a frozen dataclass": "Frozen(x)",
    "an array of objects": "np.array([None, {}], dtype=object)",
    "an iterator within a tuple": "(iter([x]), x)",
}
KINDS = """
from collections import namedtuple
from dataclasses import dataclass
from typing import Any
Pair = namedtuple("Pair", "x n")
class Held:
    def __init__(self, x=None): self.x = x
class Slotted:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
@dataclass(frozen=True)
class Frozen:
    x: Any
"""


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_of_any_type_comes_back_as_the_very_same_object(answers, name):
    code = f"{KINDS}\ndef f(x):\n    global made\n    made = {CACHES[name]}\n    return x, made\n"
    _, found = answers(code + "def g(dout, cache):\n    return cache is made", "f", "g")
    _, cache = found["f"](np.ones(2))
    assert found["g"](np.ones(2), cache) is True


def test_a_part_of_a_cache_comes_back_as_that_part(answers):
    code = "def f(x):\n    global made\n    made = (object(), x)\n    return x, made\n"
    _, found = answers(code + "def g(thing):\n    return thing is made[0]", "f", "g")
    _, cache = found["f"](np.ones(2))
    assert isinstance(cache[0], Foreign)
    assert found["g"](cache[0]) is True


def test_caches_of_the_last_calls_are_known_and_old_ones_are_let_go(answers):
    asked, found = answers(
        "def f(x):\n    return [x]\ndef g(c):\n    return type(c).__name__, c[0]", "f", "g"
    )
    caches = [found["f"](float(i)) for i in range(3 * KEPT)]
    assert [found["g"](cache) for cache in caches[-20:]] == [
        ("list", float(i)) for i in range(3 * KEPT - 20, 3 * KEPT)
    ]
    assert len(asked._known) <= 2 * KEPT
    assert len(asked._arrays) <= KEPT
    assert found["g"](caches[0]) == ("list", 0.0)


def test_after_forgetting_a_cache_is_handed_over_by_its_value(answers):
    asked, found = answers("def f(x):\n    return (x, 1)\ndef g(c):\n    return type(c).__name__", "f", "g")
    cache = found["f"](np.ones(2))
    asked.forget()
    assert found["g"](cache) == "tuple"


def test_calls_of_other_answers_are_counted(answers):
    asked, found = answers(
        "def f(x):\n    return x\ndef g(x):\n    for _ in range(9): f(x)\n    return x", "f", "g"
    )
    found["g"](np.ones(2))
    assert [(spent.name, spent.others, spent.returned) for spent in asked.calls] == [("g", 9, 2)]
    assert asked.calls[0].instructions > 0


def test_what_names_stood_for_in_a_part_is_kept_for_it(answers):
    asked, _ = answers("def f():\n    return 1", "f")
    asked.ask(op="keep", parts=["first"])
    asked.ask(op="cell", source="def f():\n    return 2", name="<cell 2>")
    assert asked.named("first")["f"]() == 1
    assert asked.named("second")["f"]() == 2


# ---------------------------------------------------------------- forged replies


class Forger:
    """A sandbox that gives one reply, whatever it is asked."""

    def __init__(self, reply):
        self.reply = reply

    def ask(self, request):
        json.loads(request)
        return self.reply, 1


def tried(reply, *arguments):
    """What one call comes to: a value, an exception's words, or how it ended."""
    asked = Answers(Forger(reply), ["f"], lambda used: None)
    try:
        return asked._function("part", "f")(*arguments)
    except (Ended, ElsewhereError, NotImplementedError) as error:
        return error


GOOD = {"value": {"v": 1}, "handle": 0, "changed": {}, "others": 0}


def forged(**changes):
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "null",
        "[]",
        "7",
        '"value"',
        "{",
        "{}",
        "[" * 100_000,
        '{"raised": ' + "[" * 500 + "]" * 500 + "}",
        "1" * 10_000,
        '{"a": NaN}',
        forged(value=None),
        forged(value={"v": float("nan")}),
        forged(handle=None),
        forged(handle=True),
        forged(handle="0"),
        forged(handle=0.5),
        forged(others=None),
        forged(others=[]),
        forged(changed=None),
        forged(changed=[]),
        forged(changed={"": {"v": 1}}),
        forged(changed={"arg:": {"v": 1}}),
        forged(changed={"arg:-1": {"v": 1}}),
        forged(changed={"arg:1": {"v": 1}}),
        forged(changed={"arg: 0": {"v": 1}}),
        forged(changed={"arg:\u0660": {"v": 1}}),
        forged(changed={"1:0": {"v": 1}}),
        forged(changed={"-1:0": {"v": 1}}),
        forged(changed={"0:0": {"v": 1}}),
        forged(changed={"9" * 5000 + ":0": {"v": 1}}),
        forged(changed={"arg:0": None}),
        forged(changed={"arg:" + "0" * i: {"o": "x", "shape": [10_000]} for i in range(1, 9)}),
        forged(raised=True),
        forged(raised={"a": 1}),
        forged(raised=["x"]),
    ],
    ids=lambda reply: reply[:50],
)
def test_a_forged_reply_ends_the_part(reply):
    stop = tried(reply, np.ones(2))
    assert isinstance(stop, Ended)
    assert stop.ending == "protocol"


@pytest.mark.parametrize(
    "told", [{"points": 99}, {"function": True}, {"ok": True, "verdict": "correct"}, {"not_attempted": 1}]
)
def test_what_else_a_reply_says_is_not_heard(told):
    assert tried(forged(**told)) == 1


def test_words_for_an_exception_are_bounded_and_can_be_stored():
    error = tried(forged(raised="\ud800" + "x" * 10**5))
    assert type(error) is ElsewhereError
    assert str(error) == "?" + "x" * 999


def test_a_forged_change_reaches_only_arrays_of_its_own_shape_and_dtype():
    x, cells = np.ones(2), {"a": 1}
    five = {"a": "f4", "shape": [2], "d": "AAAAAAAAAAA="}
    assert tried(forged(changed={"arg:0": five, "arg:1": five, "arg:2": {"v": 1}}), x, cells, [1]) == 1
    assert (x.tolist(), cells) == ([1.0, 1.0], {"a": 1})


def test_the_same_handle_for_every_call_harms_nothing():
    asked = Answers(
        Forger(forged(value={"l": [{"a": "f8", "shape": [0], "d": ""}]})), ["f"], lambda used: None
    )
    function = asked._function("part", "f")
    kept = [function() for _ in range(4 * KEPT)]
    assert len(asked._known) <= 2 * KEPT
    assert [function(value) for value in kept[::40]]


def test_names_that_are_forged_give_functions_values_or_an_end():
    for told in (
        "[]",
        "{}",
        '{"f": 1}',
        '{"f": {"value": {"x": "a", "in": {"v": 1}}}}',
        '{"f": {"value": 1}}',
    ):
        with pytest.raises(Ended):
            Answers(Forger(told), ["f"], lambda used: None).named("part")
    assert Answers(Forger('{"f": {"function": "true"}}'), ["f"], lambda used: None).named("part") == {}


REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "value": JSON,
        "handle": st.integers() | JSON,
        "others": st.integers() | JSON,
        "changed": st.dictionaries(
            st.sampled_from(["arg:0", "arg:1", "0:0", "-1:0", "arg:9"]) | st.text(max_size=5), JSON
        )
        | JSON,
        "raised": st.text(max_size=5) | JSON,
        "not_attempted": st.booleans() | JSON,
    },
)


@given(reply=REPLIES)
@settings(max_examples=1000)
def test_any_reply_gives_a_value_or_an_end(reply):
    told, expected = np.ones(3), {"a": np.ones(2)}
    found = tried(json.dumps(reply), told, expected)
    assert isinstance(str(found).encode(), bytes)
    assert getattr(found, "ending", "protocol") in ENDINGS
    assert told.shape == (3,)
    assert told.dtype == np.float64


@given(
    text=st.text(max_size=40)
    | st.recursive(st.just("1"), lambda inner: inner.map(lambda t: f"[{t}]"), max_leaves=3)
)
@settings(max_examples=300)
def test_any_text_gives_a_value_or_an_end(text):
    assert isinstance(tried(text), Ended)


@given(told=st.dictionaries(st.sampled_from(["f", "g"]), JSON | st.fixed_dictionaries({"value": JSON})))
@settings(max_examples=500)
def test_any_names_give_values_or_an_end(told):
    try:
        found = Answers(Forger(json.dumps(told)), ["f", "g"], lambda used: None).named("part")
    except Ended:
        return
    assert set(found) <= {"f", "g"}

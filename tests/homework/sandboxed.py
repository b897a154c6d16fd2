"""Notebooks made for a test and graded in the sandbox, which is compiled once for all of pytest's workers."""

from __future__ import annotations

import copy
import json
import tempfile
from functools import lru_cache
from pathlib import Path

from handgrad.homework import source, wasm
from handgrad.homework.grading import Job, grade
from handgrad.homework.sandbox import Limits

ROOT = Path(__file__).resolve().parents[2]

# Small, so that what meets a limit meets it soon.
SMALL = Limits(
    instructions=1_200_000_000, total=12_000_000_000, seconds=10.0, memory_mb=160, output_kb=64, starts=6
)


@lru_cache(maxsize=1)
def prepare():
    """Have the sandbox compiled: about a minute where the user's cache is empty, and by one worker alone."""
    if wasm.prepared():
        return
    try:
        import fcntl
    except ImportError:  # no lock here: then each worker compiles for itself
        wasm.WasmSandbox(Limits()).close()
        return
    with open(Path(tempfile.gettempdir()) / "handgrad-tests-prepare.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wasm.WasmSandbox(Limits()).close()


@lru_cache(maxsize=16)
def homework(slug):
    return source.load(ROOT, slug)


def cell(text, grade_id="", kind="code", **nbgrader):
    """One cell of a notebook as JSON has it."""
    meta = {"nbgrader": {"grade_id": grade_id, "schema_version": 3, **nbgrader}} if grade_id else {}
    made = {"cell_type": kind, "metadata": meta, "source": text, "id": "c"}
    return {**made, "outputs": [], "execution_count": None} if kind == "code" else made


def cells(slug, answers):
    """The cells of a submission: the author's answers, but for those named. None takes a cell out."""
    made = []
    for grade_id, text, kind in homework(slug).cells:
        if kind == "answer":
            text = answers.get(grade_id, text)
        if text is not None:
            made.append(cell(text, grade_id, solution=kind == "answer", grade=kind == "grade"))
    unknown = set(answers) - {grade_id for grade_id, _, kind in homework(slug).cells if kind == "answer"}
    assert not unknown, unknown
    return made


def notebook(made, **changes):
    """A notebook's bytes from its cells."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nb = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": copy.deepcopy(made)}
    return json.dumps({**nb, **changes}).encode()


def graded(data, slug="affine", limits=SMALL, secret="secret", isolation="wasm"):
    """The Result of a submission, given as its bytes, as cells, or as answers by grade_id."""
    prepare()
    if isinstance(data, dict):
        data = cells(slug, data)
    if isinstance(data, list):
        data = notebook(data)
    job = Job(str(ROOT), slug, "student", "student.ipynb", secret, limits, isolation)
    return grade(job, data)


def points(result):
    """The points by graded cell."""
    return {part.grade_id: part.points for part in result.parts}


def part(result, grade_id):
    """The result of one part."""
    return next(part for part in result.parts if part.grade_id == grade_id)


def said(result):
    """All that a result says of the student's code."""
    return json.dumps([p.reports for p in result.parts], ensure_ascii=False) + " ".join(
        [p.stopped for p in result.parts]
        + [f"{f.words}" for f in result.failures]
        + [result.reason, *result.notes]
    )

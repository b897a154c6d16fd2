"""Reading, normalising and executing notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from handgrad.errors import NotebookError
from handgrad.homework import execute, notebooks


def notebook(*sources: str) -> Any:
    return new_notebook(cells=[new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)])


def store(path: Path, nb: Any) -> Path:
    notebooks.write(path, nb)
    return path


# ---- the normal form -----------------------------------------------------------------------------


def test_what_differs_between_machines_is_dropped_and_what_the_tools_need_is_kept() -> None:
    nb = notebook("1")
    nb.metadata = {
        "language_info": {"name": "python", "version": "3.99"},
        "widgets": {"state": {}},
        "kernelspec": {},
    }
    nb.cells[0].metadata = {
        "tags": ["exercise"],
        "nbgrader": {"points": 2},
        "execution": {"start": "now"},
        "mystnb": {},
    }
    notebooks.normalise(nb)
    assert nb.metadata == {"kernelspec": notebooks.KERNEL, "language_info": {"name": "python"}}
    assert nb.cells[0].metadata == {"tags": ["exercise"], "nbgrader": {"points": 2}}


def test_a_flag_that_is_false_is_kept() -> None:
    nb = notebook("1")
    nb.cells[0].metadata = {"editable": False, "deletable": False}
    assert notebooks.normalise(nb).cells[0].metadata == {"editable": False, "deletable": False}


def test_pieces_of_one_stream_are_joined_and_those_of_two_are_not() -> None:
    nb = notebook("1")
    nb.cells[0].outputs = [
        new_output("stream", name=name, text=text)
        for name, text in [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    ]
    outputs = notebooks.normalise(nb).cells[0].outputs
    assert [(o.name, o.text) for o in outputs] == [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]


def test_a_widget_with_html_loses_its_random_id_and_one_without_keeps_its_only_view() -> None:
    nb = notebook("1")
    view = {"model_id": "5b1c"}
    nb.cells[0].outputs = [
        new_output("display_data", data={notebooks.WIDGET: view, "text/html": "<div></div>"}),
        new_output("display_data", data={notebooks.WIDGET: view}),
    ]
    first, second = notebooks.normalise(nb).cells[0].outputs
    assert list(first.data) == ["text/html"]
    assert list(second.data) == [notebooks.WIDGET]


def test_missing_and_repeated_ids_are_given_from_the_content_and_good_ones_stay(tmp_path: Path) -> None:
    raw = json.loads(json.dumps(new_notebook(cells=[new_markdown_cell(text) for text in "abc"])))
    raw["cells"][0]["id"] = raw["cells"][1]["id"] = "same"
    del raw["cells"][2]["id"]
    path = tmp_path / "ids.ipynb"
    path.write_text(json.dumps(raw))
    first, second = ([cell.id for cell in notebooks.read(path).cells] for _ in range(2))
    assert first == second
    assert first[0] == "same"
    assert len(set(first)) == 3


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    assert notebooks.write(path, notebook("1")) is True
    before = path.read_bytes()
    assert notebooks.write(path, notebooks.read(path)) is False
    assert path.read_bytes() == before
    assert before.endswith(b"}\n")
    assert b"\r" not in before


# ---- finding and reading -------------------------------------------------------------------------


def test_folders_are_searched_and_hidden_folders_are_not(tmp_path: Path) -> None:
    for name in ("b.ipynb", "a/a.ipynb", ".ipynb_checkpoints/b.ipynb", "a/.hidden/c.ipynb"):
        store(tmp_path / name, notebook("1"))
    found = notebooks.find([tmp_path, tmp_path / "b.ipynb"])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["a/a.ipynb", "b.ipynb"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.ipynb", None, r"missing\.ipynb: cannot be read\n  No such file"),
        ("text.ipynb", b"hello", r"text\.ipynb: is not a notebook\n  it is not JSON: .*\n  restore the file"),
        ("bytes.ipynb", b"\xff\xfe", r"bytes\.ipynb: is not a notebook\n  it is not UTF-8"),
        ("merge.ipynb", b"{\n<<<<<<< HEAD\n", r"unresolved merge"),
        ("list.ipynb", b"[]", r"list\.ipynb: is not a valid notebook"),
        ("number.ipynb", b"3", r"number\.ipynb: is not a valid notebook"),
        ("empty.ipynb", b"{}", r"empty\.ipynb: is not a valid notebook"),
        (
            "cells.ipynb",
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}',
            r"not a valid notebook",
        ),
        ("deep.ipynb", b"[" * 100_000, r"deep\.ipynb: is not a notebook"),
    ],
)
def test_a_file_that_is_no_notebook_is_named_with_the_reason(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotebookError, match=message):
        notebooks.read(path)


# ---- executing -----------------------------------------------------------------------------------


def test_executing_stores_outputs_in_order_and_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    path = store(tmp_path / "a.ipynb", notebook("x = 2", "", "print('one')\nx * 21"))
    assert execute.execute_file(path) is True
    before = path.read_bytes()
    cells = notebooks.read(path).cells
    assert [cell.execution_count for cell in cells] == [1, None, 2]
    assert notebooks.text_of(cells[2]) == "one\n\n42"
    assert execute.execute_file(path) is False
    assert path.read_bytes() == before


def test_a_notebook_runs_in_its_own_folder_in_a_fresh_kernel(tmp_path: Path) -> None:
    first = store(tmp_path / "one" / "a.ipynb", notebook("y = 1\nopen('here', 'w').close()"))
    second = store(tmp_path / "two" / "b.ipynb", notebook("'y' in globals()"))
    assert execute.main(["--jobs", "2", str(first), str(second)]) == 0
    assert (tmp_path / "one" / "here").exists()
    assert notebooks.text_of(notebooks.read(second).cells[0]) == "False"


def test_a_cell_that_raises_is_named_and_the_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path / "bad.ipynb", notebook("1", "z = 1\nz / 0", "3"))
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert capsys.readouterr().err == (
        f"{path}, cell 2: raised ZeroDivisionError: division by zero\n"
        "  the cell starts with: z = 1\n  mend the cell; the file was left as it was\n"
    )
    assert path.read_bytes() == before


def test_a_warning_in_a_cell_is_an_error(tmp_path: Path) -> None:
    path = store(
        tmp_path / "warns.ipynb", notebook("import warnings\nwarnings.warn('old', DeprecationWarning)")
    )
    with pytest.raises(NotebookError, match="cell 1: raised DeprecationWarning: old"):
        execute.execute_file(path)


def test_a_cell_without_end_and_a_kernel_that_dies_are_reported(tmp_path: Path) -> None:
    endless = store(tmp_path / "endless.ipynb", notebook("while True:\n    pass"))
    with pytest.raises(NotebookError, match="cell 1: did not end within 1 seconds"):
        execute.execute_file(endless, timeout=1)
    dying = store(tmp_path / "dying.ipynb", notebook("1", "import os\nos._exit(3)"))
    with pytest.raises(NotebookError, match="cell 2: ended the kernel"):
        execute.execute_file(dying)


def test_a_wrong_path_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute.main([str(tmp_path / "none")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert execute.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no notebooks there\n"

"""The appendix on teaching: its commands, flags and paths exist, and it says of a class what its outputs show."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from handgrad.cli import _parser
from handgrad.homework import notebooks

ROOT = Path(__file__).resolve().parents[2]
CELLS = notebooks.read(ROOT / "book" / "appendix_teaching.ipynb").cells
PROSE = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
BLOCKS = [line for block in re.findall(r"```bash\n(.*?)```", PROSE, re.DOTALL) for line in block.splitlines()]
OUTPUT = {cell.id: "".join(out.get("text", "") for out in cell.get("outputs", ())) for cell in CELLS}
SPOKEN = re.findall(r"`(handgrad [a-z][^`]*)`", PROSE)


def options(command):
    """Every option of a command of `handgrad`."""
    (commands,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {word for action in commands.choices[command]._actions for word in action.option_strings}


@pytest.mark.parametrize(
    "line", [line for line in BLOCKS if line.startswith("handgrad ") and "--help" not in line]
)
def test_a_command_in_a_block_is_read_by_the_parser(line):
    _parser().parse_args(shlex.split(line)[1:])


def test_there_are_commands_to_hand_out_grade_and_export():
    assert {"make setup", "make notebooks"} <= {*BLOCKS}
    assert any(line.startswith("nbgrader export --to grading/") for line in BLOCKS)
    assert sum(line.startswith("handgrad grade") for line in BLOCKS) >= 3


@pytest.mark.parametrize("said", SPOKEN)
def test_a_command_in_a_sentence_exists_with_its_options(said):
    words = said.split()
    assert {word for word in words if word.startswith("--")} <= options(words[1])


def test_every_option_that_the_text_names_is_one_of_handgrad_grade():
    named = {*re.findall(r"`(--[a-z-]+)", PROSE)} - {"--to"}  # nbgrader's
    assert len(named) > 5
    assert named <= options("grade")


def test_every_target_of_make_exists():
    targets = {*re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)}
    named = {*re.findall(r"(?:^|`)make ([a-z]+)", PROSE, re.MULTILINE)}
    assert "setup" in named
    assert named <= targets


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            path
            for path in re.findall(r"`([\w./-]+)`", PROSE)
            if path.split("/")[0] in {"exercises", "solutions", "handgrad", "tests", "book"} and "/" in path
        }
        - {"exercises/dropout/"}
    ),
)
def test_a_path_of_the_repository_exists(path):
    assert (ROOT / path.replace("SLUG/", "")).exists()


@pytest.mark.parametrize("name", ["graded", "grading", "submitted", "autograded", "feedback", "gradebook.db"])
def test_what_is_said_to_be_kept_out_of_git_is(name):
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {f"{name}/", f"{name}*"} & {*ignored}


def test_the_placeholder_that_a_teacher_replaces_stands_in_the_homework():
    assert "ADDRESS-OF-THE-REPOSITORY" in PROSE
    released = (ROOT / "exercises" / "affine" / "affine.ipynb").read_text(encoding="utf-8")
    assert "ADDRESS-OF-THE-REPOSITORY" in released


def test_the_notebooks_that_only_look_right_get_nothing_and_the_one_cut_off_no_mark():
    marks = dict(re.findall(r"^(s\d+) \w+ ([\d.]*) ?of", OUTPUT["table"], re.MULTILINE))
    assert [marks[name] for name in ("s01", "s02", "s03", "s06")] == ["0", "0", "0", "16"]
    assert 0 < float(marks["s05"]) < float(marks["s04"]) < 16
    assert marks["s07"] == ""
    assert "s07 0.0" in OUTPUT["gradebook-run"]


def test_derive_answers_the_one_forward_and_refuses_the_other():
    assert "dw = x2.T @ dy2 + x1.T @ dy1" in OUTPUT["derive-run"]
    assert OUTPUT["derive-refused"].startswith("formula, line 2")

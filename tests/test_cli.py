"""The command line: what it prints, its exit codes, and its words for files that cannot be checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad import __version__, layers
from handgrad.cli import main

RIGHT = """
def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)
"""


@pytest.fixture
def student(tmp_path):
    """Writes a file and returns its path."""

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_right_answer_exits_with_0(student, capsys):
    assert main(["check", "affine", student(RIGHT)]) == 0
    assert capsys.readouterr().out.startswith("affine: correct\n")


def test_a_wrong_answer_exits_with_1_and_names_the_mistake(student, capsys):
    wrong = RIGHT.replace("dout.sum(axis=0)", "dout.sum(axis=0) / len(x)")
    assert main(["check", "affine", student(wrong)]) == 1
    out = capsys.readouterr().out
    assert "affine: incorrect\n  ✓ out, ✓ dx, ✓ dw, ✗ db\n" in out
    assert "averaged over the batch" in out


def test_nothing_attempted_exits_with_1(student, capsys):
    stub = "def affine_backward(dout, cache):\n    return None\n"
    assert main(["check", "affine", student(stub)]) == 1
    assert "affine: not attempted yet" in capsys.readouterr().out


def test_plain_names_are_found(student, capsys):
    plain = RIGHT.replace("affine_", "")
    assert main(["check", "affine", student(plain)]) == 0
    assert "correct" in capsys.readouterr().out


def test_the_name_with_the_slug_comes_first(student, capsys):
    both = "def forward(x, w, b):\n    raise ValueError\n" + RIGHT
    assert main(["check", "affine", student(both)]) == 0


def test_one_role_alone_is_checked(student, capsys):
    alone = "def backward(dout, cache):\n    return dout * cache * (1 - cache)\n"
    assert main(["check", "sigmoid", student(alone)]) == 0


@pytest.mark.parametrize("name", ["softmax_loss", "loss"])
def test_a_loss_is_found_by_either_name(student, capsys, name):
    text = f"""
import numpy as np

def {name}(x, y):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / len(x)
"""
    assert main(["check", "softmax", student(text)]) == 0


def test_helpers_beside_the_file_can_be_imported(student, capsys):
    student(RIGHT, "helper_of_mine.py")
    assert (
        main(["check", "affine", student("from helper_of_mine import affine_forward, affine_backward\n")])
        == 0
    )


def test_a_dataclass_in_the_file_is_no_obstacle(student, capsys):
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text += "@dataclass\nclass Cache:\n    x: object\n" + RIGHT
    assert main(["check", "affine", student(text)]) == 0


def refused(capsys, *argv):
    """What a refused command says, which must not be a traceback."""
    assert main(list(argv)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_a_missing_file_is_named(capsys, tmp_path):
    path = tmp_path / "nowhere.py"
    assert (
        refused(capsys, "check", "affine", str(path))
        == f"{path}: no such file\n  give the path of a Python file\n"
    )


def test_a_folder_is_named(capsys, tmp_path):
    assert f"{tmp_path}: is a folder" in refused(capsys, "check", "affine", str(tmp_path))


def test_a_notebook_is_sent_back_with_the_way_out(capsys, student):
    err = refused(capsys, "check", "affine", student("{}", "mine.ipynb"))
    assert "is a notebook, not a Python file" in err
    assert "save the functions to a .py file" in err


def test_a_syntax_error_is_shown_with_line_and_caret(capsys, student):
    path = student("x = 1\ny = (2 +\n")
    assert refused(capsys, "check", "affine", path) == (
        f"{path}, line 2: SyntaxError: '(' was never closed\n  y = (2 +\n      ^\n  mend it and check again\n"
    )


def test_a_file_with_a_null_byte_is_named(capsys, student):
    assert "mine.py" in refused(capsys, "check", "affine", student("x = 1\0"))


def test_an_exception_in_the_file_is_named_with_its_line(capsys, student):
    path = student("import math\nmath.sqrt(-1)\n")
    err = refused(capsys, "check", "affine", path)
    assert err.startswith(f"{path}, line 2: the file stops with ValueError: ")
    assert "  math.sqrt(-1)\n  the file must run from top to bottom on its own" in err


def test_a_missing_import_is_named(capsys, student):
    err = refused(capsys, "check", "affine", student("import no_such_module_at_all\n"))
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in err


def test_an_exit_in_the_file_does_not_end_the_check_silently(capsys, student):
    assert "the file stops with SystemExit: 0" in refused(
        capsys, "check", "affine", student("raise SystemExit(0)\n")
    )


def test_a_file_without_the_functions_lists_what_it_holds(capsys, student):
    err = refused(capsys, "check", "affine", student("def affine_back(dout, cache):\n    pass\n"))
    assert "holds no function for affine\n  functions found: affine_back\n" in err
    assert "define affine_forward(x, w, b) and affine_backward(dout, cache)" in err


def test_an_unknown_layer_gets_the_nearest_name(capsys, student):
    err = refused(capsys, "check", "afine", student(RIGHT))
    assert "no layer 'afine'" in err
    assert "did you mean 'affine'?" in err


def test_the_list_names_every_layer_with_its_signature(capsys):
    assert main(["check", "--list"]) == 0
    out = capsys.readouterr().out
    for slug in layers.names():
        assert f"\n{slug}: " in "\n" + out
    assert "  affine_backward(dout, cache) -> dx, dw, db\n" in out
    assert "  batchnorm_forward(x, gamma, beta, bn_param) -> out, cache\n" in out
    assert "  softmax_loss(x, y) -> loss, dx\n" in out


@pytest.mark.parametrize(
    "argv", [["check"], ["check", "affine"], ["check", "affine", "--list"], ["chek"], []]
)
def test_a_misspelt_command_exits_with_2_and_the_usage(capsys, argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    assert "usage: handgrad" in capsys.readouterr().err


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"handgrad {__version__}\n"


def with_numpy_alone(root, *argv):
    """Run the command with every other installed package out of reach."""
    numpy = Path(pytest.importorskip("numpy").__file__).parents[1]
    code = f"""
import sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("numpy", "handgrad"):
            return None
        raise ModuleNotFoundError(f"No module named {{top!r}}", name=top)
sys.meta_path.insert(0, Only())
sys.path[:0] = [{str(root)!r}, {str(numpy)!r}]
from handgrad.cli import main
sys.exit(main({list(argv)!r}))
"""
    return subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=root)


def test_check_needs_nothing_but_numpy(student, root):
    done = with_numpy_alone(root, "check", "affine", student(RIGHT))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("argv", [("sync", "affine"), ("new", "chapter", "19_never_written")])
def test_a_command_without_its_packages_says_what_to_install(root, argv):
    done = with_numpy_alone(root, *argv)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf'handgrad {argv[0]}: needs nb\w+\n  pip install "handgrad\[homework\]", or .*: make test\n',
        done.stderr,
    )


def test_python_m_handgrad_is_the_same_command(root):
    command = [sys.executable, "-m", "handgrad", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert (done.returncode, done.stdout) == (0, f"handgrad {__version__}\n")

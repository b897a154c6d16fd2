"""The command line: what it prints, its exit codes, and its words for files that cannot be checked."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
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
    "argv",
    [
        ["check"],
        ["check", "affine"],
        ["check", "affine", "--list"],
        ["derive"],
        ["derive", "-", "--format", "pdf"],
        ["derive", "-", "--sizes", "N=3"],
        ["derive", "-", "--route", "vec", "--format", "latex"],
        ["chek"],
        [],
    ],
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


FORWARD = """X: N D;  W: D C;  b: C
S = X @ W + b
L = sum(exp(S) ** 2)
"""


@pytest.fixture
def typed(monkeypatch):
    """Puts text, or bytes, on standard input."""

    def put(text):
        data = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return put


def test_derive_reads_a_file(student, capsys):
    assert main(["derive", student(FORWARD, "forward.txt")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Forward, one operation a line\n")
    assert "dW = X.T @ dS   (D, C)   numeric ✓ symbolic ✓" in out


def test_derive_reads_standard_input(typed, capsys):
    typed(FORWARD)
    assert main(["derive", "-", "--no-symbolic"]) == 0
    assert "dW = X.T @ dS   (D, C)   numeric ✓ symbolic –" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "start", "holds"),
    [
        ("text", "Forward, one operation a line", "dX = dS @ W.T"),
        ("markdown", "**Forward, one operation a line.**", r"\underbrace{W^\top}_{C \times D}"),
        ("latex", "% needs", r"\paragraph{Step 1. "),
        ("html", '<div class="handgrad-derive tex2jax_process">', "<details><summary>Step 1. "),
        ("python", '"""Forward and backward', "dX = dS @ W.T"),
        ("json", "{", '"dX"'),
    ],
)
def test_derive_writes_every_format(student, capsys, name, start, holds):
    argv = ["derive", student(FORWARD, "forward.txt"), "--format", name, "--no-symbolic"]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith(start)
    assert holds in out
    assert out.endswith("\n")
    assert not out.endswith("\n\n")
    assert err == ""
    assert main(argv) == 0
    assert capsys.readouterr().out == out


def test_derived_json_and_python_can_be_read_back(student, capsys):
    path = student(FORWARD, "forward.txt")
    main(["derive", path, "--format", "json", "--no-symbolic"])
    json.loads(capsys.readouterr().out)
    main(["derive", path, "--format", "python", "--no-symbolic"])
    module: dict[str, object] = {}
    exec(compile(capsys.readouterr().out, "derived", "exec"), module)
    assert {"forward", "backward"} <= set(module)


def test_the_axes_of_the_upstream_are_checked(typed, capsys):
    typed("X: N D\nS = 2 * X")
    assert main(["derive", "-", "--dout", "N D", "--no-symbolic"]) == 0
    capsys.readouterr()
    typed("X: N D\nS = 2 * X")
    err = refused(capsys, "derive", "-", "--dout", "D N")
    assert "dS is (D, N), and S is (N, D)" in err
    assert "an upstream gradient has its variable's shape" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X: N D\nS = X @@ X", "formula, line 2, column 8: cannot be read here\n  S = X @@ X\n         ^\n"),
        ("X: N D\nS = X @ X", "line 2, column 5: the shapes do not fit in X @ X"),
        ("X: N D\nS = open('x')", "line 2"),
        ("X: N D\nimport os", "line 2, column 1: expected an assignment"),
        ("X: N -> \nS = X", "line 1"),
        ("", "derive: expected an assignment, got none"),
        ("S = 1", "derive: no array is declared"),
        (b"\xff\xfe", "standard input: is not text in UTF-8"),
        ("X: N\nS = " + "(" * 500 + "X" + ")" * 500, "formula"),
        ("#" * 100_001, "derive: 100000 characters, at most"),
    ],
)
def test_a_forward_pass_that_cannot_be_read_is_explained_and_exits_with_1(typed, capsys, text, said):
    typed(text)
    assert said in refused(capsys, "derive", "-")


def test_a_forward_pass_that_is_not_there_is_named(capsys, tmp_path):
    path = tmp_path / "nowhere.txt"
    step = "  give the path of a text file, or - for standard input\n"
    assert refused(capsys, "derive", str(path)) == f"{path}: no such file\n{step}"
    assert refused(capsys, "derive", str(tmp_path)) == f"{tmp_path}: is a folder\n{step}"


@pytest.mark.parametrize("name", ["text", "python"])
def test_a_line_that_fails_its_proof_exits_with_1(typed, capsys, monkeypatch, name):
    from handgrad.derive.rules import RULES

    monkeypatch.setitem(RULES, "exp", replace(RULES["exp"], pullbacks=("G",)))
    typed(FORWARD)
    assert main(["derive", "-", "--no-symbolic", "--format", name]) == 1
    out, err = capsys.readouterr()
    assert "WRONG" in (out if name == "text" else err)


@pytest.mark.parametrize(
    ("route", "line"),
    [
        ("elements", "  dW[d,c] = Σ_n X[n,d] dS[n,c]"),
        ("shapes", "  dW = X.T @ dS_1"),
        ("vec", "  vec(dW)ᵀ = vec(dS_1)ᵀ (X ⊗ I_C)"),
        ("graph", "  dW = X.T @ dS_1"),
        ("all", "The two orders mixed"),
    ],
)
def test_derive_writes_one_route_or_all_with_the_cost_at_given_sizes(typed, capsys, route, line):
    typed(FORWARD)
    assert main(["derive", "-", "--route", route, "--sizes", "N=32 D=64, C=10"]) == 0
    out = capsys.readouterr().out
    assert line in out.splitlines()
    assert "N = 32, D = 64, C = 10" in out
    assert ("The numbers are those of complex steps." in out) == (route != "all")


def test_the_routes_of_the_command_are_those_of_the_engine():
    from handgrad.cli import _ROUTES
    from handgrad.derive.routing import ROUTES

    assert (*ROUTES, "all") == _ROUTES


def test_a_route_that_does_not_apply_says_why_and_exits_with_1(typed, capsys):
    typed("X: B T D;  W: D H\nY = X @ W")
    assert main(["derive", "-", "--route", "vec"]) == 1
    assert "does not apply: vec is written here for at most two axes, and X has 3" in capsys.readouterr().out


def test_routes_are_written_as_json_too(typed, capsys):
    for route in ("vec", "all"):
        typed(FORWARD)
        assert main(["derive", "-", "--route", route, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)


def test_a_route_with_other_numbers_exits_with_1(typed, capsys, monkeypatch):
    from handgrad.derive.elements import Entrywise

    right = Entrywise.evaluate
    monkeypatch.setattr(Entrywise, "evaluate", lambda *given: 2 * right(*given))
    typed(FORWARD)
    assert main(["derive", "-", "--route", "elements"]) == 1
    assert "The numbers are NOT those of complex steps." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ("N=x", "--sizes: N=x is not an axis and its size\n  write --sizes"),
        ("N=3", "sizes: axis D has no size\n  give all of N, D, C"),
        ("N=3 D=2 C=2 M=4", "sizes: no axis 'M'"),
        ("N=0 D=2 C=2", "sizes: axis N has the size 0"),
    ],
)
def test_sizes_that_cannot_be_read_are_explained(typed, capsys, sizes, said):
    typed(FORWARD)
    assert said in refused(capsys, "derive", "-", "--route", "all", "--sizes", sizes)


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


def test_derive_needs_nothing_but_numpy_and_says_that_sympy_is_missing(student, root):
    done = with_numpy_alone(root, "derive", student(FORWARD, "forward.txt"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "SymPy is not installed" in done.stdout


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

"""`handgrad new`: each template runs as it is, and what is missing in it is named with its path."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from handgrad.cli import main
from handgrad.homework.scaffold import left_to_fill

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("handgrad/layers/*.py", "tests/layers/*.py", "book/*.ipynb", "solutions/*/*.ipynb")
COPIED = ("handgrad", "tests", "book", "pyproject.toml", "_toc.yml")


@pytest.mark.parametrize(
    "path", sorted(p.relative_to(ROOT).as_posix() for part in PARTS for p in ROOT.glob(part))
)
def test_nothing_is_left_to_fill(path):
    missing = left_to_fill(ROOT, Path(path))
    if missing:
        pytest.fail("\n".join(missing), pytrace=False)


# ---- slugs and paths


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A tree with nothing in it, as the working directory."""
    for folder in ("handgrad/layers", "tests/layers", "book", "solutions"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


BAD = {
    "Leaky-ReLU": "a slug is lower-case letters, digits and single underscores, and starts with a letter\n"
    "  try leaky_relu",
    "2fast": "starts with a letter\n  try fast",
    "_private": "starts with a letter\n  try private",
    "a__b": "single underscores, and starts with a letter\n  try a_b",
    "../up": "starts with a letter\n  try up",
    "": "starts with a letter",
    "é": "starts with a letter",
    "lambda": "'lambda' cannot be a slug\n  it is a word of Python",
}


@pytest.mark.parametrize("kind", ["layer", "chapter", "homework"])
@pytest.mark.parametrize("slug", BAD)
def test_a_bad_slug_is_explained_and_nothing_is_written(empty, capsys, kind, slug):
    assert main(["new", kind, slug]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"handgrad new: {slug!r} cannot be a slug\n  ")
    assert BAD[slug] in err
    assert written(empty) == []


@pytest.mark.parametrize("there", ["handgrad/layers/mine.py", "tests/layers/test_mine.py"])
def test_a_layer_overwrites_nothing(empty, capsys, there):
    (empty / there).write_text("kept")
    assert main(["new", "layer", "mine"]) == 1
    assert capsys.readouterr().err == (
        f"{there}: is there already\n  choose another slug; nothing is overwritten\n"
    )
    assert written(empty) == [there]
    assert (empty / there).read_text() == "kept"


def test_a_homework_overwrites_nothing(empty, capsys):
    (empty / "solutions/mine").mkdir()
    (empty / "solutions/mine/mine.ipynb").write_text("kept")
    assert main(["new", "homework", "mine"]) == 1
    assert "solutions/mine/mine.ipynb: is there already" in capsys.readouterr().err
    assert (empty / "solutions/mine/mine.ipynb").read_text() == "kept"


def test_a_chapter_overwrites_nothing_whatever_its_number(empty, capsys):
    (empty / "book/04_mine.ipynb").write_text("kept")
    for slug, what in (
        ("mine", "is there already"),
        ("07_mine", "is there already"),
        ("04_other", "has the number 04 already"),
    ):
        assert main(["new", "chapter", slug]) == 1
        assert f"book/04_mine.ipynb: {what}" in capsys.readouterr().err
    assert written(empty) == ["book/04_mine.ipynb"]


def test_a_number_that_the_table_of_contents_lacks_is_refused(empty, capsys):
    assert main(["new", "chapter", "20_late"]) == 1
    assert capsys.readouterr().err == "_toc.yml: lists the chapters 00 to 19, got 20\n"


def test_an_unknown_kind_is_a_usage_error(empty, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["new", "lecture", "mine"])
    assert stop.value.code == 2
    assert "invalid choice: 'lecture'" in capsys.readouterr().err


def test_a_mark_is_found_in_code_and_cells_and_over_lines(tmp_path):
    (tmp_path / "a.py").write_text(
        "x = 1\n# [fill: one thing,\n# and (see [1]) another.]\ny = '[fill: two]'\n"
    )
    assert left_to_fill(tmp_path, Path("a.py")) == [
        "a.py, line 2: fill in one thing, and (see [1]) another",
        "a.py, line 4: fill in two",
    ]


# ---- each recipe, tried on a copy of the tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of this repository without its environment, for commands that write."""
    folder = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    (folder / "solutions").mkdir()
    return folder


def run(tree, *argv):
    """A command of Python's in the copy, which imports the copy's package."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *argv], cwd=tree, env=environment, capture_output=True, text=True)


def outcome(tree, *argv):
    """The names of the tests that passed there, and the messages of those that failed, by name."""
    done = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=result.xml", *argv)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    passed, failed = [], {}
    for case in ElementTree.parse(tree / "result.xml").iter("testcase"):
        wrong = [*case.iter("failure"), *case.iter("error")]
        if wrong:
            failed[case.get("name")] = wrong[0].get("message", "") + "\n" + (wrong[0].text or "")
        else:
            passed.append(case.get("name"))
    (tree / "result.xml").unlink()
    return passed, failed


def new(tree, kind, slug):
    done = run(tree, "-m", "handgrad", "new", kind, slug)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill(path, **replaced):
    """Fill a template in: each replacement, then any mark that is left, with a word."""
    text = path.read_text(encoding="utf-8")
    for old, replacement in replaced.values():
        assert re.search(old, text), old
        text = re.sub(old, lambda _, new=replacement: new, text, count=1)
    path.write_text(re.sub(r"\[fill: [^\]]*\]", "written", text), encoding="utf-8")


def test_a_new_layer_fails_only_by_what_is_missing_and_passes_once_it_is_there(tree):
    layer, test = "handgrad/layers/leaky_relu.py", "tests/layers/test_leaky_relu.py"
    said = new(tree, "layer", "leaky_relu")
    assert said.startswith(f"wrote {layer}\nwrote {test}\n{layer}, line 1: fill in what it computes")
    command = ["tests/test_layers.py", test, "tests/test_new.py", "-k", "leaky_relu"]
    marks = {f"test_nothing_is_left_to_fill[{path}]": path for path in (layer, test)}

    passed, failed = outcome(tree, *command)
    assert "test_a_docstring_has_a_shape_for_every_array_and_a_source[leaky_relu]" in passed
    assert "test_a_sample_binds_to_the_sizes_of_its_case[leaky_relu: different sizes]" in passed
    expected = {
        "test_the_output_is_the_one_worked_by_hand": f"{test}: no output is worked by hand",
        "test_the_check_refuses_each_mistake_by_name": f"{layer}: MISTAKES holds fewer than two",
        **{name: f"{path}, line 1" for name, path in marks.items()},
    }
    expected[f"test_nothing_is_left_to_fill[{test}]"] = f"{test}, line 15: fill in two or three small numbers"
    for name, text in failed.items():
        assert expected.pop(name, f"{layer}: forward is not written") in text, name
    assert expected == {}
    assert "test_the_check_accepts_the_layer[square]" in failed
    assert "test_the_gradient_agrees_with_autograd[square]" in failed

    fill(
        tree / layer,
        forward=(
            r"raise NotImplementedError\(\n[^)]*forward[^)]*\)",
            "return np.where(x.real > 0, x, 0.1 * x), x",
        ),
        backward=(
            r"raise NotImplementedError\(\n[^)]*backward[^)]*\)",
            "return dout * np.where(cache > 0, 1.0, 0.1)",
        ),
        sample=(
            r"rng\.normal\(size=(\(.*?\))\)",
            "rng.choice([-1.0, 1.0], (sizes['N'], sizes['D'])) * rng.uniform(0.1, 2, (sizes['N'], sizes['D']))",
        ),
        mistakes=(
            r"= \(\)",
            "= (\n"
            "    Mistake('no-leak', lambda dout, cache: dout * (cache > 0), ('dx',),\n"
            "            'nothing flows where x is negative: the slope there is a tenth, not none.'),\n"
            "    Mistake('no-mask', lambda dout, cache: dout.copy(), ('dx',),\n"
            "            'dout was passed on unchanged: where x is negative the slope is a tenth.'),\n)",
        ),
    )
    fill(
        tree / test,
        by_hand=(
            r"pytest\.fail\(\n[^)]*by hand[^)]*\)",
            "assert layer.forward(np.array([[-2.0, 3.0]]))[0].tolist() == [[-0.2, 3.0]]",
        ),
        gradient=(
            r"pytest\.fail\(\n[^)]*independent[^)]*\)",
            "from autograd import elementwise_grad, numpy as anp\n"
            "    slope = elementwise_grad(lambda x: anp.where(x > 0, x, 0.1 * x))(inputs['x'])\n"
            "    agree(layer.backward(np.ones_like(out), cache), slope)",
        ),
    )
    passed, failed = outcome(tree, *command)
    assert failed == {}
    assert set(marks) < set(passed)


def test_a_new_chapter_runs_and_every_part_to_write_is_named(tree):
    path = "book/13_dropout.ipynb"
    said = new(tree, "chapter", "13_dropout")
    assert said.startswith(f"wrote {path}\n{path}, cell 1: fill in one sentence")
    _, failed = outcome(tree, "--nbval", "--nbval-current-env", path)
    assert failed == {}
    command = [
        "tests/test_notebook_hygiene.py",
        "tests/test_new.py",
        "-k",
        "13_dropout or every_chapter_is_reached",
    ]
    passed, failed = outcome(tree, *command)
    assert sorted(passed) == [
        f"test_a_stored_notebook_is_in_its_normal_form[{path}]",
        f"test_a_stored_notebook_keeps_every_rule[{path}]",
        "test_every_chapter_is_reached_by_the_table_of_contents",
    ]
    assert list(failed) == [f"test_nothing_is_left_to_fill[{path}]"]
    (message,) = failed.values()
    for what in (
        "a question with small numbers that a reader can get wrong",
        "the derivation, samples as rows",
        "what the check tries",
        "your deliberate mistake",
        "at least five, from easy to hard",
        "who wrote this code and what they saw",
        "forward, backward, shapes, what is cached",
        "each source, cited",
    ):
        assert re.search(rf"{path}, cell \d+: fill in {re.escape(what)}", message), what


def anchored(page, section):
    """Whether a page has a heading whose address is this one."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    lines = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "markdown")
    headings = re.findall(r"^#+ (.*)$", lines, flags=re.MULTILINE)
    return section in {re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings}


def test_a_new_homework_is_missing_its_release_until_it_is_synced(tree):
    path = "solutions/dropout/dropout.ipynb"
    said = new(tree, "homework", "dropout")
    assert said.startswith(f"wrote {path}\n{path}, cell 1: fill in what you will be able to do")
    assert said.endswith("then: make notebooks, handgrad sync, make test\n")
    graded = [cell for cell in json.loads((tree / path).read_text())["cells"] if "-grade" in cell["id"]]
    assert len(graded) == 3
    for cell in graded:
        (see,) = cell["metadata"]["tags"]
        page, _, section = see.removeprefix("see:").partition("#")
        assert anchored(tree / "book" / f"{page}.ipynb", section), see
    judging = "".join("".join(cell["source"]) for cell in graded)
    for used in ("generator(", "check_gradient(", "check_shape(", "check_choice(", "this cell's tag"):
        assert used in judging
    assert "np.random" not in judging
    command = ["tests/test_sync.py", "tests/test_notebook_hygiene.py", "tests/test_new.py"]
    command += ["-k", "exercises_are or (dropout and not 13)"]
    synced = "test_exercises_are_what_their_sources_give"
    earned = "test_the_solution_earns_every_point_and_the_release_none[dropout]"
    marked = f"test_nothing_is_left_to_fill[{path}]"

    _, failed = outcome(tree, *command)
    assert "exercises/dropout/dropout.ipynb: differs\n" in failed[synced]
    assert "run: handgrad sync" in failed[synced]
    assert f"{path}, cell 3: fill in the task, with small numbers first" in failed[marked]
    assert earned in failed
    for name in failed.keys() - {synced, marked}:
        assert "exercises/dropout/dropout.ipynb: cannot be read" in failed[name], name

    done = run(tree, "-m", "handgrad", "sync")
    assert done.stdout == "wrote exercises/dropout/dropout.ipynb\n  not there yet\n"
    passed, failed = outcome(tree, *command)
    assert list(failed) == [marked]
    assert {synced, earned} < set(passed)
    assert "test_a_stored_notebook_keeps_every_rule[exercises/dropout/dropout.ipynb]" in passed

"""One notebook as students hand them in: read, put in order, or refused with the reason."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handgrad.homework.submission import MOST_CELLS, MOST_SOURCE, Cell, UnreadableError, cells_of
from tests.homework.sandboxed import cell, cells, graded, homework, notebook, points

FULL = {"forward-grade": 2, "backward-grade": 5, "paper-grade": 3, "mended-grade": 2, "twin-grade": 4}


def read(made, **changes):
    return cells_of(notebook(made, **changes), homework("affine"))


def reason(data):
    """Why bytes, or cells, cannot be graded."""
    with pytest.raises(UnreadableError) as error:
        cells_of(data if isinstance(data, bytes) else notebook(data), homework("affine"))
    return str(error.value)


# ---------------------------------------------------------------- what is run


def test_the_cells_are_the_students_own_and_graded_cells_are_not_among_them():
    found = read(cells("affine", {"mended": "mine = 1"}))
    assert [each.grade_id for each in found] == [
        "setup",
        "forward",
        "backward",
        "paper",
        "colleague",
        "mended",
        "twin",
        "twin-backward",
    ]
    assert next(each for each in found if each.grade_id == "mended").source == "mine = 1"
    assert [each.keep for each in found if each.keep] == [(grade_id,) for grade_id in FULL]


def test_a_given_cell_is_the_homeworks_and_one_that_is_missing_is_put_back_in_front():
    made = cells("affine", {})
    without = [each for each in made if each["metadata"]["nbgrader"]["grade_id"] != "setup"]
    without[3]["source"] = without[3]["source"] + "\nchanged"
    found = read(without)
    assert (found[0].number, found[0].grade_id) == (0, "setup")
    assert found[0].source == homework("affine").given["setup"]


def test_added_cells_are_run_where_they_stand_and_bear_no_name():
    made = cells("affine", {})
    found = read([cell("first = 1"), *made, cell("last = 2", "of-my-own")])
    assert found[0] == Cell(1, "", "first = 1")
    assert found[-1] == Cell(len(made) + 2, "", "last = 2")


def test_markdown_and_raw_cells_are_not_run():
    made = cells("affine", {})
    assert len(read([cell("# words", kind="markdown"), cell("x", kind="raw"), *made])) == len(read(made))


def test_source_as_a_list_of_lines_is_joined():
    made = cells("affine", {"mended": "a = 1\nb = 2"})
    for each in made:
        each["source"] = each["source"].splitlines(keepends=True)
    assert next(each for each in read(made) if each.grade_id == "mended").source == "a = 1\nb = 2"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("%matplotlib inline\nx = 1", "run_line_magic('matplotlib', 'inline')\nx = 1"),
        ("!ls", "system('ls')"),
        ("files = !ls\nx = 1", "files = get_ipython().getoutput('ls')\nx = 1"),
        ("t = %timeit -o 1", "t = get_ipython().run_line_magic('timeit', '-o 1')"),
        ("%%bash\nls", "run_cell_magic('bash', '', 'ls"),
        ("%%time\nx = 1", "# %%time\nx = 1"),
        ("%%time\n%%capture out\n!ls", "# %%capture out\nget_ipython().system('ls')"),
        ("np.dot?", "run_line_magic('pinfo', 'np.dot')"),
        ("if True:\n    %time x = 1", "    get_ipython().run_line_magic('time', 'x = 1')"),
    ],
)
def test_magics_become_calls(text, told):
    assert told in read([*cells("affine", {}), cell(text)])[-1].source


@pytest.mark.parametrize(
    "text", ["x = 7 % 3", 'print("%d" % 3)', "x != 1", '"""\nwhy?\n"""', "# really?\nx = 1", "a = b % c"]
)
def test_what_only_looks_like_a_magic_stays_python(text):
    source = read([*cells("affine", {}), cell(text)])[-1].source
    assert compile(source, "<cell>", "exec")
    assert "get_ipython" not in source or "?" in text


# ---------------------------------------------------------------- whole notebooks, in the sandbox


def test_the_authors_answers_earn_everything():
    result = graded({})
    assert points(result) == FULL
    assert result.failures == ()


def test_cells_in_another_order_lose_nothing():
    made = cells("affine", {})
    random.Random(3).shuffle(made)
    assert points(graded(made)) == FULL


def test_lost_metadata_and_renamed_cells_lose_nothing():
    made = [each for each in cells("affine", {}) if not each["metadata"]["nbgrader"]["grade"]]
    for number, each in enumerate(made):
        each["metadata"] = {} if number % 2 else {"nbgrader": {"grade_id": f"cell-{number}"}}
    result = graded(made)
    assert points(result) == FULL
    assert "def mended_backward" in "".join(result.parts[3].code.values())


def test_a_deleted_graded_cell_loses_nothing():
    made = [
        each for each in cells("affine", {}) if each["metadata"]["nbgrader"]["grade_id"] != "mended-grade"
    ]
    assert points(graded(made)) == FULL


def test_a_duplicated_answer_counts_as_it_last_stood_before_its_graded_cell():
    made = cells("affine", {})
    place = next(i for i, each in enumerate(made) if each["metadata"]["nbgrader"]["grade_id"] == "mended")
    wrong = cell("def mended_backward(dY, X, W):\n    return 1", "mended")
    assert points(graded([*made[:place], wrong, *made[place:]])) == FULL
    later = graded([*made[: place + 1], wrong, *made[place + 1 :]])
    assert points(later) == {**FULL, "mended-grade": 0}


def test_plots_magics_prints_and_warnings_lose_nothing():
    plots = """
%matplotlib inline
import matplotlib
import matplotlib.pyplot as plt
from matplotlib import cm
from IPython.display import HTML, display, clear_output
import ipywidgets as widgets
fig, axes = plt.subplots(2, 2, figsize=(8, 6))
axes[0, 0].plot([1, 2], [3, 4], label="x")
plt.imshow([[1, 2], [3, 4]], cmap=cm.viridis)
with plt.style.context("ggplot"):
    plt.show()
display(HTML("<b>x</b>"))
widgets.interact(lambda k: k, k=3)
!pip list
files = !ls
%timeit sum(range(3))
get_ipython().run_line_magic("load_ext", "autoreload")
"""
    noisy = (
        homework("affine")
        .solution["mended"]
        .replace(
            "    dX =",
            "    import warnings\n    warnings.warn('careful')\n    print(np.log(0.0 * X), file=sys.stderr)\n    dX =",
        )
    )
    result = graded([cell(plots), cell("%%time\ntimed = 1"), *cells("affine", {"mended": noisy})])
    assert result.failures == ()
    assert points(result) == FULL


def test_a_cell_that_fails_takes_down_nothing_but_itself():
    result = graded([cell("1 / 0"), cell("import torch"), *cells("affine", {}), cell("def broken(:")])
    assert points(result) == FULL
    assert [(failure.cell, failure.words.split(":")[0]) for failure in result.failures] == [
        (1, "ZeroDivisionError"),
        (2, "ModuleNotFoundError"),
        (16, "SyntaxError"),
    ]


def test_an_answer_whose_helper_stands_below_it_is_found_when_it_is_tried_again():
    made = cells("affine", {"mended": "helper = later\nmended_backward = helper"})
    good = homework("affine").solution["mended"].replace("mended_backward", "later")
    result = graded([*made, cell(good)])
    assert points(result)["mended-grade"] == 2
    assert result.failures == ()


# ---------------------------------------------------------------- what cannot be graded


def old_notebook():
    nb = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": []}]}
    return json.dumps(nb).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (notebook([cell("x = 1")])[:-20], "its JSON is cut off or damaged"),
        (b"{'nbformat': 4}", "its JSON is cut off or damaged"),
        (b"\xff\xfe\x00n", "it is not UTF-8 text"),
        ("é".encode("latin-1"), "it is not UTF-8 text"),
        (b"[" * 100_000, "not a notebook"),
        (b"1" * 10_000, "not a notebook"),
        (b"[]", "it is JSON, but has no nbformat"),
        (b"null", "it is JSON, but has no nbformat"),
        (b'{"cells": []}', "it is JSON, but has no nbformat"),
        (notebook([], nbformat=5), "it is in notebook format 5, which is newer than 4"),
        (notebook([], nbformat=4.5), "it is in notebook format 4.5, which is newer than 4"),
        (notebook([], nbformat=10**300), "which is newer than 4"),
        (notebook([], nbformat="4"), "it is in notebook format 4, which is newer"),
        (notebook([], nbformat=None), "format of no number"),
        (b'{"nbformat": ' + b"[" * 900 + b"]" * 900 + b"}", "format of no number"),
        (old_notebook(), "it is in the old notebook format 3"),
        (notebook([], cells={}), "it has no list of cells"),
        (notebook([], cells=None), "it has no list of cells"),
        (notebook([]), "it is another notebook"),
        (notebook([cell("print('hello')")]), "it is another notebook"),
        (
            notebook([cell("x")] * 3, metadata={"kernelspec": {"name": "ir", "language": "R"}}),
            "its kernel is 'r'",
        ),
        (notebook([cell("x")], metadata={"language_info": {"name": "julia"}}), "its kernel is 'julia'"),
        (notebook([cell("x")], metadata={"kernelspec": {"name": "python2"}}), "its kernel is Python 2"),
        (
            notebook([cell("x")], metadata={"language_info": {"name": "python", "version": "2.7.18"}}),
            "its kernel is Python 2",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_no_notebook_of_this_homework_is_refused_with_the_reason(data, words):
    assert words in reason(data)


def test_another_homework_is_refused():
    assert "it is another notebook, not the homework 'affine'" in reason(cells("softmax", {}))


def test_python_2_in_the_cells_is_refused():
    made = [
        cell("print 'hello'"),
        cell("def affine_forward(x, w, b):\n    print x\n    return x, 0", "forward"),
    ]
    assert "it is written in Python 2" in reason(made)


def test_one_print_without_brackets_does_not_make_a_notebook_python_2():
    assert points(graded([cell("print 'hello'"), *cells("affine", {})])) == FULL


def test_too_many_cells_and_too_much_code_are_refused():
    assert f"more than {MOST_CELLS} cells" in reason([cell("x")] * (MOST_CELLS + 1))
    assert "characters of code" in reason([cell("#" * (MOST_SOURCE + 1))])


def test_large_outputs_and_a_byte_order_mark_are_not_read():
    made = cells("affine", {})
    made[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 5_000_000}]
    assert len(cells_of(b"\xef\xbb\xbf" + notebook(made), homework("affine"))) == 8


@pytest.mark.parametrize(
    "broken",
    [
        {"cell_type": "code"},
        {"cell_type": "code", "source": None, "metadata": None},
        {"cell_type": "code", "source": [1, None, "x = 1"], "metadata": []},
        {"cell_type": "code", "source": {}, "metadata": {"nbgrader": "yes"}},
        {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": ["mended"]}}},
        {"cell_type": ["code"]},
        7,
        None,
        [],
    ],
    ids=str,
)
def test_a_broken_cell_harms_no_other(broken):
    assert points(graded([broken, *cells("affine", {}), broken])) == FULL


CELLS = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", 1, None]),
        "source": st.text(max_size=30)
        | st.lists(st.text(max_size=10) | st.none(), max_size=3)
        | st.sampled_from(
            ["%%x\n", "!", "?", "x?", "print 1", "%", "a = !", "def affine_forward(", "\ud800", "\x00", "("]
        ),
        "metadata": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "nbgrader": st.none()
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "grade_id": st.sampled_from(
                            ["setup", "forward", "mended", "mended-grade", "x", 1, None]
                        ),
                        "grade": st.sampled_from([True, False, "yes", None]),
                        "points": st.sampled_from([999, -1, "x"]),
                        "solution": st.booleans() | st.none(),
                    },
                )
            },
        ),
    },
)


@given(
    made=st.lists(CELLS, max_size=6),
    metadata=st.none() | st.dictionaries(st.text(max_size=9), st.none(), max_size=2),
)
@settings(max_examples=400)
def test_any_cells_are_read_or_refused(made, metadata):
    nb = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made}
    try:
        found = cells_of(json.dumps(nb).encode(), homework("affine"))
    except UnreadableError:
        return
    assert all(each.source.encode() is not None for each in found)
    assert {each.grade_id for each in found} >= set(homework("affine").given)


@given(data=st.binary(max_size=60))
@example(data=b'{"nbformat": 4}')
@example(data=b'{"nbformat": true, "cells": []}')
@settings(max_examples=300)
def test_any_bytes_are_refused_with_a_reason(data):
    assert reason(data)

"""What holds for every homework: what its author, its release and odd answers earn."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from textwrap import indent

import pytest

from handgrad.draws import seeded
from handgrad.homework import source
from handgrad.homework.sync import homeworks

ROOT = Path(__file__).resolve().parents[2]
SLUGS = homeworks(ROOT)
LOADED = {slug: source.load(ROOT, slug) for slug in SLUGS}
ANSWER_CELLS = [(slug, cell) for slug in SLUGS for cell in LOADED[slug].solution]

ODD = {
    "a number": "return 7",
    "an exception": "raise ValueError('no')",
    "a dict": "return {'dx': 1}",
    "nested lists": "return [[1, None]]",
    "ragged lists": "return [[1.0, 2.0], [3.0]], [[]]",
    "a string": "return 'no'",
    "itself": "answer = []\nanswer.append(answer)\nreturn answer",
    "many": "return tuple(range(40))",
    "nan": "return np.full((7, 5), np.nan)",
    "nan for each": "return [np.full((7, 5), np.nan)] * len(given)",
    "an object": "return np.array([None, {}], dtype=object)",
    "text in an array": "return np.array([['a', 'b']])",
    "complex": "return np.ones((7, 5)) * 1j",
    "hostile": """
class Hostile:
    def fail(self, *given, **named):
        raise RuntimeError('hostile')

    __array__ = __len__ = __iter__ = __eq__ = __float__ = __bool__ = __repr__ = __str__ = __getattr__ = fail
    __hash__ = None

return Hostile()
""",
    "a hostile array": """
class Hostile(np.ndarray):
    def __array_finalize__(self, given):
        pass

    def fail(self, *given, **named):
        raise RuntimeError('hostile')

    __array_ufunc__ = __array_function__ = __len__ = __eq__ = __repr__ = fail

return np.ones((7, 5)).view(Hostile)
""",
}

ALIKE = """
def _alike(value, number):
    if isinstance(value, str):
        return f"0 * ({value}) + {number:g}"
    if isinstance(value, (tuple, list)):
        return type(value)(_alike(v, number) for v in value)
    if isinstance(value, dict):
        return {k: _alike(v, number) for k, v in value.items()}
    try:
        return value * 0.0 + number
    except TypeError:
        return value

def _filled(function, number):
    from copy import deepcopy
    return lambda *given: _alike(function(*deepcopy(given)), number)
"""


def with_body(cell, body):
    """The cell with this body in every function."""
    tree = ast.parse(cell)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        function.args = ast.parse("lambda *given: 0").body[0].value.args
        function.body = ast.parse(f"def f():\n{indent(body, '    ')}").body[0].body
    assert functions
    return ast.unparse(ast.fix_missing_locations(tree))


def names_in(cell):
    return [node.name for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef)]


def grade_of(slug, cell):
    """The graded cell that an answer cell belongs to."""
    return next(part.grade_id for part in LOADED[slug].parts if cell in part.answers)


def test_the_nine_homeworks_are_there():
    assert len(SLUGS) >= 9


@pytest.mark.parametrize("slug", SLUGS)
def test_the_authors_answers_earn_everything(mark, full, slug):
    marked = mark(slug)
    assert marked.points == full(slug)
    assert {verdict for cell in full(slug) for verdict in marked.verdicts(cell)} == {"correct"}


def names_left(slug):
    """What a student's cells can use after the whole notebook has run."""
    space = {"display": lambda *things: None}
    for _, text, _ in LOADED[slug].cells:
        exec(text, space)
    return set(space)


# The setup cell of softmax hands numeric to the student, which grading does not have.
@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug != "softmax"])
def test_the_notebook_leaves_no_name_that_grading_does_not_have(slug):
    assert "np" in names_left(slug)
    assert "numeric" not in names_left(slug)


@pytest.mark.parametrize("seed", [1, 20, 300])
@pytest.mark.parametrize("slug", SLUGS)
def test_the_authors_answers_earn_everything_with_other_random_numbers(mark, full, slug, seed):
    with seeded(seed):
        assert mark(slug).points == full(slug)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_release_earns_nothing_and_is_not_attempted(mark, full, stubs, slug):
    assert set(stubs(slug)) == set(LOADED[slug].solution)
    marked = mark(slug, stubs(slug))
    assert marked.points == dict.fromkeys(full(slug), 0.0)
    assert {cell: set(marked.verdicts(cell)) for cell in full(slug)} == {
        cell: {"not attempted"} for cell in full(slug)
    }


@pytest.fixture(scope="module")
def left(mark, stubs):
    """left(slug, cell) -> what the other answers of the author earn where this one is not attempted."""
    return cache(lambda slug, cell: mark(slug, {cell: stubs(slug)[cell]}).points)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("slug", "cell"), ANSWER_CELLS)
def test_an_odd_answer_earns_no_more_than_none(mark, stubs, left, slug, cell, odd):
    marked, own = mark(slug, {cell: with_body(stubs(slug)[cell], ODD[odd])}), grade_of(slug, cell)
    assert marked.points[own] == left(slug, cell)[own]
    assert all(points <= left(slug, cell)[grade] for grade, points in marked.points.items())
    assert "not attempted" not in marked.verdicts(own)


@pytest.mark.parametrize("number", [0.0, 1.0])
@pytest.mark.parametrize(("slug", "cell"), ANSWER_CELLS)
def test_one_number_everywhere_in_the_right_shape_earns_nothing(mark, left, slug, cell, number):
    text, own = LOADED[slug].solution[cell], grade_of(slug, cell)
    fills = "\n".join(f"{name} = _filled({name}, {number})" for name in names_in(text))
    assert mark(slug, {cell: f"{text}\n{ALIKE}\n{fills}"}).points[own] == left(slug, cell)[own]

"""What real notebooks are like around the answers: prints, warnings, plots, magics, moved and added cells.

Nothing here may cost a point. Each dress says whether nbgrader can bear it too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from .answers import PART

__all__ = ["BODY", "DRESSES", "PLAIN", "code_cell"]

Notebook = dict[str, Any]

# First lines of a function's body.
BODY = {
    "print": "print('shapes:', [getattr(v, 'shape', None) for v in list(locals().values())])",
    "numpy-warning": "np.array([1.0, 0.0]) / np.zeros(2)",
    "python-warning": "import warnings; warnings.warn('deprecated, says a library')",
    "plot": "import matplotlib.pyplot as plt; plt.plot([1, 2, 3]); plt.title('loss'); plt.show()",
    "stderr": "import sys; print('debug', file=sys.stderr)",
    "log": "import logging; logging.warning('careful')",
}
_DEF = re.compile(r"^(def (?:affine_|mended_|twin_|formula_).*:\n)", re.MULTILINE)


def code_cell(source: str) -> dict[str, Any]:
    """A cell that the student added."""
    return {"cell_type": "code", "execution_count": 7, "metadata": {}, "outputs": [], "source": source}


def answer_cells(nb: Notebook) -> list[dict[str, Any]]:
    """The cells that the student filled in, in order."""
    return [cell for cell in nb["cells"] if _grade_id(cell) in PART]


def _grade_id(cell: dict[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def noisy(line: str) -> Callable[[Notebook, random.Random], None]:
    """A dress that puts a line at the beginning of every function asked for."""

    def dress(nb: Notebook, rng: random.Random) -> None:
        for cell in answer_cells(nb):
            cell["source"] = _DEF.sub(lambda match: f"{match[1]}    {line}\n", cell["source"])

    return dress


def added(source: str) -> Callable[[Notebook, random.Random], None]:
    """A dress that puts in a cell somewhere after the setup."""

    def dress(nb: Notebook, rng: random.Random) -> None:
        nb["cells"].insert(rng.randrange(3, len(nb["cells"])), code_cell(source))

    return dress


def headed(line: str) -> Callable[[Notebook, random.Random], None]:
    """A dress that puts a cell magic above an answer."""

    def dress(nb: Notebook, rng: random.Random) -> None:
        cell = rng.choice(answer_cells(nb))
        cell["source"] = f"{line}\n{cell['source']}"

    return dress


def reversed_answers(nb: Notebook, rng: random.Random) -> None:
    """All cells in reverse order."""
    nb["cells"].reverse()


def shuffled(nb: Notebook, rng: random.Random) -> None:
    """All cells in any order."""
    rng.shuffle(nb["cells"])


def stripped(nb: Notebook, rng: random.Random) -> None:
    """Saved by a service that throws metadata away."""
    nb["cells"] = [{**cell, "metadata": {}} for cell in nb["cells"] if not _grade_id(cell).endswith("-grade")]


def renamed(nb: Notebook, rng: random.Random) -> None:
    """Answers in new cells, the handed-out ones left as they were or emptied."""
    for cell in answer_cells(nb):
        new = code_cell(cell["source"])
        cell["source"] = rng.choice(["", "pass", "# see below"])
        nb["cells"].insert(nb["cells"].index(cell) + 1, new)


def relabelled(nb: Notebook, rng: random.Random) -> None:
    """Other cell ids, as another editor writes them."""
    for number, cell in enumerate(nb["cells"]):
        cell["id"] = f"{rng.randrange(16**8):08x}-{number}"


def earlier_try(nb: Notebook, rng: random.Random) -> None:
    """A wrong first try stands in a cell of its own, above the answer."""
    cells = nb["cells"]
    place = cells.index(next(cell for cell in cells if _grade_id(cell) == "forward"))
    cells.insert(place, code_cell("def affine_forward(x, w, b):\n    return x * 2, None"))


def tampered(nb: Notebook, rng: random.Random) -> None:
    """The cells that judge, and the given ones, changed to give everything."""
    for cell in nb["cells"]:
        if cell["cell_type"] == "code" and _grade_id(cell).endswith("-grade"):
            cell["source"] = rng.choice(["5", "raise SystemExit", "report.points = lambda table: 99.0", ""])
        elif _grade_id(cell) == "twin":
            cell["source"] = "def twin_forward(x1, x2, w, b):\n    return 0 * x1"


def long_outputs(nb: Notebook, rng: random.Random) -> None:
    """A run's output of 200 kB, kept in the file."""
    text = "".join(f"step {i}: loss {i * 0.37:.4f}\n" for i in range(8_000))
    nb["cells"].append(
        {**code_cell("1"), "outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}
    )


def lines(nb: Notebook, rng: random.Random) -> None:
    """Sources as lists of lines, as Jupyter stores them, and Windows' line ends."""
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = cell["source"].replace("\n", "\r\n").splitlines(keepends=True)


# How each changes a notebook, and whether nbgrader, which runs every cell in its place, bears it.
DRESSES: dict[str, tuple[Callable[[Notebook, random.Random], None], bool]] = {
    **{name: (noisy(line), True) for name, line in BODY.items()},
    "scratch": (added("trial = np.arange(6.0).reshape(2, 3)\nprint(trial, affine_forward)"), True),
    "failing-scratch": (added("print(never_defined)"), True),
    "plotting-cell": (added("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nfig"), True),
    "widgets": (added("import ipywidgets\nfrom IPython.display import HTML, display\n"
    "display(HTML('<b>hi</b>'))"), True),
    "inline": (added("%matplotlib inline\n%config InlineBackend.figure_format = 'retina'"), True),
    "shell": (added("!echo hello\nfiles = !ls\n%time 1 + 1\nnp.ones?"), True),
    "timed": (headed("%%time"), True),
    "captured": (headed("%%capture"), True),
    "seeded": (added("np.random.seed(0)\nnp.set_printoptions(precision=3)\nnp.seterr(all='ignore')"), True),
    "reversed": (reversed_answers, False),
    "shuffled": (shuffled, False),
    "stripped": (stripped, False),
    "renamed": (renamed, False),
    "relabelled": (relabelled, True),
    "earlier-try": (earlier_try, True),
    "tampered": (tampered, True),
    "long-outputs": (long_outputs, True),
    "lines": (lines, True),
}  # fmt: skip
# Dresses that a plain notebook may wear together, in this order.
PLAIN = tuple(DRESSES)

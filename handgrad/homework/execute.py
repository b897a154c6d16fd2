"""Run notebooks from top to bottom, each in a fresh kernel, and store their outputs.

    python -m handgrad.homework.execute [--jobs N] PATHS...

Warnings are errors in the kernel, as they are when the tests run the notebooks again. A notebook that
fails is left as it was.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from handgrad.errors import HandgradError, NotebookError, layout
from handgrad.homework import notebooks

__all__ = ["execute_file", "main", "run"]

TIMEOUT = 300  # seconds a cell may take

# Warnings are errors, but for one of ipykernel's own when it shuts down.
WARNINGS = "error,ignore::PendingDeprecationWarning:ipykernel.kernelbase"


def run(nb: Any, *, where: str = "notebook", folder: Path | None = None, timeout: int = TIMEOUT) -> Any:
    """Run every cell of `nb` in order in a fresh kernel, in the working directory `folder` (default: here).

    Returns `nb` with its outputs, normalised. Raises NotebookError, which names `where` and the cell, for
    a cell that raises or does not end, and for a kernel that dies.
    """
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    started: list[int] = []
    client = NotebookClient(
        nb,
        kernel_name=notebooks.KERNEL["name"],
        record_timing=False,
        store_widget_state=False,
        timeout=timeout,
        extra_arguments=["--log-level=CRITICAL"],  # not what it thinks of the local transport
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
        resources={"metadata": {"path": str(folder or Path.cwd())}},
    )
    try:
        asyncio.run(client.async_execute(env={**os.environ, "PYTHONWARNINGS": WARNINGS}))
    except CellExecutionError as error:
        raise NotebookError(_failure(nb, where, started, f"raised {error.ename}: {error.evalue}")) from error
    except CellTimeoutError as error:
        raise NotebookError(_failure(nb, where, started, f"did not end within {timeout} seconds")) from error
    except DeadKernelError as error:
        raise NotebookError(_failure(nb, where, started, "ended the kernel")) from error
    return notebooks.normalise(nb)


def _failure(nb: Any, where: str, started: list[int], what: str) -> str:
    """Word a failure: the cell that was started last, its number among all cells, and its first line."""
    place = started[-1] if started else 0
    lines = nb.cells[place].source.strip().splitlines() if nb.cells else []
    return layout(
        f"{where}, cell {place + 1}",
        what,
        [f"the cell starts with: {lines[0]}"] if lines else [],
        step="mend the cell; the file was left as it was",
    )


def execute_file(path: Path, timeout: int = TIMEOUT) -> bool:
    """Execute the notebook at `path` and store it; return whether the file changed.

    Raises NotebookError, leaving the file as it was.
    """
    nb = run(notebooks.read(path), where=str(path), folder=path.resolve().parent, timeout=timeout)
    return notebooks.write(path, nb)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 0 if every notebook ran, 1 if one failed, 2 for a wrong path."""
    parser = argparse.ArgumentParser(
        prog="python -m handgrad.homework.execute",
        description="Run notebooks from top to bottom in fresh kernels and store their outputs.",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="notebooks, or folders of them")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="how many to run at once (default 1)"
    )
    parser.add_argument("--timeout", type=int, default=TIMEOUT, metavar="S", help="seconds a cell may take")
    options = parser.parse_args(argv)
    try:
        paths = notebooks.find(options.paths)
    except HandgradError as error:
        print(error, file=sys.stderr)
        return 2
    printing = threading.Lock()

    def store(path: Path) -> bool:
        try:
            changed = execute_file(path, options.timeout)
        except HandgradError as error:
            with printing:
                print(error, file=sys.stderr, flush=True)
            return False
        with printing:
            print(f"{'stored   ' if changed else 'unchanged'} {path}", flush=True)
        return True

    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        results = list(pool.map(store, paths))
    if not results:
        print("no notebooks there")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The notebooks' own test runner: what it forgives, and what it does not."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbval import kernel

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def patient() -> Callable[..., Any]:
    start = kernel.start_new_kernel
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert kernel.start_new_kernel is not start
    kernel.start_new_kernel = start
    found: Callable[..., Any] = module.patient
    return found


def _failing(times: int, error: type[Exception]) -> Callable[[], int]:
    calls = iter(range(1, 100))

    def start() -> int:
        if (count := next(calls)) <= times:
            raise error("Kernel died before replying to kernel_info")
        return count

    return start


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_kernel_that_dies_at_its_start_is_started_again(patient: Callable[..., Any], times: int) -> None:
    assert patient(_failing(times, RuntimeError))() == times + 1


def test_a_kernel_that_never_starts_is_an_error(patient: Callable[..., Any]) -> None:
    with pytest.raises(RuntimeError, match="Kernel died"):
        patient(_failing(3, RuntimeError))()


def test_another_error_is_not_tried_again(patient: Callable[..., Any]) -> None:
    with pytest.raises(OSError, match="Kernel died"):
        patient(_failing(1, OSError))()


@pytest.mark.parametrize(("stored", "code"), [("2", 0), ("3", 1)])
def test_a_stored_output_that_differs_fails_the_run(tmp_path: Path, stored: str, code: int) -> None:
    cell = nbformat.v4.new_code_cell("print(1 + 1)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", text=f"{stored}\n")]
    path = tmp_path / "sum.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    argv = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*argv, "--confcutdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr

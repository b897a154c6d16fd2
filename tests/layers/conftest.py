"""What the tests of single layers share: their cases, and what it means to agree."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import layers
from handgrad.layers import Case, Layer

# Imported here once, before any test file: autograd's own use of what Python and NumPy deprecate is not ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import autograd.numpy  # noqa: F401


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs for each case of its file's SLUG, `train_case` for those with a backward.

    Cases at the edge of floating point are left to tests of their own.
    """
    for argument in ("case", "train_case"):
        if argument in metafunc.fixturenames:
            known = [case for case in layers.get(metafunc.module.SLUG).cases if not case.stress]
            wanted = [case for case in known if argument == "case" or case.backward]
            metafunc.parametrize(argument, wanted, ids=[case.name for case in wanted])


@pytest.fixture
def layer(request: pytest.FixtureRequest) -> Layer:
    """The layer of the file's SLUG."""
    return layers.get(request.module.SLUG)


@pytest.fixture
def draw(layer: Layer) -> Callable[[Case], dict[str, Any]]:
    """A function that draws the inputs of a case, always the same ones, in arrays of their own."""

    def drawn(case: Case) -> dict[str, Any]:
        return copy.deepcopy(layer.sample(np.random.default_rng(11), case.sizes, **case.options))

    return drawn


@pytest.fixture
def agree() -> Callable[..., None]:
    """A function that asserts equal shapes, and values equal to 1e-12 of the largest."""

    def check(got: Any, expected: Any, tolerance: float = 1e-12) -> None:
        assert np.shape(got) == np.shape(expected)
        scale = np.max(np.abs(expected))
        assert np.max(np.abs(np.subtract(got, expected))) <= tolerance * scale

    return check

"""Derive neural-network gradients by hand, and prove each one right."""

from __future__ import annotations

from handgrad.checking import check, check_formula, check_gradient
from handgrad.choices import check_choice, check_shape
from handgrad.draws import generator
from handgrad.version import VERSION

__all__ = [
    "__version__",
    "check",
    "check_choice",
    "check_formula",
    "check_gradient",
    "check_shape",
    "generator",
]

__version__ = VERSION

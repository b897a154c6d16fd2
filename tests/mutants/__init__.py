"""An adversary's answers to the exercises: wrong ones that a checker must refuse, right ones it must accept.

Written from the signatures alone, before the diagnosis and by someone other than its author: that
is what gives the kill matrix its meaning. One module a layer, each with MUTANTS and CORRECT;
`hostile` holds objects and exceptions that are no answer at all.

Their author did not know the names of the layers' own mistakes, so the causes expected were adjudicated
once, after that vocabulary was known, by someone other than the author of the diagnosis who had not read
it: a cause found was admitted only where it is true of the code and leads to the mistake, and causes
admitted too generously were struck out. The figures before: 82 % of the wrong answers were named as
expected in the very first run; 363 of 400 (91 %) after the diagnosis had been corrected for scattered
entries, single numbers and wrong losses. "Named" includes the answers of which no known cause is true
and none is claimed.

Four answers that had no cause then have one now, because layers learned their mistakes later: the input for
ReLU's mask, the number of classes for the number of samples (softmax and svm), and softmax's row sums
added up over the batch.

The answers for the layers over time and over pictures (temporal_affine, temporal_softmax, spatial_batchnorm)
are less blind. Their author had not read the diagnosis, nor these three layers, but the files of affine, softmax
and batchnorm with their known mistakes. 119 of 158 (75 %) were named as expected in the first run; all were refused,
and all the right ones accepted. Nearly all the rest had been expected to have no known cause, or a more general
one, where the layer had a name. The same author then took that name over wherever it is true and leads to the
mistake: 158 of 160, two answers having been added. The others stand as they were. Then the diagnosis learned
to say along which of three axes or more an answer is wrong ("some-slices"), and to know products of sizes; those
names were taken over in seven and in one.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from .model import Correct, Mutant

__all__ = ["LAYERS", "Correct", "Mutant", "all_correct", "all_mutants"]

LAYERS = (
    "affine",
    "batchnorm",
    "linear_regression",
    "relu",
    "sigmoid",
    "softmax",
    "spatial_batchnorm",
    "svm",
    "tanh",
    "temporal_affine",
    "temporal_softmax",
)


def _modules() -> list[ModuleType]:
    return [importlib.import_module(f"{__name__}.{slug}") for slug in LAYERS]


def all_mutants() -> tuple[Mutant, ...]:
    """Every wrong answer of every layer."""
    return tuple(mutant for module in _modules() for mutant in module.MUTANTS)


def all_correct() -> tuple[Correct, ...]:
    """Every right answer of every layer."""
    return tuple(correct for module in _modules() for correct in module.CORRECT)

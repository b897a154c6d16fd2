"""Interactive figures: widgets in JupyterLab, and on a page without a kernel. They need `handgrad[book]`.

A cell that ends in `SigmoidNeuron()` shows the figure; `repr` tells its state, `words()` all that it shows.
"""

from __future__ import annotations

from handgrad.widgets.arrangements import Arrangements
from handgrad.widgets.backward_schedule import BackwardSchedule
from handgrad.widgets.base import Figure
from handgrad.widgets.batchnorm_paths import BatchnormPaths
from handgrad.widgets.bias_fanout import BiasFanout
from handgrad.widgets.relu_kink import ReluKink
from handgrad.widgets.sigmoid_neuron import SigmoidNeuron
from handgrad.widgets.softmax_simplex import SoftmaxSimplex
from handgrad.widgets.vec_orders import VecOrders

__all__ = [
    "Arrangements",
    "BackwardSchedule",
    "BatchnormPaths",
    "BiasFanout",
    "Figure",
    "ReluKink",
    "SigmoidNeuron",
    "SoftmaxSimplex",
    "VecOrders",
]

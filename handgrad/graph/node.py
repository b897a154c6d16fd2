"""A traced value, and the functions that take traced values or plain arrays alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.errors import HandgradError, ShapeError, layout
from handgrad.graph.ops import OPS

__all__ = [
    "Node",
    "Tape",
    "exp",
    "log",
    "maximum",
    "minimum",
    "name",
    "relu",
    "sigmoid",
    "sqrt",
    "square",
    "tanh",
    "where",
]

Array = NDArray[Any]

# NumPy's functions by the name of the row in OPS that stands for them.
_FUNCTIONS: Mapping[Any, str] = {
    np.sum: "sum",
    np.mean: "mean",
    np.max: "max",
    np.var: "var",
    np.transpose: "transpose",
    np.reshape: "reshape",
    np.where: "where",
    np.dot: "matmul",
}
_UFUNCS = {"absolute": "abs", "true_divide": "divide"}


class Tape:
    """The nodes of one trace, in order of evaluation, and the names in use."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.names: set[str] = set()
        self.steps = 0

    def fresh_name(self) -> str:
        """The name of an operation that the user has not named: v and its step."""
        label = f"v{self.steps}"
        while label in self.names:
            label += "_"
        return label


class Node:
    """A traced value: an input, a constant, or the result of one operation.

    value: the array, any shape (0-d for a scalar), read-only. gradient: the same shape, or None before
    `Graph.backward` and for nodes without a derivative (constants, masks). inputs: the ids of the
    operands, in order. step: the number of the operation in order of evaluation, from 1; 0 for inputs and
    constants. Raises HandgradError for what cannot be traced: assignment into an array, a
    function without a row in OPS, conversion to a plain array.
    """

    __slots__ = (
        "_tape",
        "differentiable",
        "gradient",
        "id",
        "inputs",
        "name",
        "op",
        "options",
        "step",
        "value",
    )

    def __init__(
        self,
        tape: Tape,
        op: str,
        value: ArrayLike,
        inputs: tuple[int, ...] = (),
        options: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        array = np.array(value)
        self.value: Array = array if array.dtype == bool else array.astype(np.float64)
        self.value.flags.writeable = False
        self.id = len(tape.nodes)
        self.op = op
        self.inputs = inputs
        self.options = dict(options or {})
        self.gradient: Array | None = None
        self.differentiable: bool = op == "input" or any(
            tape.nodes[i].differentiable and pullback is not None
            for i, pullback in zip(inputs, OPS[op].pullbacks if inputs else (), strict=True)
        )
        self.step = 0
        if inputs:
            tape.steps += 1
            self.step = tape.steps
        self.name = name or tape.fresh_name()
        if op != "constant":
            tape.names.add(self.name)
        self._tape = tape
        tape.nodes.append(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return self.value.size

    @property
    def label(self) -> str:
        """What a picture writes on the node: the operation's symbol, with its axis where it has one."""
        if self.op in ("input", "constant"):
            return self.name
        axis = self.options.get("axis")
        return OPS[self.op].symbol + ("" if axis is None else f" axis={axis}")

    def __repr__(self) -> str:
        return f"Node({self.name}: {self.label}, shape {self.shape})"

    # Arithmetic: each is one row of OPS.
    def __add__(self, other: Any) -> Node:
        return _apply("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _apply("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _apply("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return _apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _apply("divide", other, self)

    def __pow__(self, other: Any) -> Node:
        return _apply("power", self, other)

    def __rpow__(self, other: Any) -> Node:
        return _apply("power", other, self)

    def __matmul__(self, other: Any) -> Node:
        return _apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return _apply("matmul", other, self)

    def __neg__(self) -> Node:
        return _apply("negative", self)

    def __abs__(self) -> Node:
        return _apply("abs", self)

    def __gt__(self, other: Any) -> Node:
        return _apply("greater", self, other)

    def __ge__(self, other: Any) -> Node:
        return _apply("greater_equal", self, other)

    def __lt__(self, other: Any) -> Node:
        return _apply("less", self, other)

    def __le__(self, other: Any) -> Node:
        return _apply("less_equal", self, other)

    def __eq__(self, other: object) -> Any:
        return _apply("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return _apply("not_equal", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Node]:
        return (self[i] for i in range(len(self.value)))

    def __getitem__(self, index: Any) -> Node:
        return _apply("getitem", self, index=index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise HandgradError(
            layout(
                "trace",
                f"an entry of {self.name} was assigned to",
                ["changing an array in place loses the value that backward needs"],
                step="make a new array, such as np.where(x > 0, x, 0) or x * (x > 0)",
            )
        )

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise HandgradError(
            layout(
                "trace",
                f"{self.name} was converted to a plain array",
                ["no gradient can flow through the conversion"],
                step="use the traced value itself; read numbers from graph nodes after the trace",
            )
        )

    @property
    def T(self) -> Node:
        """The transpose: all axes in reverse."""
        return _apply("transpose", self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Node:
        """The sum over one axis, several (a tuple), or all (None)."""
        return _apply("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Node:
        """The mean over one axis, several (a tuple), or all (None)."""
        return _apply("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Node:
        """The maximum over one axis, several (a tuple), or all (None)."""
        return _apply("max", self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Node:
        """The biased variance (divided by the count) over one axis, several (a tuple), or all (None)."""
        return _apply("var", self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Node:
        """The same entries in another shape."""
        return _apply("reshape", self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Node:
        """The axes in another order; in reverse if none is given."""
        flat = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        return _apply("transpose", self, **({"axes": tuple(flat)} if flat else {}))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Node:
        op = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or kwargs or op not in OPS:
            raise _untraced(f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else ""), kwargs)
        return _apply(op, *inputs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Node:
        op = _FUNCTIONS.get(function)
        if op is None:
            raise _untraced(f"np.{function.__name__}", {})
        if op in ("where", "matmul"):
            return _apply(op, *args, **kwargs)
        first, *rest = args
        result: Node = getattr(first, op)(*rest, **kwargs)
        return result


def _untraced(what: str, kwargs: Mapping[str, Any]) -> HandgradError:
    with_options = f" with {', '.join(kwargs)}" if kwargs else ""
    return HandgradError(
        layout(
            "trace",
            f"{what}{with_options} is not traced",
            step=f"write it with the operations {', '.join(OPS)}",
        )
    )


def _apply(op: str, *operands: Any, **options: Any) -> Node:
    """Run one row of OPS on traced and plain operands and record the result as a node."""
    tape = next(x._tape for x in operands if isinstance(x, Node))
    row = OPS[op]
    arrays = [x.value if isinstance(x, Node) else np.asarray(x) for x in operands]
    try:
        value = row.forward(*arrays, **options)
    except (ValueError, TypeError, IndexError) as error:
        shapes = [
            f"{x.name if isinstance(x, Node) else 'a constant'}: {a.shape}"
            for x, a in zip(operands, arrays, strict=True)
        ]
        what = f"{op} cannot be applied"
        raise ShapeError(layout("trace", what, shapes, cause=str(error).splitlines()[0])) from error
    ids = []
    for operand, array in zip(operands, arrays, strict=True):
        if not isinstance(operand, Node):
            operand = Node(tape, "constant", array, name=f"{array:.4g}" if array.ndim == 0 else "constant")
        elif operand._tape is not tape:
            what = f"{operand.name} belongs to another trace"
            raise HandgradError(layout("trace", what, step="pass it to trace as an input of its own"))
        ids.append(operand.id)
    return Node(tape, op, value, tuple(ids), options)


def _function(op: str) -> Callable[..., Any]:
    row = OPS[op]

    def call(*operands: Any) -> Any:
        traced = any(isinstance(x, Node) for x in operands)
        return _apply(op, *operands) if traced else row.forward(*(np.asarray(x) for x in operands))

    call.__name__ = call.__qualname__ = op
    call.__doc__ = f"{op} of traced values or plain arrays, elementwise, with broadcasting."
    return call


exp = _function("exp")
log = _function("log")
sqrt = _function("sqrt")
square = _function("square")
tanh = _function("tanh")
sigmoid = _function("sigmoid")
relu = _function("relu")
maximum = _function("maximum")
minimum = _function("minimum")
where = _function("where")


def name(value: Any, label: str) -> Any:
    """Name an intermediate: `s = name(x @ w, "s")`. A plain array passes through, unnamed.

    Raises HandgradError if another node has that name.
    """
    if isinstance(value, Node):
        names = value._tape.names
        if label in names - {value.name}:
            raise HandgradError(layout("name", f"two nodes are named {label!r}", step="choose another name"))
        names.discard(value.name)
        names.add(label)
        value.name = label
    return value

"""The layers, one file each, discovered by folder: nothing to register.

A layer file defines

    SHAPES     "x: N ..., w: D M, b: M -> out: N M"   arrays only, in the order of the signature
    REDUCTION  one line: what is summed or averaged over N, and where a 1/N lives
    GRADS      ("x", "w", "b")   the inputs whose gradients are returned, in that order
    CACHE      one line: what forward caches (layers with a backward only)
    CASES      tuple of Case; the first has different, coprime axis sizes
    forward(*inputs) -> (out, cache)  and  backward(dout, cache) -> gradients
               or  loss(*inputs) -> (loss, gradients)
    sample(rng, sizes, **options) -> dict   every argument by name, in order, away from kinks
    MISTAKES   tuple of Mistake
    PATHS      {"dx": {"mean": function of backward's (or loss's) arguments}}, summing to the gradient
    tangent(*inputs, *moves) -> J u   optional: the derivative of out along a move of each of GRADS, written by
               hand where that is much cheaper than a complex step; the tests compare the two
    UPDATES    optional: names of dict arguments that forward changes, as documented
    SMALLEST   optional: "N=3 and one feature", the least sizes at which the gradient is not zero by itself

A file whose name starts with an underscore is no layer.

All are plain data and functions; `Layer` holds them after validation.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from handgrad.errors import LayerError, SpecError, UnknownNameError, layout, nearest
from handgrad.shapes import Spec, parse

__all__ = ["Case", "Layer", "Mistake", "get", "load_file", "names"]

Role = Literal["forward", "backward", "loss"]


@dataclass(frozen=True)
class Case:
    """One set of sizes at which a layer is checked.

    `sizes` binds each axis of SHAPES (an unnamed rest `...` to a tuple); `options` are passed on to
    `sample`; `backward=False` marks a case in which only the forward has a meaning; `stress=True` one at the
    edge of floating point, where a failure is a warning.
    """

    name: str
    sizes: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    backward: bool = True
    stress: bool = False


@dataclass(frozen=True)
class Mistake:
    """A named wrong answer: a function with the signature of its role, and what to tell its author.

    `params` names what it gets wrong: gradients ("dx", …), "loss" for a loss, and for a forward "out" or a
    name in UPDATES. `feedback` says "{what}" where one sentence serves several of them. `cause` is the slug of
    the diagnosis, the name unless a general cause says the same.
    `case` names the case at which it shows, the first one unless given.
    """

    name: str
    wrong: Callable[..., Any]
    params: tuple[str, ...]
    feedback: str
    cause: str = ""
    role: Role = "backward"
    case: str = ""

    def __post_init__(self) -> None:
        if not self.cause:
            object.__setattr__(self, "cause", self.name)

    def tell(self, what: str) -> str:
        """The feedback about one of `params`, whose name takes the place of "{what}"."""
        return self.feedback.replace("{what}", what)


@dataclass(frozen=True)
class Layer:
    """A validated layer file."""

    slug: str
    doc: str
    spec: Spec
    reduction: str
    grads: tuple[str, ...]
    cases: tuple[Case, ...]
    sample: Callable[..., dict[str, Any]]
    mistakes: tuple[Mistake, ...]
    paths: Mapping[str, Mapping[str, Callable[..., Any]]]
    updates: tuple[str, ...] = ()
    cache_doc: str = ""
    smallest: str = ""
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    loss: Callable[..., Any] | None = None
    tangent: Callable[..., Any] | None = None

    @property
    def is_loss(self) -> bool:
        """Whether the file defines `loss` instead of forward and backward."""
        return self.loss is not None

    @property
    def grad_names(self) -> tuple[str, ...]:
        """The names of what backward or loss returns: "d" before each of GRADS."""
        return tuple(f"d{name}" for name in self.grads)


def names() -> tuple[str, ...]:
    """The slug of every file in this folder, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


@cache
def get(slug: str) -> Layer:
    """The layer of that slug.

    Raises UnknownNameError for an unknown slug, LayerError for a malformed file.
    """
    if slug not in names():
        raise UnknownNameError(layout("handgrad.layers", f"no layer {slug!r}", step=nearest(slug, names())))
    try:
        module = importlib.import_module(f"{__name__}.{slug}")
    except Exception as error:
        raise _cannot_import(str(Path(__path__[0]) / f"{slug}.py"), error) from error
    return _validate(slug, module)


def load_file(path: Path) -> Layer:
    """A layer from a file anywhere, for trying one out. Raises LayerError for a malformed file."""
    if not path.is_file():
        raise LayerError(layout(str(path), "no such layer file", step=f"create {path}"))
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise LayerError(layout(str(path), "a layer file is Python", step=f"name it {path.stem}.py"))
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise _cannot_import(str(path), error) from error
    return _validate(path.stem, module)


def _cannot_import(where: str, error: Exception) -> LayerError:
    return LayerError(layout(where, "cannot be imported", [f"{type(error).__name__}: {error}"]))


_FUNCTIONS = ("forward", "backward", "loss", "sample", "tangent")

_REQUIRED: tuple[tuple[str, type, str], ...] = (
    ("SHAPES", str, '"x: N D, w: D M -> out: N M"'),
    ("REDUCTION", str, "one line: what is summed or averaged over N"),
    ("GRADS", tuple, '("x", "w"): the inputs whose gradients are returned'),
    ("CASES", tuple, "handgrad.layers.Case entries, the first with coprime sizes"),
    ("MISTAKES", tuple, "handgrad.layers.Mistake entries"),
    ("PATHS", dict, '{"dx": {"direct": function}}, or {}'),
)


def _validate(slug: str, module: ModuleType) -> Layer:
    where = str(getattr(module, "__file__", None) or slug)

    def broken(what: str, *details: str, step: str | None = None) -> LayerError:
        return LayerError(layout(where, what, details, step=step))

    for name, kind, example in _REQUIRED:
        if not hasattr(module, name):
            raise broken(f"{name} is missing", step=f"add {name} = {example}")
        if not isinstance(getattr(module, name), kind):
            got = type(getattr(module, name)).__name__
            raise broken(f"{name} must be a {kind.__name__}, got {got}", step=f"write {name} = {example}")
    functions = {name: getattr(module, name, None) for name in _FUNCTIONS}
    for name, function in functions.items():
        if function is not None and not inspect.isfunction(function):
            raise broken(f"{name} must be a function, got {type(function).__name__}")
    if functions["sample"] is None:
        raise broken("sample is missing", step="add def sample(rng, sizes): return {'x': …}")
    pair = functions["forward"] is not None and functions["backward"] is not None
    if pair == (functions["loss"] is not None):
        raise broken(
            "needs forward and backward, or else loss",
            f"found: {', '.join(n for n, f in functions.items() if f is not None)}",
        )
    if pair and not isinstance(getattr(module, "CACHE", None), str):
        raise broken("CACHE is missing", step='add CACHE = "(x, w): what forward caches"')
    try:
        spec = parse(module.SHAPES)
    except SpecError as error:
        raise broken("SHAPES cannot be read", str(error)) from error
    unknown = [name for name in module.GRADS if name not in spec.inputs]
    if unknown or not module.GRADS:
        raise broken(f"GRADS names {unknown or 'nothing'}", f"inputs in SHAPES: {', '.join(spec.inputs)}")
    grad_names = tuple(f"d{name}" for name in module.GRADS)
    inner = functions["forward"] if pair else functions["loss"]
    assert inner is not None
    arguments = tuple(inspect.signature(inner).parameters)
    if [name for name in arguments if name in spec.inputs] != list(spec.inputs):
        raise broken(
            f"SHAPES and {inner.__name__} name different arrays, or in another order",
            f"SHAPES: {', '.join(spec.inputs)}",
            f"{inner.__name__}: {', '.join(arguments)}",
        )
    result = "out" if pair else "loss"
    if list(spec.outputs) != [result]:
        raise broken(
            f"SHAPES must end in one output, {result!r}",
            f"found: {', '.join(spec.outputs) or 'none'}",
        )
    updates = getattr(module, "UPDATES", ())
    if not isinstance(updates, tuple) or any(name not in arguments for name in updates):
        raise broken(f"UPDATES must be a tuple of arguments of {inner.__name__}, got {updates!r}")
    smallest = getattr(module, "SMALLEST", "")
    if not isinstance(smallest, str):
        raise broken(
            f"SMALLEST must be words, got {smallest!r}", step='write SMALLEST = "N=3 and one feature"'
        )
    for name, kind in (("CASES", Case), ("MISTAKES", Mistake)):
        entries = getattr(module, name)
        for i, entry in enumerate(entries):
            if not isinstance(entry, kind):
                raise broken(f"{name}[{i}] must be a {kind.__name__}, got {type(entry).__name__}")
            if any(entry.name == other.name for other in entries[:i]):
                raise broken(f"two {name} are named {entry.name!r}")
    if not module.CASES:
        raise broken("CASES is empty", step="add at least one Case with different, coprime sizes")
    roles = (
        {"forward": ("out", *updates), "backward": grad_names} if pair else {"loss": ("loss", *grad_names)}
    )
    case_names = [case.name for case in module.CASES]
    for mistake in module.MISTAKES:
        if mistake.role not in roles:
            raise broken(
                f"mistake {mistake.name!r} has the role {mistake.role!r}", f"roles here: {', '.join(roles)}"
            )
        allowed = roles[mistake.role]
        strays = [p for p in mistake.params if p not in allowed]
        if strays or not mistake.params:
            raise broken(
                f"mistake {mistake.name!r} names {strays or 'no'} params", f"allowed: {', '.join(allowed)}"
            )
        if mistake.case and mistake.case not in case_names:
            raise broken(
                f"mistake {mistake.name!r} names no case, {mistake.case!r}", f"cases: {', '.join(case_names)}"
            )
        if not callable(mistake.wrong):
            raise broken(f"mistake {mistake.name!r} has no function", f"got {type(mistake.wrong).__name__}")
    for name, paths in module.PATHS.items():
        if name not in grad_names:
            raise broken(f"PATHS names {name!r}", f"gradients: {', '.join(grad_names)}")
        if not isinstance(paths, dict) or not all(callable(path) for path in paths.values()):
            raise broken(f"PATHS[{name!r}] must map the name of each path to a function")
    return Layer(
        slug=slug,
        doc=inspect.cleandoc(module.__doc__ or ""),
        spec=spec,
        reduction=module.REDUCTION,
        grads=module.GRADS,
        cases=module.CASES,
        sample=module.sample,
        mistakes=module.MISTAKES,
        paths=module.PATHS,
        updates=updates,
        cache_doc=getattr(module, "CACHE", ""),
        smallest=smallest,
        forward=functions["forward"],
        backward=functions["backward"],
        loss=functions["loss"],
        tangent=functions["tangent"],
    )

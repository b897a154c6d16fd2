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
    UPDATES    optional: names of dict arguments that forward changes, as documented

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
    `sample`; `backward=False` marks a case in which only the forward has a meaning.
    """

    name: str
    sizes: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    backward: bool = True


@dataclass(frozen=True)
class Mistake:
    """A named wrong answer: a function with the signature of its role, and what to tell its author.

    `params` names what it gets wrong: gradients ("dx", …), or "out" for a forward, "loss" for a loss.
    `cause` is the slug of the diagnosis, the name unless a general cause says the same.
    """

    name: str
    wrong: Callable[..., Any]
    params: tuple[str, ...]
    feedback: str
    cause: str = ""
    role: Role = "backward"

    def __post_init__(self) -> None:
        if not self.cause:
            object.__setattr__(self, "cause", self.name)


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
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    loss: Callable[..., Any] | None = None

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
    module = importlib.import_module(f"{__name__}.{slug}")
    return _validate(slug, module)


def load_file(path: Path) -> Layer:
    """A layer from a file anywhere, for trying one out. Raises LayerError for a malformed file."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None or not path.is_file():
        raise LayerError(layout(str(path), "no such layer file", step=f"create {path}"))
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise LayerError(layout(str(path), "cannot be imported", [f"{type(error).__name__}: {error}"])) from error
    return _validate(path.stem, module)


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
    functions = {name: getattr(module, name, None) for name in ("forward", "backward", "loss", "sample")}
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
    for name, kind in (("CASES", Case), ("MISTAKES", Mistake)):
        for i, entry in enumerate(getattr(module, name)):
            if not isinstance(entry, kind):
                raise broken(f"{name}[{i}] must be a {kind.__name__}, got {type(entry).__name__}")
    if not module.CASES:
        raise broken("CASES is empty", step="add at least one Case with different, coprime sizes")
    seen: set[str] = set()
    for mistake in module.MISTAKES:
        if mistake.name in seen:
            raise broken(f"two MISTAKES are named {mistake.name!r}")
        seen.add(mistake.name)
        allowed = {"forward": ("out",), "backward": grad_names, "loss": ("loss", *grad_names)}[mistake.role]
        strays = [p for p in mistake.params if p not in allowed]
        if strays or not mistake.params:
            raise broken(f"mistake {mistake.name!r} names {strays or 'no'} params", f"allowed: {', '.join(allowed)}")
    for name in module.PATHS:
        if name not in grad_names:
            raise broken(f"PATHS names {name!r}", f"gradients: {', '.join(grad_names)}")
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
        updates=tuple(getattr(module, "UPDATES", ())),
        cache_doc=getattr(module, "CACHE", ""),
        forward=functions["forward"],
        backward=functions["backward"],
        loss=functions["loss"],
    )

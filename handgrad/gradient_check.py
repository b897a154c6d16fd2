"""Any function and its claimed gradients: `check_gradient(f, inputs, grads)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import numeric
from handgrad.causes import words_for
from handgrad.draws import generator
from handgrad.errors import HandgradError, layout
from handgrad.judge import Context, judge_contract, judge_value, sizes_text
from handgrad.ledger import Ledger
from handgrad.probe import Outcome, call, copy_arguments, is_single, items, type_name
from handgrad.report import Finding, Report
from handgrad.returns import permuted
from handgrad.shapes import Tokens
from handgrad.shapes import parse as parse_spec
from handgrad.truth import slips

__all__ = ["check_gradient"]

Array = NDArray[Any]

# Where only differences can be taken, the entries of the truth are good to about 1e-9 of the largest.
CENTRAL_TOLERANCE = 1e-5


class _MisuseError(HandgradError):
    """What is wrong with the call, for `check_gradient` to say under its subject."""

    def __init__(self, what: str, step: str = "") -> None:
        super().__init__(what)
        self.what, self.step = what, step


def check_gradient(
    f: Callable[..., Any],
    inputs: Mapping[str, Array] | Sequence[Array] | Array,
    grads: Mapping[str, Any] | Sequence[Any] | Array | Callable[[], Any],
    *,
    dout: Array | None = None,
    shapes: str = "",
    mistakes: Mapping[str, Mapping[str, Array]] | None = None,
    subject: str = "check_gradient",
    seed: int = 0,
) -> Report:
    """Compare claimed gradients of <dout, f(*inputs)> with numerical ones, and say what is wrong.

    `f` returns a scalar, or an array with `dout` of its shape; of a pair such as (out, cache) the first counts.
    `inputs` are float arrays by name (in f's order), in a sequence, or one alone; `grads` the same, without d in
    their names, each of its input's shape, or a function of no arguments that returns them: whatever that raises
    is a finding, and None is "not attempted". Another number of gradients than of inputs is incorrect.
    `shapes`, "x: N D, w: D M", names the axes for the diagnosis; `mistakes`, {"a sentence": {"w": its wrong
    gradient}}, are recognised and told in those words. `subject` is what the report and its messages call the
    function under judgement, such as "twin.backward".
    Complex steps where f allows them, else central differences; a true gradient of zero is warned of, for it
    proves nothing. Raises nothing but KeyboardInterrupt: misuse is a report with the verdict "error".
    """
    try:
        given = _by_name(inputs)
        if type(dout) is np.ndarray:
            dout = dout.copy()  # the function that is called next may hold the caller's and change it
        got = call(grads) if callable(grads) else Outcome(grads)
        missing = items(got.value)
        if got.raised or got.value is None or (missing and all(value is None for value in missing)):
            return _without_gradients(subject, given, got)
        tokens, sizes = _axes(shapes, given)
        upstream = _upstream(f, given, dout)
        claims = _claims(got.value, given)
    except _MisuseError as error:
        return _misuse(subject, layout(subject, error.what, step=error.step))
    except HandgradError as error:
        return _misuse(subject, str(error))
    if claims is None:
        return _another_number(subject, given, got.value, returned=callable(grads))
    asked, names = (tuple(f"d{name}" for name in of) for of in (claims, given))
    ledger = Ledger(subject, asked, names)
    context = Context(subject, "gradient", sizes, dout=upstream, inputs=given, told=mistakes or {})
    if upstream.ndim:
        context = replace(context, slips=lambda name: slips(_along(f, given, name), given[name], upstream))
    got = call(_judge, context, ledger, f, claims, tokens, generator(seed))
    if got.raised:  # by f, near the inputs: at them it has been evaluated
        return _misuse(subject, layout(subject, "f cannot be evaluated near these inputs", [got.raised]))
    ledger.tried += [sizes_text(sizes)] if sizes else []
    return ledger.report("right along two random directions in each argument")


def _misuse(subject: str, message: str) -> Report:
    return Report(subject, {}, (Finding("call", "", "call", None, message),))


def _without_gradients(subject: str, given: Mapping[str, Array], got: Outcome) -> Report:
    """The report where the function that should return the gradients raised, or returned None."""
    names = tuple(f"d{name}" for name in given)
    ledger, context = Ledger(subject, names), Context(subject, "gradient", {})
    if got.raised:
        finding = context.finding("", "raised", "raised", "your function raised an exception", [got.raised])
        ledger.add(finding, names, "raised")
    else:
        step = words_for("not-attempted", "").step
        finding = context.finding("", "not attempted", "not-attempted", "not attempted yet", step=step)
        ledger.add(finding, names, "not attempted")
    return ledger.report()


def _another_number(subject: str, given: Mapping[str, Array], grads: object, returned: bool) -> Report:
    """The report on another number of gradients than there are inputs: which of them is which, nobody can tell."""
    names = tuple(f"d{name}" for name in given)
    ledger, listed = Ledger(subject, names), ", ".join(names)
    values = [] if type(grads) is dict else items(grads)
    if values is not None:
        several = str(len(values))
    elif type(grads) is np.ndarray:
        several = "one array"
    else:
        several = (
            "one number" if issubclass(type(grads), int | float | np.number) else f"one {type_name(grads)}"
        )
    what = f"expected {len(names)} gradient{'s' if len(names) > 1 else ''}: {listed}; got {several}"
    step = f"check: end with return {listed}" if returned else "check: give one for each, or a dict by name"
    ledger.add(Context(subject, "gradient", {}).finding("", "arity", "arity", what, step=step), names)
    return ledger.report()


def _judge(
    context: Context,
    ledger: Ledger,
    f: Callable[..., Any],
    claims: Mapping[str, Any],
    tokens: Mapping[str, Tokens],
    rng: np.random.Generator,
) -> bool:
    given, dout = context.inputs, context.dout
    assert dout is not None
    broken: dict[str, Finding | None] = {}
    for name, claimed in claims.items():
        finding = judge_contract(context, f"d{name}", claimed, tokens[name], given[name].shape)
        if finding is not None or not _agrees(context, ledger, f, given, name, claimed, dout, rng):
            broken[name] = finding
    if not broken:
        return True
    values = {f"d{name}": value for name, value in claims.items()}
    entries = {f"d{name}": numeric.vjp(_along(f, given, name), given[name], dout) for name in claims}
    order = permuted(context, values, entries)
    if order is not None:
        ledger.add(order, tuple(values))
        return False
    for name, finding in broken.items():
        what = f"d{name}"
        if finding is not None:
            ledger.add(finding, (what,), "not attempted" if finding.cause == "not-attempted" else "wrong")
            continue
        rough = not numeric.supports_complex_step(_along(f, given, name), given[name], rng).ok
        single, tolerance = is_single(claims[name]), CENTRAL_TOLERANCE if rough else None
        wrong, status = judge_value(
            context, what, claims[name], entries[what], tokens[name], single, tolerance
        )
        ledger.add(wrong, (what,), status)
    return False


def _agrees(
    context: Context,
    ledger: Ledger,
    f: Callable[..., Any],
    given: Mapping[str, Array],
    name: str,
    claimed: Array,
    dout: Array,
    rng: np.random.Generator,
) -> bool:
    along, at, what = _along(f, given, name), given[name], f"d{name}"
    with numeric.quiet():
        out = along(at.copy())
    analytic = numeric.supports_complex_step(along, at, rng).ok
    moved = False
    for _ in range(2):
        u = numeric.direction(at, rng)
        if analytic:
            ju, error, method = numeric.complex_step(along, at, u), None, "complex step"
        else:
            estimate = numeric.central(along, at, u)
            ju, error, method = estimate.value, estimate.error, "central"
        moved = moved or abs(float(np.sum(dout * ju))) > 1e-9 * float(np.sum(np.abs(dout * out))) + 1e-300
        ratio = numeric.agree(claimed, ju, dout, out, u, method, error)
        if (
            ratio > 1.0
            and claimed.dtype == np.float32
            and numeric.agree(claimed, ju, dout, out, u, "float32") <= 1.0
        ):
            ledger.warn(context, "float32", f"{what} is a float32 answer", what)
            ratio = 0.0
        if not ratio <= 1.0:
            return False
    if not moved:
        ledger.warn(context, "zero-gradient", f"the true {what} is zero, or nearly", what)
    return True


def _along(f: Callable[..., Any], given: Mapping[str, Array], name: str) -> Callable[[Array], Array]:
    def along(value: Array) -> Array:
        return _first(f(*{**copy_arguments(given), name: value}.values()))

    return along


def _first(returned: object) -> Array:
    pair = items(returned)
    return np.asarray(pair[0] if pair else returned)


def _by_name(inputs: object) -> dict[str, Array]:
    values = items(inputs)
    if type(inputs) is dict:
        named = dict(inputs)
    elif values is not None:
        named = (
            {f"x{i}": value for i, value in enumerate(values)}
            if len(values) > 1
            else dict(zip("x", values, strict=True))
        )
    else:
        named = {"x": inputs}
    for name, value in named.items():
        if type(name) is not str or type(value) is not np.ndarray or value.dtype.kind != "f":
            got = f"an array of {value.dtype}" if type(value) is np.ndarray else f"a {type_name(value)}"
            raise _MisuseError(
                f"input {name!r} is {got}, expected an array of floats",
                "check: close over labels and settings",
            )
    if not named:
        raise _MisuseError("no inputs given", "check: check_gradient(f, {'x': x}, {'x': dx})")
    return {name: value.astype(np.float64) for name, value in named.items()}


def _claims(grads: object, given: Mapping[str, Array]) -> dict[str, Any] | None:
    """The gradients by name; None where they are another number than the inputs, or a dict of none."""
    values = items(grads)
    if type(grads) is dict:
        strays = [name for name in grads if name not in given]
        if strays:
            raise _MisuseError(
                f"a gradient for {strays[0]!r}, which is no input", f"inputs: {', '.join(given)}"
            )
        return {name: grads[name] for name in given if name in grads} or None
    if values is None:
        values = [grads]
    return dict(zip(given, values, strict=True)) if len(values) == len(given) else None


def _axes(shapes: str, given: Mapping[str, Array]) -> tuple[dict[str, Tokens], dict[str, Any]]:
    if not shapes:
        return {name: value.shape for name, value in given.items()}, {}
    spec = parse_spec(shapes)
    sizes = spec.bind({name: value for name, value in given.items() if name in spec.inputs})
    return {name: spec.inputs.get(name, value.shape) for name, value in given.items()}, sizes


def _upstream(f: object, given: Mapping[str, Array], dout: object) -> Array:
    if not callable(f):
        raise _MisuseError(f"f is a {type_name(f)}, expected a function")
    got = call(lambda: _first(f(*copy_arguments(given).values())))
    if got.raised or got.value is None:
        raise _MisuseError(f"f cannot be evaluated at these inputs: {got.raised or 'it is not implemented'}")
    out = got.value
    if out.dtype.kind not in "fiu":
        raise _MisuseError(f"f returns an array of {str(out.dtype)[:40]}, expected real numbers")
    if dout is None:
        if out.size != 1:
            raise _MisuseError(
                f"f returns an array of shape {out.shape} and no dout is given",
                "check: dout= of that shape, random",
            )
        return np.ones(out.shape)
    if type(dout) is not np.ndarray or dout.shape != out.shape or dout.dtype.kind != "f":
        got_shape = dout.shape if type(dout) is np.ndarray else type_name(dout)
        raise _MisuseError(f"dout is {got_shape}, expected a float array of f's shape {out.shape}")
    return dout

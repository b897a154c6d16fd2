"""A student's functions in, a report out.

`check` takes a layer's exercise, `check_gradient` any function and its claimed gradients, `check_formula` an
answer derived on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad import layers
from handgrad.cases import CaseRun
from handgrad.draws import generator
from handgrad.errors import HandgradError, layout
from handgrad.formula_check import check_formula
from handgrad.gradient_check import check_gradient
from handgrad.judge import Context, sizes_text
from handgrad.layers import Case, Layer
from handgrad.ledger import Ledger
from handgrad.numeric import quiet
from handgrad.probe import call, copy_arguments, items, read_array, read_scalar, type_name
from handgrad.report import Finding, Report

__all__ = ["check", "check_formula", "check_gradient"]

Function = Callable[..., Any]

# How a function is written that survives exp of large numbers.
_STABLE = {
    "loss": "subtract each row's maximum before exp, and take the logarithm of the row's sum, not of a quotient",
    "forward": "give exp no positive number; for inputs of either sign there is a form of the formula that does so",
}


def check(
    slug: str,
    *,
    forward: Function | None = None,
    backward: Function | None = None,
    loss: Function | None = None,
    seed: int = 0,
) -> Report:
    """Check a student's functions for a layer and say what is wrong.

    `forward(*inputs) -> (out, cache)` and `backward(dout, cache) -> gradients`, or `loss(*inputs) ->
    (loss, gradients)`, with CS231n's signatures; either of forward and backward may be left out. A backward
    without a forward gets the cache that the layer's file documents. `dout` is random, of out's shape; the
    reduction over N is the layer's own. `seed` fixes every random number.

    Raises nothing but KeyboardInterrupt: misuse is a report with the verdict "error" as well.
    """
    given = {
        role: f for role, f in (("forward", forward), ("backward", backward), ("loss", loss)) if f is not None
    }
    if type(slug) is not str or type(seed) is not int or seed < 0:
        return _misuse(
            "check", _usage("check", "expected a layer's name and a seed from 0 up", type_name(slug))
        )
    try:
        layer = layers.get(slug)
    except HandgradError as error:
        return _misuse("check", str(error))
    wrong_call = _wrong_call(layer, given)
    if wrong_call:
        return _misuse(slug, wrong_call)
    first = ("loss",) if layer.is_loss else ("out", *layer.updates)
    returns = {"forward": first, "backward": layer.grad_names, "loss": (*first, *layer.grad_names)}
    asked = tuple(name for role in given for name in returns[role])
    ledger = Ledger(slug, asked, (*first, *layer.grad_names))
    with quiet():
        for index, case in enumerate(layer.cases):
            rng = generator(seed, index)
            inputs = layer.sample(rng, dict(case.sizes), **case.options)
            check_case(ledger, layer, given, case, inputs, rng)
    return ledger.report()


def check_case(
    ledger: Ledger,
    layer: Layer,
    given: Mapping[str, Function],
    case: Case,
    inputs: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    """Judge the functions at one case, for these inputs; the ledger keeps what is found. For use in `quiet()`."""
    context = Context(
        subject=layer.slug,
        role="",
        sizes=case.sizes,
        layer=layer,
        case=case.name,
        earlier=", ".join(ledger.tried),
        arguments=lambda: tuple(copy_arguments(inputs).values()),
        inputs=inputs,
        upstream="" if layer.is_loss else "dout",
    )
    if case.stress:
        _stress(ledger, layer, given, context)
        return
    run = CaseRun(ledger, layer, given, context, inputs, rng)
    if layer.is_loss:
        run.loss()
    else:
        run.pair(case.backward)
    ledger.tried.append(f"{case.name} ({sizes_text(case.sizes)})")


def _stress(ledger: Ledger, layer: Layer, given: Mapping[str, Function], context: Context) -> None:
    """A case at the edge of floating point: a right answer that fails here gets a warning.

    Judged are a loss with its gradients, or else the forward's out.
    """
    role, reference = ("loss", layer.loss) if layer.is_loss else ("forward", layer.forward)
    names = ("loss", *layer.grad_names) if layer.is_loss else ("out",)
    if role not in given or reference is None:
        return
    expected = _by_part(reference(*context.arguments()), names)
    found = _by_part(call(given[role], *context.arguments()).value, names)
    bad = [part for part in names if ledger.right(part) and not _equal(found.get(part), expected[part])]
    if bad:
        context = Context(layer.slug, role, context.sizes, case=context.case)
        which = f"{' and '.join(bad)} {'is' if len(bad) == 1 else 'are'}"
        what = f"{which} not right at the edge: {context.case}"
        ledger.warn(context, "overflow", what, bad[0], arg=_STABLE[role])


def _by_part(returned: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Of a pair its first value, and the gradients, as far as they are asked for, by name; nothing of anything else."""
    pair = items(returned)
    if pair is None or len(pair) != 2:
        return {}
    gradients = [pair[1]] if len(names) == 2 else items(pair[1]) or []
    return dict(zip(names, (pair[0], *gradients), strict=False))


def _equal(value: object, expected: Any) -> bool:
    """Whether a value is what the reference returns here, to six digits."""
    cause = read_array(value, np.shape(expected))[0] if np.ndim(expected) else read_scalar(value)[1]
    return not cause and np.allclose(np.asarray(value, dtype=np.float64), expected, rtol=1e-6)


def _misuse(subject: str, message: str) -> Report:
    return Report(subject, {}, (Finding("call", "", "call", None, message),))


def _usage(where: str, what: str, got: str) -> str:
    return layout(where, what, [f"got a {got}"], step='check: check("affine", forward=f, backward=g)')


def _wrong_call(layer: Layer, given: Mapping[str, object]) -> str:
    roles = ("loss",) if layer.is_loss else ("forward", "backward")
    where = f"check({layer.slug!r})"
    usage = f"check: check({layer.slug!r}, {', '.join(f'{role}=your_function' for role in roles)})"
    if not given:
        return layout(where, f"no function given, expected {' or '.join(roles)}", step=usage)
    for role, function in given.items():
        if role not in roles:
            return layout(where, f"this layer has no {role}, expected {' and '.join(roles)}", step=usage)
        if not callable(function):
            hint = f"give the function itself, without calling it: {role}=f, not {role}=f(x)"
            return layout(
                where, f"{role} is a {type_name(function)}, expected a function", [hint], step=usage
            )
    return ""

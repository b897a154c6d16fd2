"""Gradients of a program by the emitted module, by the steps, and by autograd, which knows nothing of either."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy
import numpy as np

from handgrad.derive import derive
from handgrad.derive.emit import emit


def gradients(text: str, seed: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """By the emitted module, by the steps, and by autograd through the emitted forward."""
    derivation = derive(text)
    program = derivation.program
    sizes = program.sizes((4, 3, 5, 2, 6))
    rng = np.random.default_rng(seed)
    inputs = program.sample(rng, sizes)
    source = emit(derivation)
    plain: dict[str, Any] = {}
    traced: dict[str, Any] = {}
    exec(source, plain)
    exec(source.replace("import numpy as np", "import autograd.numpy as np"), traced)
    given = [inputs[name] for name in program.given]
    out, cache = plain["forward"](*given)
    values = program.run(inputs, sizes)
    np.testing.assert_allclose(out, values[program.out], rtol=1e-10, atol=1e-12)
    upstream = rng.standard_normal(np.shape(out))
    found = plain["backward"](upstream, cache)
    found = found if isinstance(found, tuple) else (found,)
    wanted = [name for name in program.given if name in program.inputs]
    emitted = dict(zip(wanted, found, strict=True))
    steps = derivation.run_steps(values, upstream, sizes)
    by_steps = {name: steps.get(f"d{name}", np.zeros(np.shape(inputs[name]))) for name in wanted}
    places = [program.given.index(name) for name in wanted]

    def scalar(*arrays: Any) -> Any:
        full = list(given)
        for place, array in zip(places, arrays, strict=True):
            full[place] = array
        return autograd.numpy.sum(traced["forward"](*full)[0] * upstream)

    truth = autograd.grad(scalar, argnum=tuple(range(len(places))))(*[given[p] for p in places])
    return emitted, by_steps, dict(zip(wanted, truth, strict=True))


def assert_agree(text: str, seed: int) -> None:
    with np.errstate(all="ignore"):  # autograd's own pullback of tanh overflows far out
        emitted, by_steps, truth = gradients(text, seed)
    for name, expected in truth.items():
        size = float(np.max(np.abs(expected), initial=0.0))
        for got in (emitted[name], by_steps[name]):
            assert np.shape(got) == np.shape(expected), f"d{name}\n{text}"
            np.testing.assert_allclose(
                got, expected, rtol=1e-7, atol=1e-9 * (1 + size), err_msg=f"d{name}\n{text}"
            )

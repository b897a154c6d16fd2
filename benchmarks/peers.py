"""The other gradient checkers, each given the same NumPy functions, wrapped the way it asks for.

A peer is a function of a Task that returns a callable without arguments, one check, which raises or returns
False where the check fails; or None where the library that it needs is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.layers import Layer

__all__ = ["PEERS", "SLOW", "Check", "Task", "autograd_layer"]

Array = NDArray[np.float64]
Check = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """A layer with a right answer, at one set of inputs: what every contestant checks."""

    layer: Layer
    inputs: dict[str, Any]

    @property
    def arguments(self) -> tuple[Array, ...]:
        """The inputs whose gradients are checked."""
        return tuple(self.inputs[name] for name in self.layer.grads)

    def forward(self, *arguments: Any) -> tuple[Any, Any]:
        """The layer's output and what its backward needs, the other arguments filled in."""
        rest = [
            dict(value) if isinstance(value, dict) else value
            for name, value in self.inputs.items()
            if name not in self.layer.grads
        ]
        if self.layer.loss is not None:
            return self.layer.loss(*arguments, *rest)
        assert self.layer.forward is not None
        return self.layer.forward(*arguments, *rest)

    def backward(self, dout: Any, cache: Any) -> tuple[Array, ...]:
        """The gradients; a loss has made them in its forward already."""
        if self.layer.loss is not None:
            return (dout * cache,)
        assert self.layer.backward is not None
        got = self.layer.backward(dout, cache)
        return got if isinstance(got, tuple) else (got,)


def autograd_check_grads(task: Task) -> Check | None:
    """HIPS autograd: one random direction through all arguments at once, by differences; reverse mode, order 1."""
    if find_spec("autograd") is None:
        return None
    from autograd.extend import defvjp_argnums, primitive
    from autograd.test_util import check_grads

    @primitive
    def f(*arguments: Array) -> Any:
        return task.forward(*arguments)[0]

    def vjp(argnums: tuple[int, ...], out: Any, arguments: tuple[Array, ...], _: dict[str, Any]) -> Any:
        cache = task.forward(*arguments)[1]

        def gradients(dout: Any) -> tuple[Array, ...]:
            found = task.backward(dout, cache)
            return tuple(found[i] for i in argnums)

        return gradients

    defvjp_argnums(f, vjp)
    check = check_grads(f, modes=["rev"], order=1)
    return lambda: check(*task.arguments)


def autograd_layer(task: Task) -> Callable[..., Any]:
    """The layer written in autograd.numpy, a function of the arguments whose gradients are checked."""
    import autograd.numpy as anp

    def affine(x: Any, w: Any, b: Any) -> Any:
        return anp.dot(anp.reshape(x, (len(x), -1)), w) + b

    def softmax(x: Any) -> Any:
        shifted = x - anp.max(x, axis=1, keepdims=True)
        right = shifted[np.arange(len(x)), task.inputs["y"]]
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - right)

    def batchnorm(x: Any, gamma: Any, beta: Any) -> Any:
        mean = anp.mean(x, axis=0)
        var = anp.mean((x - mean) ** 2, axis=0)
        return gamma * (x - mean) / anp.sqrt(var + task.inputs["bn_param"]["eps"]) + beta

    written: dict[str, Callable[..., Any]] = {
        "affine": affine,
        "relu": lambda x: anp.maximum(0, x),
        "sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
        "tanh": anp.tanh,
        "softmax": softmax,
        "batchnorm": batchnorm,
    }
    return written[task.layer.slug]


def autograd_native(task: Task) -> Check | None:
    """The same check on the layer written in autograd.numpy, which checks autograd's gradient and not ours."""
    if find_spec("autograd") is None:
        return None
    from autograd.test_util import check_grads

    check = check_grads(autograd_layer(task), modes=["rev"], order=1)
    return lambda: check(*task.arguments)


def _torch(task: Task, fast: bool) -> Check | None:
    if find_spec("torch") is None:
        return None
    import torch

    torch.set_num_threads(1)

    class Answer(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Any:
            out, ctx.kept = task.forward(*(a.detach().numpy() for a in arguments))
            return torch.from_numpy(np.asarray(out))

        @staticmethod
        def backward(ctx: Any, dout: Any) -> Any:
            return tuple(torch.from_numpy(g) for g in task.backward(dout.numpy(), ctx.kept))

    tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in task.arguments]
    return lambda: torch.autograd.gradcheck(Answer.apply, tensors, fast_mode=fast)


def torch_fast(task: Task) -> Check | None:
    """torch.autograd.gradcheck(fast_mode=True): one random projection on each side, by differences."""
    return _torch(task, fast=True)


def torch_slow(task: Task) -> Check | None:
    """torch.autograd.gradcheck: the whole Jacobian, entry by entry, and the whole of it by backward."""
    return _torch(task, fast=False)


def jax_check_grads(task: Task) -> Check | None:
    """jax.test_util.check_grads, reverse mode, order 1, on a custom_vjp that calls the NumPy functions."""
    if find_spec("jax") is None:
        return None
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    @jax.custom_vjp
    def f(*arguments: Any) -> Any:
        return jax.numpy.asarray(task.forward(*map(np.asarray, arguments))[0])

    def forward(*arguments: Any) -> Any:
        out, cache = task.forward(*map(np.asarray, arguments))
        return jax.numpy.asarray(out), cache

    def backward(cache: Any, dout: Any) -> Any:
        cache = tuple(map(np.asarray, cache)) if isinstance(cache, tuple) else np.asarray(cache)
        return tuple(jax.numpy.asarray(g) for g in task.backward(np.asarray(dout), cache))

    f.defvjp(forward, backward)
    return lambda: check_grads(f, task.arguments, order=1, modes=["rev"])


def element_loop(task: Task) -> Check | None:
    """CS231n's way, in our words: a central difference of <dout, out> for every entry of every argument."""
    rng = np.random.default_rng(0)

    def check() -> bool:
        out, cache = task.forward(*task.arguments)
        dout = rng.standard_normal(np.shape(out))
        claimed = task.backward(dout, cache)
        arguments = [a.copy() for a in task.arguments]
        worst = 0.0
        for argument, gradient in zip(arguments, claimed, strict=True):
            numeric = np.zeros_like(argument)
            for index in np.ndindex(argument.shape):
                kept = argument[index]
                argument[index] = kept + 1e-5
                above = task.forward(*arguments)[0]
                argument[index] = kept - 1e-5
                below = task.forward(*arguments)[0]
                argument[index] = kept
                numeric[index] = np.sum((above - below) * dout) / 2e-5
            gap = np.abs(gradient - numeric) / np.maximum(1e-8, np.abs(gradient) + np.abs(numeric))
            worst = max(worst, float(gap.max()))
        return worst < 1e-2  # above this, the course says, the gradient is probably wrong

    return check


PEERS: dict[str, Callable[[Task], Check | None]] = {
    "autograd check_grads": autograd_check_grads,
    "autograd, its own gradient": autograd_native,
    "jax check_grads": jax_check_grads,
    "torch gradcheck, fast": torch_fast,
    "torch gradcheck, slow": torch_slow,
    "element loop (CS231n's)": element_loop,
}

SLOW = ("torch gradcheck, slow", "element loop (CS231n's)")
"""Those whose cost grows with the number of entries times the cost of a forward."""

"""Answers to the affine homework in pieces: right spellings and known mistakes, each with the cause it is named by.

A piece is what stands for one gradient or formula; pieces are put together into cells by `answers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BACKWARD", "CACHES", "FORWARD", "MENDED", "PAPER", "SETUPS", "TWIN", "WHOLE_BACKWARD", "Piece"]


@dataclass(frozen=True)
class Piece:
    """Code, and the cause of the mistake in it: None if it is right, '' if it is wrong in no known way.

    `own` says which mistake in a gradient, by its cause, is no mistake for this wrong forward.
    """

    code: str
    cause: str | None = None
    own: Mapping[str, str] = field(default_factory=dict)


def right(*codes: str) -> tuple[Piece, ...]:
    return tuple(Piece(code) for code in codes)


def wrong(**codes: str) -> tuple[Piece, ...]:
    """Each mistake by its cause, with _ for - and a trailing number to tell two of one cause apart."""
    return tuple(
        Piece(code, "" if cause.startswith("unknown") else cause.rstrip("0123456789").replace("_", "-"))
        for cause, code in codes.items()
    )


def wrong_in_a_way_of_its_own(*forwards: tuple[str, str, dict[str, str]]) -> tuple[Piece, ...]:
    """Wrong forwards whose own gradients are among the mistakes: code, cause, and those mistakes."""
    return tuple(Piece(*forward) for forward in forwards)


# What the forward keeps, and how the backward takes it out; both know x, w and b, then. SETUPS stand above.
CACHES = {
    "tuple": ("(x, w, b)", "x, w, b = cache"),
    "list": ("[x, w, b]", "x, w, b = cache"),
    "dict": ('{"x": x, "w": w, "b": b}', 'x, w, b = cache["x"], cache["w"], cache["b"]'),
    "nested": ('((x, w), {"bias": b})', '(x, w), more = cache; b = more["bias"]'),
    "long": ("(x, w, b, x.shape, len(x), None, 'affine')", "x, w, b, shape, N, nothing, kind = cache"),
    "closure": ("lambda: (x, w, b)", "x, w, b = cache()"),
    "object": ("Saved(x, w, b)", "x, w, b = cache.x, cache.w, cache.b"),
    "namedtuple": ("Kept(x, w, b)", "x, w, b = cache.x, cache.w, cache.b"),
    "namespace": ("SimpleNamespace(x=x, w=w, b=b)", "x, w, b = cache.x, cache.w, cache.b"),
    "copies": ("(x.copy(), w.copy(), b.copy())", "x, w, b = cache"),
}
SETUPS = {
    "object": "class Saved:\n    def __init__(self, x, w, b):\n        self.x, self.w, self.b = x, w, b\n\n\n",
    "namedtuple": "from collections import namedtuple\n\nKept = namedtuple('Kept', 'x w b')\n\n\n",
    "namespace": "from types import SimpleNamespace\n\n\n",
}

# Statements that set `out`.
FORWARD = (
    *right(
        "out = x @ w + b",
        "out = np.dot(x, w) + b",
        "N, T, D = x.shape\nout = x.reshape(N * T, D).dot(w).reshape(N, T, -1) + b.reshape(1, 1, -1)",
        "out = np.einsum('ntd,dm->ntm', x, w) + b",
        "out = np.matmul(x, w)\nout += b",
        "out = np.zeros((*x.shape[:2], w.shape[1]))\nfor n in range(x.shape[0]):\n    for t in range(x.shape[1]):\n"
        "        for m in range(w.shape[1]):\n"
        "            out[n, t, m] = sum(x[n, t, d] * w[d, m] for d in range(x.shape[2])) + b[m]",
        "ones = np.ones((*x.shape[:2], 1))\nout = np.concatenate([x, ones], axis=2) @ np.vstack([w, b])",
        "out = np.tensordot(x, w, axes=1) + np.tile(b, (*x.shape[:2], 1))",
        "out = np.stack([x[:, t] @ w + b for t in range(x.shape[1])], axis=1)",
    ),
    *wrong(
        missing_bias="out = x @ w",
        raised="out = x.reshape(len(x), -1) @ w + b",
        transposed="out = (x @ w + b).T",
        flattened="out = x.reshape(-1, x.shape[2]) @ w + b",
        steps_summed="out = x.sum(axis=1) @ w + b",
        last_step_alone="for t in range(x.shape[1]):\n    out = x[:, t] @ w + b",
        steps_and_samples_mixed="rows = x.swapaxes(0, 1).reshape(-1, x.shape[2])\n"
        "out = (rows @ w + b).reshape(*x.shape[:2], -1)",
        some_rows="out = x @ w\nout[:-1] += b",
        unknown="out = 1.5 * (x @ w) + b",
        not_attempted="out = None",
    ),
    *wrong_in_a_way_of_its_own(
        ("out = x @ w - b", "bias-subtracted", {"db": "sign"}),
        ("out = x @ w + b\nout += b", "", {"db": "doubled"}),
        ("out = 2 * (x @ w) + b", "", {"dx": "doubled", "dw": "doubled"}),
        ("out = b - np.einsum('ntd,dm->ntm', x, w)", "", {"dx": "sign", "dw": "sign"}),
    ),
)

# Expressions over x, w, b, dout, and rows and drows, which have one row for each sample and step.
BACKWARD = {
    "dx": (
        *right(
            "dout @ w.T",
            "(drows @ w.T).reshape(x.shape)",
            "np.einsum('ntm,dm->ntd', dout, w)",
            "np.reshape((w @ drows.T).T, x.shape)",
            "np.array([g @ w.T for g in dout])",
            "np.tensordot(dout, w, axes=([2], [1]))",
        ),
        *wrong(
            flattened="drows @ w.T",
            ignores_dout="np.ones_like(dout) @ w.T",
            sign="-dout @ w.T",
            divided_by_N="dout @ w.T / len(x)",
            divided_by_T="dout @ w.T / x.shape[1]",
            doubled="2 * dout @ w.T",
            all_zero="np.zeros_like(x)",
            summed_too_much="dout.sum(axis=1) @ w.T",
            steps_and_samples_mixed="(dout.swapaxes(0, 1).reshape(drows.shape) @ w.T).reshape(x.shape)",
            not_attempted="None",
            unknown="np.abs(dout @ w.T) + 0.25",
        ),
    ),
    "dw": (
        *right(
            "rows.T @ drows",
            "np.dot(rows.T, drows)",
            "np.einsum('ntd,ntm->dm', x, dout)",
            "(drows.T @ rows).T",
            "sum(x[:, t].T @ dout[:, t] for t in range(x.shape[1]))",
            "(x.swapaxes(1, 2) @ dout).sum(axis=0)",
            "np.tensordot(x, dout, axes=([0, 1], [0, 1]))",
            "(x[:, :, :, None] * dout[:, :, None, :]).sum(axis=(0, 1))",
        ),
        *wrong(
            steps_not_summed="np.einsum('ntd,ntm->tdm', x, dout)",
            samples_not_summed="x.swapaxes(1, 2) @ dout",
            last_step_alone="x[:, -1].T @ dout[:, -1]",
            first_step_alone="x[:, 0].T @ dout[:, 0]",
            last_sample_alone="x[-1].T @ dout[-1]",
            summed_before_the_product="x.sum(axis=1).T @ dout.sum(axis=1)",
            steps_and_samples_mixed="rows.T @ dout.swapaxes(0, 1).reshape(drows.shape)",
            one_row_for_each_sample="x.reshape(len(x), -1).T @ dout.reshape(len(x), -1)",
            transposed="drows.T @ rows",
            divided_by_N="rows.T @ drows / len(x)",
            divided_by_T="rows.T @ drows / x.shape[1]",
            divided_by_N_and_T="rows.T @ drows / len(rows)",
            ignores_dout="rows.T @ np.ones_like(drows)",
            output_for_input="(rows @ w + b).T @ drows",
            output_for_dout="rows.T @ (rows @ w + b)",
            sign="-rows.T @ drows",
            doubled="rows.T @ drows + rows.T @ drows",
            halved="0.5 * rows.T @ drows",
            all_zero="np.zeros(w.shape)",
            not_attempted="None",
            unknown="rows.T @ drows + 0.1 * w",
        ),
    ),
    "db": (
        *right(
            "dout.sum(axis=(0, 1))",
            "np.sum(drows, axis=0)",
            "np.ones(len(drows)) @ drows",
            "np.einsum('ntm->m', dout)",
            "np.array([column.sum() for column in drows.T])",
            "dout.sum(axis=0).sum(axis=0).reshape(b.shape)",
        ),
        *wrong(
            unsummed_broadcast="dout",
            steps_not_summed="dout.sum(axis=0)",
            samples_not_summed="dout.sum(axis=1)",
            last_step_alone="dout[:, -1].sum(axis=0)",
            first_step_alone="dout[:, 0].sum(axis=0)",
            last_sample_alone="dout[-1].sum(axis=0)",
            one_row_for_each_sample="dout.reshape(len(x), -1).sum(axis=0)",
            divided_by_N="dout.mean(axis=0).sum(axis=0)",
            divided_by_T="dout.mean(axis=1).sum(axis=0)",
            divided_by_N_and_T="dout.mean(axis=(0, 1))",
            summed_over_wrong_axis="dout.sum(axis=2)",
            summed_over_wrong_axis2="dout.sum(axis=(1, 2))",
            summed_over_wrong_axis3="dout.sum(axis=(0, 2))",
            summed_too_much="dout.sum()",
            kept_axis="dout.sum(axis=(0, 1), keepdims=True)",
            sign="-dout.sum(axis=(0, 1))",
            doubled="2 * dout.sum(axis=(0, 1))",
            multiplied_by_N="len(dout) * dout.sum(axis=(0, 1))",
            ignores_dout="np.ones_like(dout).sum(axis=(0, 1))",
            not_attempted="None",
        ),
    ),
}

# Whole endings of the backward, in which no gradient stands for itself; "" is the parameter of the finding.
WHOLE_BACKWARD = (
    *wrong(
        arity="return dx, dw",
        arity2="return [dx, dw, db, dout]",
        raised="raise ValueError('not done')",
        raised2="return dx @ undefined, dw, db",
        raised3="import sys; sys.exit('finished')",
        not_attempted="return None",
        not_attempted2="raise NotImplementedError",
    ),
)

# Formulas, and what is no formula; code is what stands behind `return`.
PAPER = {
    "dW": (
        *right("'X @ dY.T'", "'(dY @ X.T).T'", "'X@dY.T'", '"X " + "@ dY.T"'),
        *wrong(
            transposed="'dY @ X.T'",
            wrong_shape="'dY @ X'",
            wrong_shape2="'X.T @ dY'",
            sign="'-X @ dY.T'",
            doubled="'2 * X @ dY.T'",
            divided_by_N="'X @ dY.T / N'",
            not_attempted="None",
            not_attempted2="''",
            unknown="'dY @'",
            unknown2="'sum(X, axis=N, keepdims=True) @ sum(dY, axis=N, keepdims=True).T'",
        ),
    ),
    "dX": (
        *right("'W @ dY'", "'(dY.T @ W.T).T'", "'W@dY'"),
        *wrong(
            transposed="'dY.T @ W.T'",
            wrong_shape="'W.T @ dY'",
            wrong_shape2="'W'",
            sign="'-W @ dY'",
            halved="'0.5 * W @ dY'",
            divided_by_N="'W @ dY / N'",
            not_attempted="None",
        ),
    ),
    "db": (
        *right(
            "'sum(dY, axis=N, keepdims=True)'",
            "'dY.sum(axis=N, keepdims=True)'",
            "'sum(dY, axis=1, keepdims=True)'",
        ),
        *wrong(
            flattened="'sum(dY, axis=N)'",
            unsummed_broadcast="'dY'",
            wrong_shape="'sum(dY, axis=M, keepdims=True)'",
            divided_by_N="'mean(dY, axis=N, keepdims=True)'",
            summed_too_much="'sum(dY)'",
            sign="'-sum(dY, axis=N, keepdims=True)'",
            not_attempted="None",
        ),
    ),
}

# Expressions over dY, X and W. The marks are for dX and db alone; dW is right in the code that is mended.
MENDED = {
    "dX": (
        *right("W.T @ dY", "np.matmul(W.T, dY)", "(dY.swapaxes(1, 2) @ W).swapaxes(1, 2)",
               "np.einsum('st,nsd->ntd', W, dY)"),
        *wrong(
            sign="-W.T @ dY",
            doubled="2 * W.T @ dY",
            divided_by_N="W.T @ dY / len(X)",
            unknown="W.T @ dY * 7 / len(X)",  # right at the first sizes alone
            all_zero="np.zeros_like(X)",
            not_attempted="None",
        ),
    ),
    "dW": (
        *right("(dY @ X.swapaxes(1, 2)).sum(axis=0)", "np.einsum('nsd,ntd->st', dY, X)",
               "sum(g @ x.T for g, x in zip(dY, X))"),
        *wrong(
            transposed="(X @ dY.swapaxes(1, 2)).sum(axis=0)",
            sign="-(dY @ X.swapaxes(1, 2)).sum(axis=0)",
            unsummed_broadcast="dY @ X.swapaxes(1, 2)",
        ),
    ),
    "db": (
        *right("dY.sum(axis=(0, 2))[:, None]", "dY.sum(axis=2, keepdims=True).sum(axis=0)",
               "np.einsum('nsd->s', dY).reshape(-1, 1)"),
        *wrong(
            flattened="dY.sum(axis=(0, 2))",
            unsummed_broadcast="dY.sum(axis=2, keepdims=True)",
            unsummed_broadcast2="dY.sum(axis=0)",
            summed_over_wrong_axis="dY.sum(axis=(0, 1))[:, None]",
            divided_by_N="dY.mean(axis=0).sum(axis=1, keepdims=True)",
            summed_too_much="dY.sum()",
            told="dY.mean(axis=(0, 2))[:, None]",
            unknown="dY.mean(axis=(0, 2))[:, None] * 28",
            not_attempted="None",
        ),
    ),
}  # fmt: skip

# Expressions over dout, x1, x2, w, b, over dy1, dy2, which are right, and over pairs(x, dy), the sum of all products.
TWIN = {
    "dx1": (
        *right("dy1 @ w.T", "np.dot(dy1, w.T)", "np.einsum('ntm,dm->ntd', dy1, w)"),
        *wrong(told="dout @ w.T", sign="-dy1 @ w.T", doubled="2 * dy1 @ w.T", not_attempted="None"),
    ),
    "dx2": (
        *right("dy2 @ w.T", "np.tensordot(dy2, w, axes=(2, 1))"),
        *wrong(
            told="dout @ w.T",
            sign="-dy2 @ w.T",
            divided_by_N="dy2 @ w.T / len(x1)",
            unknown="dy2 @ w.T / 7 * len(x1)",
        ),
    ),
    "dw": (
        *right(
            "pairs(x1, dy1) + pairs(x2, dy2)",
            "pairs(np.vstack([x1, x2]), np.vstack([dy1, dy2]))",
            "sum(x1[:, t].T @ dy1[:, t] + x2[:, t].T @ dy2[:, t] for t in range(x1.shape[1]))",
        ),
        *wrong(
            told="pairs(x1, dy1)",
            told2="pairs(x1, dy2) + pairs(x2, dy1)",
            told3="(pairs(x1, dy1) + pairs(x2, dy2)) / dout[..., 0].size",
            halved="(pairs(x1, dy1) + pairs(x2, dy2)) / 2",
            transposed="(pairs(x1, dy1) + pairs(x2, dy2)).T",
            unsummed_broadcast="x1.swapaxes(1, 2) @ dy1 + x2.swapaxes(1, 2) @ dy2",
            not_attempted="None",
        ),
    ),
    "db": (
        *right("dy1.sum(axis=(0, 1)) + dy2.sum(axis=(0, 1))", "(dy1 + dy2).sum((0, 1))"),
        *wrong(
            told="dy1.sum(axis=(0, 1))",
            told2="(dy1 + dy2).mean(axis=(0, 1))",
            unsummed_broadcast="dy1 + dy2",
            unsummed_broadcast2="(dy1 + dy2).sum(axis=0)",
            divided_by_N="(dy1 + dy2).mean(axis=0).sum(axis=0)",
            kept_axis="(dy1 + dy2).sum(axis=(0, 1), keepdims=True)",
        ),
    ),
}

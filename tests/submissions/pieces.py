"""Answers to the affine homework in pieces: right spellings and known mistakes, each with the cause it is named by.

A piece is what stands for one gradient or formula; pieces are put together into cells by `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BACKWARD", "CACHES", "FORWARD", "MENDED", "PAPER", "SETUPS", "TWIN", "WHOLE_BACKWARD", "Piece"]


@dataclass(frozen=True)
class Piece:
    """Code, and the cause of the mistake in it: None if it is right, '' if it is wrong in no known way."""

    code: str
    cause: str | None = None


def right(*codes: str) -> tuple[Piece, ...]:
    return tuple(Piece(code) for code in codes)


def wrong(**codes: str) -> tuple[Piece, ...]:
    """Each mistake by its cause, with _ for - and a trailing number to tell two of one cause apart."""
    return tuple(
        Piece(code, "" if cause.startswith("unknown") else cause.rstrip("0123456789").replace("_", "-"))
        for cause, code in codes.items()
    )


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
        "out = x.reshape(len(x), -1) @ w + b",
        "out = np.dot(x.reshape(x.shape[0], -1), w) + b",
        "N = x.shape[0]\nout = x.reshape(N, np.prod(x.shape[1:], dtype=int)).dot(w) + b.reshape(1, -1)",
        "out = np.einsum('nd,dm->nm', x.reshape(x.shape[0], -1), w) + b",
        "flat = np.array([sample.ravel() for sample in x])\nout = np.matmul(flat, w)\nout += b",
        "out = np.zeros((x.shape[0], w.shape[1]))\nfor n in range(x.shape[0]):\n    row = x[n].flatten()\n"
        "    for m in range(w.shape[1]):\n        out[n, m] = sum(row[d] * w[d, m] for d in range(len(row))) + b[m]",
        "rows = np.hstack([x.reshape(len(x), -1), np.ones((len(x), 1))])\nout = rows @ np.vstack([w, b])",
        "out = np.tensordot(x.reshape(len(x), -1), w, axes=1) + np.tile(b, (len(x), 1))",
        "out = (w.T @ x.reshape(x.shape[0], -1).T + b[:, np.newaxis]).T",
    ),
    *wrong(
        missing_bias="out = x.reshape(len(x), -1) @ w",
        bias_subtracted="out = x.reshape(len(x), -1) @ w - b",
        raised="out = x.reshape(64, -1) @ w + b",
        transposed="out = (x.reshape(len(x), -1) @ w + b).T",
        some_rows="out = x.reshape(len(x), -1) @ w\nout[:-1] += b",
        unknown="out = 1.5 * (x.reshape(len(x), -1) @ w) + b",
        unknown2="out = x.reshape(len(x), -1) @ w + b\nout += b",
        not_attempted="out = None",
    ),
)

# Expressions over x, w, b, rows and dout.
BACKWARD = {
    "dx": (
        *right(
            "(dout @ w.T).reshape(x.shape)",
            "dout.dot(w.T).reshape(*x.shape)",
            "np.einsum('nm,dm->nd', dout, w).reshape(x.shape)",
            "np.reshape((w @ dout.T).T, x.shape)",
            "np.array([(w @ g).reshape(x.shape[1:]) for g in dout])",
            "np.tensordot(dout, w, axes=([1], [1])).reshape(x.shape)",
        ),
        *wrong(
            flattened="dout @ w.T",
            ignores_dout="(np.ones_like(dout) @ w.T).reshape(x.shape)",
            sign="-(dout @ w.T).reshape(x.shape)",
            divided_by_N="(dout @ w.T).reshape(x.shape) / len(x)",
            doubled="2 * (dout @ w.T).reshape(x.shape)",
            all_zero="np.zeros_like(x)",
            not_attempted="None",
            unknown="np.abs(dout @ w.T).reshape(x.shape) + 0.25",
        ),
    ),
    "dw": (
        *right(
            "rows.T @ dout",
            "np.dot(rows.T, dout)",
            "np.einsum('nd,nm->dm', rows, dout)",
            "(dout.T @ rows).T",
            "sum(np.outer(r, g) for r, g in zip(rows, dout))",
            "(rows[:, :, None] * dout[:, None, :]).sum(axis=0)",
        ),
        *wrong(
            transposed="dout.T @ rows",
            divided_by_N="rows.T @ dout / len(x)",
            ignores_dout="rows.T @ np.ones_like(dout)",
            sign="-rows.T @ dout",
            doubled="rows.T @ dout + rows.T @ dout",
            halved="0.5 * rows.T @ dout",
            all_zero="np.zeros(w.shape)",
            unsummed_broadcast="rows[:, :, None] * dout[:, None, :]",
            not_attempted="None",
            unknown="rows.T @ dout + 0.1 * w",
        ),
    ),
    "db": (
        *right(
            "dout.sum(axis=0)",
            "np.sum(dout, axis=0)",
            "np.ones(len(dout)) @ dout",
            "np.einsum('nm->m', dout)",
            "np.array([column.sum() for column in dout.T])",
            "dout.T.sum(axis=-1).reshape(b.shape)",
        ),
        *wrong(
            unsummed_broadcast="dout",
            divided_by_N="dout.mean(axis=0)",
            summed_over_wrong_axis="dout.sum(axis=1)",
            summed_too_much="dout.sum()",
            kept_axis="dout.sum(axis=0, keepdims=True)",
            sign="-dout.sum(axis=0)",
            doubled="2 * dout.sum(axis=0)",
            multiplied_by_N="len(dout) * dout.sum(axis=0)",
            ignores_dout="np.ones_like(dout).sum(axis=0)",
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
        *right("W.T @ dY", "np.dot(W.T, dY)", "(dY.T @ W).T", "np.einsum('md,mn->dn', W, dY)"),
        *wrong(
            transposed="dY.T @ W",
            sign="-W.T @ dY",
            doubled="2 * W.T @ dY",
            all_zero="np.zeros_like(X)",
            not_attempted="None",
        ),
    ),
    "dW": (*right("dY @ X.T", "(X @ dY.T).T"), *wrong(transposed="X @ dY.T", sign="-dY @ X.T")),
    "db": (
        *right("dY.sum(axis=1, keepdims=True)", "np.sum(dY, 1)[:, None]", "dY @ np.ones((dY.shape[1], 1))"),
        *wrong(
            flattened="dY.sum(axis=1)",
            unsummed_broadcast="dY",
            divided_by_N="dY.mean(axis=1, keepdims=True)",
            summed_too_much="dY.sum()",
            not_attempted="None",
        ),
    ),
}

# Expressions over dout, x1, x2, w, b, and dy1, dy2, which are right.
TWIN = {
    "dx1": (
        *right("dy1 @ w.T", "np.dot(dy1, w.T)", "np.einsum('nm,dm->nd', dy1, w)"),
        *wrong(told="dout @ w.T", sign="-dy1 @ w.T", doubled="2 * dy1 @ w.T", not_attempted="None"),
    ),
    "dx2": (
        *right("dy2 @ w.T", "(w @ dy2.T).T"),
        *wrong(told="dout @ w.T", sign="-dy2 @ w.T", divided_by_N="dy2 @ w.T / len(x1)"),
    ),
    "dw": (
        *right("x1.T @ dy1 + x2.T @ dy2", "np.vstack([x1, x2]).T @ np.vstack([dy1, dy2])"),
        *wrong(
            told="x1.T @ dy1",
            told2="x1.T @ dy2 + x2.T @ dy1",
            halved="(x1.T @ dy1 + x2.T @ dy2) / 2",
            transposed="(x1.T @ dy1 + x2.T @ dy2).T",
            not_attempted="None",
        ),
    ),
    "db": (
        *right("dy1.sum(axis=0) + dy2.sum(axis=0)", "(dy1 + dy2).sum(0)"),
        *wrong(
            told="dy1.sum(axis=0)",
            unsummed_broadcast="dy1 + dy2",
            divided_by_N="(dy1 + dy2).mean(axis=0)",
            kept_axis="(dy1 + dy2).sum(axis=0, keepdims=True)",
        ),
    ),
}

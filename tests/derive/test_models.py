"""The forward passes that the book derives: every line proved, and the whole in the form that a chapter displays."""

from __future__ import annotations

import pytest

from handgrad.derive import derive

# name -> (program, lines of the whole that must be among those shown)
MODELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "affine": (
        "X: N D;  W: D M;  b: M;  dY: N M\nY = X @ W + b",
        ("dX = dY @ W.T", "dW = X.T @ dY", "db = sum(dY, axis=N)"),
    ),
    "affine, samples as columns": (
        "X: D N;  W: M D;  b: M 1;  dY: M N\nY = W @ X + b",
        ("dX = W.T @ dY", "dW = dY @ X.T", "db = sum(dY, axis=N, keepdims=True)"),
    ),
    "relu": ("X: N D;  dY: N D\nY = relu(X)", ("dX = dY * (X > 0)",)),
    "exp of an affine map": (
        "X: N D;  W: D C;  b: C\nS = X @ W + b\nH = exp(S)\nL = sum(H**2)",
        ("dS = 2 * H ** 2", "dW = X.T @ dS", "db = sum(dS, axis=N)", "dX = dS @ W.T"),
    ),
    "softmax and cross-entropy, in small steps": (
        """X: N D;  W: D C;  b: C;  y: N int
        S = X @ W + b
        E = exp(S)
        R = sum(E, axis=C, keepdims=True)
        P = E / R
        p = P[arange(N), y]
        L = -mean(log(p))""",
        ("dS = (P - onehot(y, C)) / N", "dW = X.T @ dS", "db = sum(dS, axis=N)"),
    ),
    "softmax and cross-entropy, shifted by the maximum": (
        """S: N C;  y: N int
        Z = S - max(S, axis=C, keepdims=True)
        E = exp(Z)
        P = E / sum(E, axis=C, keepdims=True)
        L = -mean(log(P[arange(N), y]))""",
        ("dS = (P - onehot(y, C)) / N",),
    ),
    "softmax and cross-entropy, samples as columns": (
        """S: C N;  y: N int
        P = softmax(S, axis=C)
        L = -mean(log(P[y, arange(N)]))""",
        ("dS = (P - onehot(y, C).T) / N",),
    ),
    "softmax as one operation": (
        "S: N C;  y: N int\nP = softmax(S, axis=C)\nL = -mean(log(P[arange(N), y]))",
        ("dS = (P - onehot(y, C)) / N",),
    ),
    "logsumexp": (
        "S: N C;  y: N int\nL = mean(logsumexp(S, axis=C) - S[arange(N), y])",
        ("dS = (softmax(S, axis=C) - onehot(y, C)) / N",),
    ),
    "batch normalisation": (
        """x: N D;  gamma: D;  beta: D;  dout: N D
        mean_ = mean(x, axis=N)
        xc = x - mean_
        var_ = mean(xc**2, axis=N)
        std = sqrt(var_ + 1e-5)
        xhat = xc / std
        out = gamma * xhat + beta""",
        (
            "dbeta = sum(dout, axis=N)",
            "dgamma = sum(dout * xhat, axis=N)",
            "dx = gamma * (dout - xhat * mean(dout * xhat, axis=N) - mean(dout, axis=N)) / std",
        ),
    ),
    "batch normalisation in one line": (
        """x: N D;  gamma: D;  beta: D
        xhat = (x - mean(x, axis=0)) / sqrt(var(x, axis=0) + 1e-5)
        out = gamma * xhat + beta""",
        (),
    ),
    "layer normalisation": (
        """x: N D;  gamma: D;  beta: D
        m = mean(x, axis=D, keepdims=True)
        xc = x - m
        std = sqrt(mean(xc**2, axis=D, keepdims=True) + 1e-5)
        xhat = xc / std
        out = gamma * xhat + beta""",
        (),
    ),
    "RMS normalisation": (
        "x: N D;  gamma: D\nr = sqrt(mean(x**2, axis=D, keepdims=True) + 1e-5)\nxhat = x / r\nout = gamma * xhat",
        (),
    ),
    "least squares": (
        "X: M D;  theta: D;  y: M\nL = sum((X @ theta - y)**2) / (2 * M)",
        ("dtheta = X.T @ (X @ theta - y) / M",),
    ),
    "least squares with columns": (
        "X: N D;  theta: D 1;  y: N 1\nL = sum((X @ theta - y)**2) / (2 * N)",
        ("dtheta = X.T @ (X @ theta - y) / N",),
    ),
    "MLP of three layers": (
        """X: N D;  W1: D H;  W2: H K;  W3: K C;  dZ3: N C
        A1 = X @ W1
        Z1 = sigmoid(A1)
        A2 = Z1 @ W2
        Z2 = sigmoid(A2)
        A3 = Z2 @ W3
        Z3 = sigmoid(A3)""",
        ("dW3 = Z2.T @ dA3", "dW2 = Z1.T @ dA2", "dW1 = X.T @ dA1"),
    ),
    "two-layer MLP with weight decay": (
        """X: N D;  W1: D H;  b1: H;  W2: H C;  b2: C;  y: N int;  lam:
        A = relu(X @ W1 + b1)
        S = A @ W2 + b2
        data = mean(logsumexp(S, axis=C) - S[arange(N), y])
        L = data + lam * (sum(W1**2) + sum(W2**2))""",
        ("dS = (softmax(S, axis=C) - onehot(y, C)) / N",),
    ),
    "logistic regression": (
        """X: N D;  w: D;  b:;  y: N
        z = X @ w + b
        p = sigmoid(z)
        L = -mean(y * log(p) + (1 - y) * log(1 - p))""",
        ("dw = X.T @ dz", "db = sum(dz)"),
    ),
    "InfoNCE": (
        """U: N D;  V: N D;  tau:
        S = U @ V.T / tau
        L = mean(logsumexp(S, axis=1) - S[arange(N), arange(N)])""",
        ("dS = (softmax(S, axis=1) - onehot(arange(N), N)) / N", "dU = dS @ V / tau", "dV = dS.T @ U / tau"),
    ),
    "attention with one head": (
        """X: T D;  Wq: D H;  Wk: D H;  Wv: D M;  mask: T T;  dY: T M
        Q = X @ Wq
        K = X @ Wk
        V = X @ Wv
        S = Q @ K.T / sqrt(H) + mask
        A = softmax(S, axis=1)
        Y = A @ V""",
        (
            "dA = dY @ V.T",
            "dS = A * (dA - sum(dA * A, axis=1, keepdims=True))",
            "dV = A.T @ dY",
            "dK = dS.T @ Q / sqrt(H)",
            "dQ = dS @ K / sqrt(H)",
            "dX = dV @ Wv.T + dK @ Wk.T + dQ @ Wq.T",
        ),
    ),
    "attention over a stack": (
        """X: B T D;  Wq: D H;  Wk: D H;  Wv: D M
        Q = X @ Wq
        K = X @ Wk
        S = Q @ K.mT / sqrt(H)
        A = softmax(S, axis=2)
        Y = A @ (X @ Wv)""",
        (),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_line_of_a_model_is_proved_by_numbers_and_exactly(name: str) -> None:
    program, shown = MODELS[name]
    derivation = derive(program)
    proof = derivation.proof
    bad = [(line.formula, line.numeric.why, line.symbolic.why) for line in proof.lines if not line.ok]
    assert bad == []
    unsure = [(line.formula, line.symbolic.why) for line in proof.lines if line.symbolic.ok is not True]
    assert unsure == []
    lines = [line.shown for line in derivation.simplified.lines]
    assert set(shown) <= set(lines), lines


def test_every_input_of_a_model_has_a_gradient_of_its_shape() -> None:
    for program, _ in MODELS.values():
        derivation = derive(program)
        final = {line.of: line.tokens for line in derivation.simplified.lines if line.final}
        assert final == dict(derivation.program.inputs)

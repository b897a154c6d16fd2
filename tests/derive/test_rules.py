"""Each row of the table against an independent autodiff library, on random shapes with broadcasting."""

from __future__ import annotations

import pytest

from handgrad.derive import RULES, derive
from handgrad.derive.program import read
from tests.derive.independent import assert_agree

# row -> programs that use it; every operand broadcasts somewhere
PROGRAMS: dict[str, tuple[str, ...]] = {
    "copy": ("a: N D\nb = a\ny = b * b",),
    "+": ("a: N D; b: D\ny = a + b", "a: N 1; b: D\ny = a + b", "a:; b: N D\ny = 2 + a + b", "a: N D\ny = a + a"),
    "-": ("a: N D; b: D\ny = a - b", "a: D; b: N D\ny = a - b", "a: N D\ny = 1 - a"),
    "neg": ("a: N D\ny = -a",),
    "*": ("a: N D; b: D\ny = a * b", "a: N 1; b: N D\ny = a * b * 3", "a: N D\ny = a * a"),
    "/": ("a: N D; b: D\ny = a / exp(b)", "a: D; b: N D\ny = a / exp(b)", "a: N D\ny = 1 / exp(a)"),
    "**": ("a: N D\ny = a ** 3", "a: N D; b: D\ny = exp(a) ** b", "a: N D\ny = exp(a) ** -0.5",
           "a: N D\ny = 2 ** a"),
    "@": ("a: N D; b: D M\ny = a @ b", "a: N N\ny = a @ a", "a: N D\ny = a.T @ a"),
    "@ matrix vector": ("a: N D; b: D\ny = a @ b",),
    "@ vector matrix": ("a: N; b: N D\ny = a @ b",),
    "@ vector vector": ("a: N; b: N\ny = a @ b", "a: N\ny = a @ a"),
    "@ stack": ("a: B N D; b: B D M\ny = a @ b", "a: B N D; b: D M\ny = a @ b", "a: N D; b: B D M\ny = a @ b"),
    "@ stack vector": ("a: B N D; b: D\ny = a @ b",),
    "@ vector stack": ("a: D; b: B D M\ny = a @ b",),
    "outer": ("a: N; b: D\ny = outer(a, b)", "a: N\ny = outer(a, a)"),
    "T": ("a: N D; b: N D\ny = a.T @ b", "a: N\ny = a.T * 2"),
    "mT": ("a: B N D\ny = a @ a.mT",),
    "exp": ("a: N D\ny = exp(a)",),
    "log": ("a: N D\ny = log(1 + a**2)",),
    "sqrt": ("a: N D\ny = sqrt(1 + a**2)",),
    "abs": ("a: N D\ny = abs(a)",),
    "tanh": ("a: N D\ny = tanh(a)",),
    "sigmoid": ("a: N D\ny = sigmoid(a)",),
    "relu": ("a: N D\ny = relu(a)",),
    "softplus": ("a: N D\ny = softplus(a)",),
    "gelu": ("a: N D\ny = gelu(a)",),
    "sin": ("a: N D\ny = sin(a)",),
    "cos": ("a: N D\ny = cos(a)",),
    "maximum": ("a: N D; b: D\ny = maximum(a, b)", "a: N D\ny = maximum(0, a)",
                "a: N D; b: N 1\ny = maximum(b, a)"),
    "minimum": ("a: N D; b: D\ny = minimum(a, b)", "a: N D\ny = minimum(a, 0.5)"),
    "sum": ("a: N D\ny = sum(a, axis=N)", "a: N D\ny = sum(a, axis=1, keepdims=True)",
            "a: B N D\ny = sum(a, axis=(B, D))",
            "a: N D\ny = a.sum()", "a: N D\ny = sum(a, axis=-1)"),
    "mean": ("a: N D\ny = mean(a, axis=0)", "a: N D\ny = mean(a, axis=D, keepdims=True)", "a: N D\ny = mean(a)"),
    "var": ("a: N D\ny = var(a, axis=N)", "a: N D\ny = var(a, axis=1, keepdims=True)",
            "a: B N D\ny = var(a, axis=(0, 2))"),
    "max": ("a: N D\ny = max(a, axis=N)", "a: N D\ny = max(a, axis=1, keepdims=True)", "a: N D\ny = max(a)"),
    "logsumexp": ("a: N D\ny = logsumexp(a, axis=D)", "a: N D\ny = logsumexp(a, axis=0, keepdims=True)"),
    "softmax": ("a: N D\ny = softmax(a, axis=D)", "a: N D\ny = softmax(a, axis=0)", "a: N\ny = softmax(a)"),
    "pick": ("a: N C; t: N int\ny = a[arange(N), t]", "a: N N\ny = a[arange(N), arange(N)]"),
    "pick columns": ("a: C N; t: N int\ny = a[t, arange(N)]",),
    "pick vector": ("a: C; t: N int\ny = a[t]",),
    "pick pairs": ("a: C K; t: N int; u: N int\ny = a[t, u]",),
    "new axis": ("a: N; b: N D\ny = a[:, None] * b", "a: N; b: D\ny = a[None, :, None] * b"),
    "reshape": ("a: N B K; w: D M\ny = reshape(a, (N, D)) @ w", "a: N D; b: B K\ny = a.reshape(N, B, K) * b"),
    "transpose": ("a: B N D; b: D B N\ny = transpose(a, (D, B, N)) * b", "a: B N D\ny = a.transpose(0, 2, 1)"),
    "broadcast_to": ("a: 1 D; b: N D\ny = broadcast_to(a, (N, D)) * b",
                     "a: N 1; b: D\ny = broadcast_to(a, (N, D)) * b"),
}  # fmt: skip


def test_every_row_has_a_program() -> None:
    assert PROGRAMS.keys() == RULES.keys()


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in PROGRAMS.items() for text in texts])
def test_a_row_agrees_with_an_independent_library(key: str, text: str) -> None:
    from handgrad.derive.pullbacks import rule_of

    program = read(text)
    used = {rule.key for line in program.lines if (rule := rule_of(line, program.types)) is not None}
    assert key in used
    for seed in range(3):
        assert_agree(text, seed)


@pytest.mark.parametrize("text", [text for texts in PROGRAMS.values() for text in texts])
def test_a_row_is_proved_by_numbers_and_exactly(text: str) -> None:
    proof = derive(text).proof
    assert [(line.formula, line.numeric.why, line.symbolic.why) for line in proof.lines if not line.ok] == []
    assert [(line.formula, line.symbolic.why) for line in proof.lines if line.symbolic.ok is not True] == []

"""The laws that reading a formula into terms and writing it again obeys by itself, each with an example."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FORMS", "Form"]


@dataclass(frozen=True)
class Form:
    """One law of the normal form: what it says, and an example, before = after, on the shapes."""

    says: str
    shapes: str
    before: str
    after: str
    given: str = ""


FORMS: tuple[Form, ...] = (
    Form(
        "products are multiplied out, and common factors taken out",
        "A: N D, B: N D, c: D", "A * c + c * B", "c * (A + B)",
    ),
    Form("powers of the same factor are collected", "A: N D, c: D", "A * c / c ** 3", "A / c ** 2"),
    Form("like terms are added up", "A: N D", "A + 2 * A - A / 2", "5 * A / 2"),
    Form("(A B)ᵀ = Bᵀ Aᵀ", "A: N D, B: D C", "(A @ B).T", "B.T @ A.T"),
    Form(
        "a sum over products is a matrix product",
        "A: N D, B: N D", "sum(A[:, :, None] * B[:, None, :], axis=0)", "A.T @ B",
    ),
    Form(
        "what does not depend on the index leaves the sum",
        "A: N D, r: N", "sum(r[:, None] * A, axis=D)", "r * sum(A, axis=D)",
    ),
    Form(
        "a sum of N equal terms is N of them",
        "c: D, N_: N", "sum(broadcast_to(c, (N, D)), axis=N)", "N * c",
    ),
    Form(
        "a sum of sums is the sum of the terms",
        "A: N D, B: N D", "sum(A + B, axis=N) - sum(B, axis=N)", "sum(A, axis=N)",
    ),
    Form("a sum over N, divided by N, is the mean", "A: N D", "sum(A, axis=N) / N", "mean(A, axis=N)"),
    Form(
        "copies need no spelling out beside the whole array",
        "A: N D, c: D", "A * broadcast_to(c, (N, D))", "A * c",
    ),
    Form(
        "a one-hot row picks one entry of a sum",
        "A: N C, y: N int", "sum(onehot(y, C) * A, axis=C)", "A[arange(N), y]",
    ),
    Form(
        "beside a one-hot row only the picked entry matters", "A: N C, y: N int",
        "onehot(y, C) * A / A[arange(N), y][:, None]", "onehot(y, C)",
    ),
    Form("a mask is its own square", "A: N D", "(A > 0) * (A > 0) * A", "(A > 0) * A"),
    Form("a named function value goes by its name", "A: N D", "exp(A) * A", "E * A", "E = exp(A)"),
)  # fmt: skip

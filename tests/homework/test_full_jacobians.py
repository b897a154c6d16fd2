"""The full Jacobians homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "full_jacobians"


def shapes(full=(7, 3, 5, 3), flat=(21, 15), dW=(5, 3), zeros="c"):
    return f"""def shape_of_dZ_dW():
    return {full!r}
def shape_of_flat():
    return {flat!r}
def shape_of_dW():
    return {dW!r}
def choice_of_zeros():
    return {zeros!r}"""


def share(table="(np.eye(len(x)) - y[:, None]) / R", dx="(dout - (dout * y).sum(axis=1, keepdims=True)) / R"):
    """The answers to both cells of part 2."""
    return {
        "share-jacobian": f"def share_jacobian(x):\n    R = x.sum()\n    y = x / R\n    return {table}",
        "share-backward": "def share_backward(dout, x):\n    R = x.sum(axis=1, keepdims=True)\n"
        f"    y = x / R\n    return {dx}",
    }


def paper(dW="x @ x.T * dq", dx="(W @ x + W.T @ x + b) * dq", db="x * dq"):
    return {
        "paper": f"def formula_for_dW():\n    return {dW!r}\ndef formula_for_dx():\n    return {dx!r}\n"
        f"def formula_for_db():\n    return {db!r}"
    }


def flat(rows="np.kron(A, B.T)", columns="np.kron(B.T, A)"):
    return {
        "flat": f"def flat_by_rows(A, B):\n    return {rows}\ndef flat_by_columns(A, B):\n    return {columns}"
    }


def mended(dz="J.T @ da", dW="dz @ x.T"):
    return {
        "mended": "def mended_backward(da, J, x):\n    M, D = len(da), len(x)\n"
        f"    dz = {dz}\n    return {dW}, dz"
    }


MIXED = "(dz.T @ np.kron(x.T, np.eye(M))).reshape(M, D)"
OTHERWISE = {
    "shapes": shapes("N M D M", "(21, 15)", ("D", "M"), "(C)"),
    "share-jacobian": """def share_jacobian(x):
    D, R = len(x), sum(x)
    J = np.zeros((D, D))
    for i in range(D):
        for j in range(D):
            J[i, j] = ((i == j) * R - x[i]) / R**2
    return J""",
    "share-backward": """def share_backward(dout, x):
    R = x.sum(axis=1)
    return dout / R[:, None] - np.einsum("nd,nd,n->n", dout, x, R**-2)[:, None] * np.ones_like(x)""",
    **paper("x @ dq @ x.T", "(W + W.T) @ x @ dq + b @ dq", "x @ dq"),
    "flat": """def flat_by_rows(A, B):
    return np.einsum("nd,mk->nkdm", A, B).reshape(len(A) * B.shape[1], -1)
def flat_by_columns(A, B):
    (N, D), (M, K) = A.shape, B.shape
    J = np.zeros((N * K, D * M))
    for n, k, d, m in np.ndindex(N, K, D, M):
        J[k * N + n, m * D + d] = A[n, d] * B[m, k]
    return J""",
    **mended("(da.T @ J).T", MIXED[:-1] + ", order='F')"),
}
WRONG = [
    ("shapes", {"shapes": shapes(full=(7, 5, 3, 3))}, 3, ("dZ_dW", "wrong-shape"), "looks transposed"),
    ("shapes", {"shapes": shapes(flat=(15, 21))}, 3, ("flat", "wrong-shape"), "looks transposed"),
    ("shapes", {"shapes": shapes(dW=(1, 15))}, 3, ("dW", "wrong-shape"), "looks flattened"),
    ("shapes", {"shapes": shapes(zeros="d")}, 3, ("zeros", "chose:d"), "every sample uses W"),
    ("share", share(table="np.eye(len(x)) / R"), 3, ("dy_dx", "told"), "that path is missing"),
    ("share", share(table="(np.eye(len(x)) - y) / R"), 3, ("dy_dx", "told"), "inputs stand first here"),
    ("share", share(table="np.diag(1 - y) / R"), 3, ("dy_dx", "told"), "also moves the other outputs"),
    ("share", share(table="(1 - y) / R"), 3, ("dy_dx", "summed-too-much"), "looks summed over D"),
    ("share", share(dx="dout / R"), 2, ("dx", "told"), "that path is missing"),
    ("share", share(dx="dout * (1 - y) / R"), 2, ("dx", "told"), "only the diagonal"),
    (
        "share",
        share(dx="(dout - y * dout.sum(axis=1, keepdims=True)) / R"),
        2,
        ("dx", "told"),
        "the transposed one is meant",
    ),
    ("paper", paper(dW="x.T @ x * dq"), 2, ("dW", "summed-too-much"), "looks summed over D"),
    ("paper", paper(dx="(2 * W @ x + b) * dq"), 2, ("dx", "told"), "for a symmetric W only"),
    ("paper", paper(dx="(W.T @ x + b) * dq"), 2, ("dx", "told"), "the place on its left"),
    ("paper", paper(db="x.T * dq"), 2, ("db", "told"), "the row of the Jacobian"),
    ("flat", flat(rows="np.kron(B.T, A)"), 2, ("dZ_dW_by_rows", "told"), "the one by columns"),
    ("flat", flat(columns="np.kron(A, B.T)"), 2, ("dZ_dW_by_columns", "told"), "the one by rows"),
    (
        "flat",
        flat(rows="np.einsum('nd,mk->nkmd', A, B).reshape(14, 15)"),
        2,
        ("dZ_dW_by_rows", "told"),
        "W is read by columns here, and Z by rows",
    ),
    (
        "flat",
        flat(columns="np.kron(B, A.T)"),
        2,
        ("dZ_dW_by_columns", "transposed"),
        "looks transposed",
    ),
    ("mended", mended(dW=MIXED), 1, ("dW", "told"), "orders are mixed"),
    ("mended", mended(dz="da.T @ J", dW="np.outer(dz, x)"), 1, ("db", "transposed"), "looks transposed"),
]


@pytest.mark.parametrize(("part", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, part, answer, points, cause, words):
    marked = mark(SLUG, answer)
    assert marked.points[f"{part}-grade"] == points
    assert marked.causes(f"{part}-grade") == [cause]
    assert words in marked.text(f"{part}-grade")


def test_the_colleagues_function_earns_nothing_and_both_mistakes_are_told(mark):
    marked = mark(SLUG, mended(dz="J @ da", dW=MIXED))
    assert marked.points["mended-grade"] == 0
    assert marked.causes("mended-grade") == [("dW", "told"), ("db", "told")]
    assert "the orders are mixed as well" in marked.text("mended-grade")


def test_the_two_orders_exchanged_earn_nothing(mark):
    marked = mark(SLUG, flat("np.kron(B.T, A)", "np.kron(A, B.T)"))
    assert marked.points["flat-grade"] == 0


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, OTHERWISE).points == full(SLUG)


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_the_same_marks(mark, seed):
    with seeded(seed):
        marked = mark(SLUG, {**share(table="np.eye(len(x)) / R"), **mended(dW=MIXED)})
    assert (marked.points["share-grade"], marked.points["mended-grade"]) == (3, 1)
    assert marked.causes("mended-grade") == [("dW", "told")]


def test_a_jacobian_that_is_made_up_earns_nothing(mark):
    running = (
        "def mended_backward(da, J, x):\n    dz = np.cumsum(da[::-1], axis=0)[::-1]\n    return dz @ x.T, dz"
    )
    assert mark(SLUG, {"mended": running}).points["mended-grade"] == 0.0


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        (
            "share-jacobian",
            "def share_jacobian(x):\n    y = x / x.sum()\n    return np.diag(y) - np.outer(y, y)",
            3,
            "the Jacobian of the softmax",
        ),
        (
            "share-backward",
            "def share_backward(dout, x):\n    R = x.sum(axis=1, keepdims=True)\n"
            "    return (dout - (dout * x).sum(axis=1, keepdims=True)) / R",
            2,
            "an R is missing",
        ),
        (
            "share-backward",
            "def share_backward(dout, x):\n    R = x.sum()\n    return (dout - (dout * x).sum() / R) / R",
            2,
            "the total of the whole batch",
        ),
    ],
)
def test_another_layers_jacobian_and_another_total_are_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points["share-grade"] == points
    assert said in marked.text("share-grade")


@pytest.mark.parametrize(
    ("part", "answer", "lost"),
    [
        ("share", share(table="(np.eye(5) - y[:, None]) / R"), 2),
        ("share", share(dx="(dout - 5 * (dout * y).mean(axis=1, keepdims=True)) / R"), 3),
        ("flat", flat(rows="np.kron(A, B.T).reshape(14, 15)"), 2),
        ("flat", flat(columns="np.kron(B.T, A) * 7 / len(A)"), 2),
        ("mended", mended(dW="dz @ x.T * 5 / D"), 1),
        ("mended", mended(dz="np.eye(3) @ J.T @ da"), 2),
        ("paper", paper(dW="x @ x.T * dq * D / 7"), 1),
        ("paper", paper(dx="(W @ x + W.T @ x + b) * dq * 7 / D"), 1),
        ("paper", paper(db="x * dq * D / 7"), 1),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, part, answer, lost):
    costs(SLUG, answer, f"{part}-grade", lost)


SLIPS = [
    ("share", share(table="np.eye(len(x))"), 3, "the total is left out altogether"),
    (
        "share",
        share(table="(np.eye(len(x)) - x[:, None]) / R"),
        3,
        "on the path through the total an R is missing",
    ),
    ("share", share(table="(np.eye(len(x)) - np.outer(y, y)) / R"), 3, "dy_dx is wrong in"),
    (
        "share",
        share(dx="(dout - dout.sum(axis=1, keepdims=True)) / R"),
        2,
        "each output counts with its share y",
    ),
    ("share", share(dx="(dout - (dout * y).sum(axis=0)) / R"), 2, "that adds over the samples"),
    ("share", share(dx="(dout - (dout * y).sum()) / R"), 2, "that adds over the whole batch"),
    ("share", share(dx="(dout - (dout * y).mean(axis=1, keepdims=True)) / R"), 2, "and not averaged"),
    (
        "share",
        share(dx="y * (dout - (dout * y).sum(axis=1, keepdims=True))"),
        2,
        "the backward of the softmax",
    ),
    ("share", share(dx="dout"), 2, "the total is left out altogether"),
    ("shapes", {"shapes": shapes(full="N M 5 3")}, 3, "(N, M, 5, 3) is not the shape"),
    ("shapes", {"shapes": shapes(flat="NM DM")}, 3, "(NM, DM) is not the shape"),
    ("paper", paper(dW="W @ x @ x.T * dq"), 2, "no known cause"),
    ("paper", paper(dx="(W @ x + W.T @ x) * dq + b"), 2, "no known cause"),
    ("flat", flat(rows="np.kron(A, B)"), 2, "dZ_dW_by_rows has shape (21, 10), expected shape (NK, DM)"),
    ("flat", flat(columns="-np.kron(B.T, A)"), 2, "wrong sign"),
    ("mended", mended(dz="np.diag(J)[:, None] * da"), 0, "only the diagonal of J was used"),
]


@pytest.mark.parametrize(("part", "answer", "points", "said"), SLIPS)
def test_a_slip_nobody_had_tried_is_told(mark, part, answer, points, said):
    marked = mark(SLUG, answer)
    assert marked.points[f"{part}-grade"] == points
    assert said in marked.text(f"{part}-grade")


@pytest.mark.parametrize(
    "answer",
    [
        share("np.diag(np.full(len(x), 1 / R)) - np.outer(x, np.ones(len(x))) / R**2"),
        share(dx="np.stack([share_jacobian(row).T @ g for row, g in zip(x, dout)])"),
        flat("np.kron(np.eye(len(A)), B.T) @ np.kron(A, np.eye(len(B)))"),
        flat(
            columns="np.stack([(A @ e.reshape(A.shape[1], -1, order='F') @ B).ravel(order='F')"
            " for e in np.eye(A.shape[1] * len(B))], axis=1)"
        ),
        mended("np.sum(J * da, axis=0)[:, None]", "dz * x.T"),
        mended(dW="(dz.T @ np.kron(np.eye(M), x.T)).reshape(M, D)"),
        paper("x * x.T * dq", "((x.T @ W).T + W @ x + b) @ dq", "sum(dq) * x"),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, answer):
    assert mark(SLUG, answer).points == full(SLUG)

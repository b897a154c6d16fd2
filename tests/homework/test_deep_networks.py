"""The homework on deep networks: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "deep_networks"


def shapes(dS1="N H", dW2="H C", db1="H", memory="a"):
    return f"""def shape_of_dS1():
    return {dS1!r}
def shape_of_dW2():
    return {dW2!r}
def shape_of_db1():
    return {db1!r}
def choice_of_memory():
    return {memory!r}"""


def paper(dA="dZ * G", dB="dZ * A * G * (1 - G)", dX="dA @ U.T + dB @ V.T"):
    return (
        f"def formula_for_dA():\n    return {dA!r}\ndef formula_for_dB():\n    return {dB!r}\n"
        f"def formula_for_dX():\n    return {dX!r}"
    )


def tied(slope="1 - Z[l] ** 2", turns="range(len(Z) - 1, 0, -1)", end="dZ, dW, db"):
    return f"""def tied_backward(dZ, Z, W):
    L, dW, db = len(Z) - 1, np.zeros_like(W), np.zeros(len(W))
    for l in {turns}:
        dS = dZ * ({slope})
        dW = dW + Z[l - 1].T @ dS
        db = db + dS.sum(axis=0)
        dZ = dS @ W.T
    return {end}"""


def mended(slope="1 - Z1**2", db2="dS2.sum(axis=0)"):
    return f"""def mended_backward(dZ2, X, Z1, Z2, W2):
    dS2 = dZ2 * Z2 * (1 - Z2)
    dS1 = (dS2 @ W2.T) * ({slope})
    return X.T @ dS1, dS1.sum(axis=0), Z1.T @ dS2, {db2}"""


def sines(slope="np.cos(S[l - 1])", dW="dS @ Z[l].T + decay * W[l]", N="len(y)", axis=0):
    return f"""def sine_gradients(X, y, W, decay):
    Z, S = [X], []
    for w in W:
        S.append(w @ Z[-1])
        Z.append(np.sin(S[-1]))
    E = np.exp(S[-1])
    dS = E / E.sum(axis={axis}, keepdims=True)
    dS[y, np.arange(len(y))] -= 1
    dS, dW = dS / {N}, []
    for l in range(len(W) - 1, -1, -1):
        dW.insert(0, {dW})
        dZ = W[l].T @ dS
        if l:
            dS = dZ * {slope}
    return [dZ, *dW]"""


OTHERWISE = {
    "shapes": shapes("(N, H)", ("H", "C"), "(H,)", "A."),
    "paper": paper("G * dZ", "dG * (G - G * G)", "(dZ * G) @ U.T + dB @ V.T"),
    "tied-backward": """def tied_backward(dZ, Z, W):
    if len(Z) == 1:
        return dZ, 0 * W, 0 * W[0]
    dS = np.einsum("nd,nd->nd", dZ, 1 - Z[-1] * Z[-1])
    dX, dW, db = tied_backward(np.einsum("nj,ij->ni", dS, W), Z[:-1], W)
    return dX, dW + np.einsum("ni,nj->ij", Z[-2], dS), db + np.ones(len(dS)) @ dS""",
    "mended": mended("(1 - Z1) * (1 + Z1)", "np.einsum('nc->c', dS2)"),
    "sine-gradients": """def sine_gradients(X, y, W, decay):
    N = X.shape[1]
    def down(z, layers):
        s = layers[0] @ z
        if len(layers) == 1:
            P = np.exp(s) / np.exp(s).sum(axis=0)
            ds, rest = (P - (np.arange(len(s))[:, None] == y)) / N, ()
        else:
            dz, *rest = down(np.sin(s), layers[1:])
            ds = dz * np.cos(s)
        return (layers[0].T @ ds, np.einsum("mn,dn->md", ds, z) + decay * layers[0], *rest)
    return down(X, W)""",
}
GRADED = {
    "shapes": "shapes-grade",
    "paper": "paper-grade",
    "tied-backward": "tied-grade",
    "mended": "mended-grade",
    "sine-gradients": "sine-grade",
}
WRONG = [
    ("shapes", shapes(dS1="H N"), 3, ("dS1", "transposed"), "in another order"),
    ("shapes", shapes(db1="N H"), 3, ("db1", "wrong-shape"), "the shape of its variable"),
    ("shapes", shapes(memory="c"), 3, ("memory", "chose:c"), "does N stand in it"),
    ("paper", paper(dA="dZ * B"), 3, ("dA", "told"), "by G, not by B"),
    ("paper", paper(dB="dZ * A"), 3, ("dB", "told"), "goes through the sigmoid first"),
    ("paper", paper(dB="dZ * A * B * (1 - B)"), 3, ("dB", "told"), "takes its output G"),
    ("paper", paper(dX="dA @ U.T"), 2, ("dX", "told"), "the path through B is missing"),
    ("paper", paper(dX="dA @ V.T + dB @ U.T"), 2, ("dX", "told"), "they are exchanged"),
    ("paper", paper(dX="U @ dA"), 2, ("dX", "wrong-shape"), "the shapes do not fit"),
    ("tied-backward", tied(end="dZ, dW / L, db"), 2, ("dW", "told"), "their gradients are added"),
    ("tied-backward", tied(end="dZ, dW.T, db"), 2, ("dW", "transposed"), "transposed"),
    ("tied-backward", tied(end="dZ @ W, dW, db"), 3, ("dX", None), "no known cause"),
    ("mended", mended(db2="dZ2.sum(axis=0)"), 2, ("db2", "told"), "a bias stands inside it"),
    ("mended", mended(db2="dS2"), 2, ("db2", "wrong-shape"), "expected shape (C,) = (2,)"),
]
WRONG_IN_SEVERAL = [
    (
        "tied-backward",
        tied(turns="[L]", end="dZ, dW, db"),
        0,
        ["dX", "dW", "db"],
        "that is the last use alone",
    ),
    ("tied-backward", tied(slope="1"), 0, ["dX", "dW", "db"], "the slope of tanh is missing"),
    (
        "tied-backward",
        tied(slope="1 - np.tanh(Z[l]) ** 2"),
        0,
        ["dX", "dW", "db"],
        "taken at the output",
    ),
    ("tied-backward", tied(slope="1 - Z[l - 1] ** 2"), 0, ["dX", "dW", "db"], "not of the one below"),
    ("mended", mended(slope="Z1 * (1 - Z1)"), 1, ["dW1", "db1"], "the slope of the sigmoid"),
    ("mended", mended("Z1 * (1 - Z1)", "dZ2.sum(axis=0)"), 0, ["dW1", "db1", "db2"], "went past the sigmoid"),
    (
        "sine-gradients",
        sines(slope="np.cos(Z[l])"),
        1,
        ["dX", "dW1", "dW2"],
        "cos(S) is meant, not cos(Z)",
    ),
    (
        "sine-gradients",
        sines(slope="np.sqrt(1 - Z[l] ** 2)"),
        1,
        ["dX", "dW1", "dW2"],
        "loses the sign of the slope",
    ),
    (
        "sine-gradients",
        sines(dW="dS @ Z[l].T"),
        1,
        ["dW1", "dW2", "dW3"],
        "the price of large weights is missing",
    ),
    (
        "sine-gradients",
        sines(dW="dS @ Z[l].T + 2 * decay * W[l]"),
        1,
        ["dW1", "dW2", "dW3"],
        "the half of the price",
    ),
    ("sine-gradients", sines(N="1"), 0, ["dX", "dW1", "dW2", "dW3"], "the 1/N of the mean is missing"),
    ("sine-gradients", sines(axis=1), 0, ["dX", "dW1", "dW2", "dW3"], "no known cause"),
]


@pytest.mark.parametrize(("cell", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, cell, answer, points, cause, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[GRADED[cell]] == points
    assert marked.causes(GRADED[cell]) == [cause]
    assert words in marked.text(GRADED[cell])


@pytest.mark.parametrize(("cell", "answer", "points", "wrong", "words"), WRONG_IN_SEVERAL)
def test_a_mistake_that_spreads_costs_what_it_spoils_and_is_named(mark, cell, answer, points, wrong, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[GRADED[cell]] == points
    assert [param for param, _ in marked.causes(GRADED[cell])] == wrong
    assert words in marked.text(GRADED[cell])


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, OTHERWISE).points == full(SLUG)


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_the_same_marks(mark, seed):
    wrong = {"tied-backward": tied(slope="1"), "sine-gradients": sines(slope="np.sqrt(1 - Z[l] ** 2)")}
    with seeded(seed):
        marked = mark(SLUG, wrong)
    assert (marked.points["tied-grade"], marked.points["sine-grade"]) == (0, 1)
    assert "loses the sign of the slope" in marked.text("sine-grade")


TIED = """def tied_backward(dZ, Z, W):
    dW, db = 0, 0
    for l in range({top}, 0, -1):
        dS = dZ * (1 - Z[l] ** 2)
        dW, db, dZ = dW + Z[{below}].T @ dS, db + dS.sum(axis=0), dS @ W.T
    return dZ, dW, db"""


@pytest.mark.parametrize(
    ("top", "below", "points", "said"),
    [
        ("len(Z) - 1", "l - 1", 4, "tied_backward: correct"),
        ("4", "l - 1", 0, "tied_backward with two layers: your function raised an exception"),
        ("len(Z) - 1", "l", 2, "what comes into its layer"),
    ],
)
def test_one_weight_for_all_layers_is_judged_at_two_depths(mark, top, below, points, said):
    marked = mark(SLUG, {"tied-backward": TIED.format(top=top, below=below)})
    assert marked.points["tied-grade"] == points
    assert said in marked.text("tied-grade")


def test_a_missing_slope_and_a_mean_are_told(mark):
    marked = mark(
        SLUG,
        {
            "mended": "def mended_backward(dZ2, X, Z1, Z2, W2):\n    dS2 = dZ2 * Z2 * (1 - Z2)\n    dS1 = dS2 @ W2.T\n"
            "    return X.T @ dS1, dS1.sum(axis=0), Z1.T @ dS2, dS2.mean(axis=0)"
        },
    )
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("dW1", "told"), ("db1", "told"), ("db2", "told")]


@pytest.mark.parametrize(
    ("cell", "answer", "lost"),
    [
        ("paper", paper(dA="dZ * G * N / 7"), 1),
        ("paper", paper(dB="dZ * A * G * (1 - G) * M / 3"), 1),
        ("paper", paper(dX="(dA @ U.T + dB @ V.T) * D / 5"), 2),
        ("tied-backward", tied(end="dZ * 7 / len(dZ), dW, db"), 1),
        ("tied-backward", tied(end="dZ, dW * 5 / len(W), db"), 2),
        ("tied-backward", tied().replace("dS.sum(axis=0)", "7 * dS.mean(axis=0)"), 1),
        ("tied-backward", tied(end="dZ, dW * 4 / L, db"), 2),
        ("tied-backward", tied(turns="(4, 3, 2, 1)"), 4),
        ("mended", mended(db2="7 * dS2.mean(axis=0)"), 1),
        ("mended", mended("np.ones((7, 3)) - Z1**2"), 3),
        ("sine-gradients", sines(N="7"), 4),
        ("sine-gradients", sines().replace("[dZ, *dW]", "[dZ * 7 / len(y), *dW]"), 1),
        ("sine-gradients", sines().replace("range(len(W) - 1, -1, -1)", "(2, 1, 0)"), 3),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, cell, answer, lost):
    costs(SLUG, {cell: answer}, GRADED[cell], lost)


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("shapes", shapes(dS1="N 3"), 3, "(N, 3) is not the shape"),
        ("shapes", shapes(dS1=(7, 3)), 3, "by their letters, not as numbers"),
        ("paper", paper(dA="dZ * A"), 3, "of a product the other factor comes back"),
        ("paper", paper(dA="dZ * G * (1 - G)"), 3, "A does not go through the sigmoid"),
        ("paper", paper(dB="dZ * A * (1 - G)"), 3, "a factor is missing"),
        ("paper", paper(dB="dZ * Z * (1 - Z)"), 3, "its own output G, not Z"),
        ("paper", paper(dX="(dA + dB) @ (U + V).T"), 2, "and meets no other"),
        ("paper", paper(dX="dA @ U.T - dB @ V.T"), 2, "both paths are added"),
        ("tied-backward", tied("1 - Z[-1] ** 2"), 0, "the last layer's slope everywhere"),
        ("tied-backward", tied("1 - Z[l]"), 0, "the square is missing"),
        ("tied-backward", tied().replace("dS @ W.T", "dS @ W"), 0, "W is not transposed on the way down"),
        ("tied-backward", tied().replace("Z[l - 1].T", "Z[0].T"), 2, "only the first weight meets X"),
        ("tied-backward", tied().replace("dS.sum(axis=0)", "dZ.sum(axis=0)"), 3, "went through the slope"),
        ("tied-backward", tied(end="dS, dW, db"), 3, "one product with the weight is missing"),
        ("mended", mended("1 - np.tanh(Z1) ** 2"), 1, "Z1 is tanh already"),
        ("mended", mended().replace("(dS2 @ W2.T)", "(dZ2 @ W2.T)"), 1, "on its way to the first layer"),
        ("mended", mended().replace("X.T @ dS1", "X.T @ dS1 / len(X)"), 2, "that is a mean over the samples"),
        ("sine-gradients", sines("-np.cos(S[l - 1])"), 1, "the slope of the sine"),
        ("sine-gradients", sines("np.sin(S[l - 1])"), 1, "the sine itself stands"),
        ("sine-gradients", sines("(1 - Z[l] ** 2)"), 1, "that is the slope of tanh"),
        ("sine-gradients", sines(dW="dS @ Z[l].T + decay / 2 * W[l]"), 1, "the price is half as large"),
        ("sine-gradients", sines(dW="dS @ Z[l].T - decay * W[l]"), 1, "the price has the wrong sign"),
        ("sine-gradients", sines(N="len(W[-1])"), 0, "the number of classes stands where N should"),
        ("sine-gradients", sines().replace("-= 1", "-= 0"), 0, "the label was not subtracted"),
        ("sine-gradients", sines(N="-len(y)"), 0, "the part of the data has the wrong sign"),
        ("sine-gradients", sines().replace("[dZ, *dW]", "[dZ + decay * X, *dW]"), 3, "X is no weight"),
    ],
)
def test_a_slip_nobody_had_tried_is_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[GRADED[cell]] == points
    assert said in marked.text(GRADED[cell])


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("shapes", shapes(["N", "H"], "(H C)", ("H",), "(a)")),
        ("paper", paper(dB="dZ * Z * (1 - G)", dX="dZ * G @ U.T + dZ * Z * (1 - G) @ V.T")),
        ("paper", paper(dB="dG * sigmoid(B) * sigmoid(-B)", dX="(U @ dA.T + V @ dB.T).T")),
        (
            "tied-backward",
            "def tied_backward(dZ, Z, W):\n    low, dS = np.concatenate(Z[:-1]), []\n"
            "    for z in Z[:0:-1]:\n        dS.insert(0, dZ / np.cosh(np.arctanh(z)) ** 2)\n"
            "        dZ = dS[0] @ W.T\n    dS = np.concatenate(dS)\n"
            "    return {'b': dS.T @ np.ones(len(dS)), 'W': low.T @ dS, 'X': dZ}",
        ),
        ("mended", mended().replace("X.T @ dS1", "sum(np.outer(x, s) for x, s in zip(X, dS1))")),
        ("sine-gradients", sines("np.sin(S[l - 1] + np.pi / 2)")),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, cell, answer):
    assert mark(SLUG, {cell: answer}).points == full(SLUG)

"""Each step of the diagnosis proves its cause by numbers, or stays silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import check, check_gradient, layers
from handgrad.causes import CAUSES, words_for
from handgrad.diagnose import Claim, diagnose
from handgrad.probe import copy_arguments

RNG = np.random.default_rng(3)
SIZES = {"N": 7, "D": 5, "M": 3}
TRUTH = RNG.normal(size=(7, 5))


def claim(value: Any, **more: Any) -> Claim:
    return Claim(
        "gradient", "dx", np.asarray(value), more.pop("truth", TRUTH), 1e-9, more.pop("sizes", SIZES), **more
    )


def batchnorm_claim(coefficients: dict[str, float], n: int = 7) -> Claim:
    layer = layers.get("batchnorm")
    assert layer.forward is not None
    inputs = layer.sample(np.random.default_rng(0), {"N": n, "D": 3})
    dout = np.random.default_rng(1).standard_normal((n, 3))

    def arguments() -> tuple[Any, ...]:
        return dout.copy(), layer.forward(*copy_arguments(inputs).values())[1]  # type: ignore[misc]

    paths = {name: path(*arguments()) for name, path in layer.paths["dx"].items()}
    value = sum(coefficients.get(name, 1.0) * array for name, array in paths.items())
    return Claim(
        "backward",
        "dx",
        np.asarray(value),
        sum(paths.values()),
        1e-9,
        {"N": n, "D": 3},
        layer,
        arguments,
        dout,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        (-1, "sign"),
        (2, "doubled"),
        (0.5, "halved"),
        (1 / 7, "divided-by-N"),
        (7, "multiplied-by-N"),
        (0, "all-zero"),
        (3, "multiplied-by-M"),
        (1 / 5, "divided-by-D"),
        (0.7, None),
        (1 + 1e-6, None),
    ],
)
def test_a_constant_factor_is_named_only_if_it_has_a_name(factor: float, cause: str | None) -> None:
    found = diagnose(claim(factor * TRUTH))
    assert (found.kind, found.cause) == ("factor", cause)


def test_an_unnamed_factor_is_said_as_a_number() -> None:
    assert "every entry is 0.7 times the right one; no known cause" in diagnose(claim(0.7 * TRUTH)).words


def test_a_size_that_two_axes_share_names_no_factor() -> None:
    assert diagnose(claim(7 * TRUTH, sizes={"N": 7, "D": 7})).cause is None


def test_a_size_of_two_is_not_mistaken_for_a_batch() -> None:
    assert diagnose(claim(2 * TRUTH, sizes={"N": 2, "D": 5})).cause == "doubled"


@pytest.mark.parametrize(
    ("coefficients", "cause"),
    [
        ({"mean": 0.0}, "missing-path:mean"),
        ({"variance": 0.0}, "missing-path:variance"),
        ({"variance": 2.0}, "doubled-path:variance"),
        ({"mean": -1.0}, "sign-of-path:mean"),
        ({"mean": 7.0}, "scaled-path:mean"),
        ({"mean": 1 / 7}, "scaled-path:mean"),
        ({"mean": 0.5}, None),
    ],
)
def test_a_path_is_named_by_its_coefficient(coefficients: dict[str, float], cause: str | None) -> None:
    layer_mistakes_apart = batchnorm_claim(coefficients)
    assert diagnose(layer_mistakes_apart).cause == cause


def test_both_missing_paths_are_told() -> None:
    words = diagnose(batchnorm_claim({"mean": 0.0, "variance": 0.0, "direct": 2.0})).words
    assert "the mean path is missing" in words
    assert "the variance path is missing" in words


def test_fewer_than_five_samples_prove_no_path() -> None:
    found = diagnose(batchnorm_claim({"mean": -1.0, "variance": 2.0}, n=4))
    assert found.cause is None


def test_equal_coefficients_are_a_factor_and_no_path() -> None:
    assert diagnose(batchnorm_claim({"direct": 2.0, "mean": 2.0, "variance": 2.0})).cause == "doubled"


def wrong_at(index: Any) -> Any:
    value = TRUTH.copy()
    value[index] += 0.3
    return value


@pytest.mark.parametrize(
    ("value", "cause", "words"),
    [
        (wrong_at(0), "some-rows", "only some rows are wrong (0)"),
        (wrong_at(slice(4, None)), "some-rows", "(4, 5, 6)"),
        (wrong_at((slice(None), -1)), "some-columns", "only some columns are wrong (4)"),
        (wrong_at((2, 1)), "some-entries", "[2, 1] alone"),
        (wrong_at([0, 3]), None, "25 of 35 entries are right; no known cause fits the others"),
        (wrong_at(([0, 2, 5], [1, 4, 2])), None, "32 of 35 entries are right"),
    ],
)
def test_a_region_is_named_only_if_an_index_or_a_bound_explains_it(
    value: Any, cause: str | None, words: str
) -> None:
    found = diagnose(claim(value))
    assert (found.kind, found.cause) == ("region", cause)
    assert words in found.words


def test_a_region_given_by_a_sign_is_named() -> None:
    x = RNG.normal(size=TRUTH.shape)
    found = diagnose(claim(np.where(x < 0, 0.3, TRUTH), inputs={"x": x}))
    assert (found.cause, "exactly those where x < 0" in found.words) == ("some-entries", True)


def test_the_entries_at_the_labels_are_a_region() -> None:
    y = np.array([0, 1, 2, 3, 4, 0, 1])
    value = TRUTH.copy()
    value[np.arange(7), y] += 1
    assert "exactly those where the column is the label y" in diagnose(claim(value, inputs={"y": y})).words


def test_the_entries_at_the_labels_of_every_step_are_a_region() -> None:
    truth, y = RNG.normal(size=(7, 3, 5)), np.arange(21).reshape(7, 3) % 5
    value = truth + (y[..., None] == np.arange(5))
    found = diagnose(claim(value, truth=truth, inputs={"y": y}))
    assert "exactly those where the column is the label y" in found.words


def test_the_rows_of_a_mask_are_a_region() -> None:
    truth, mask = RNG.normal(size=(7, 3, 5)), np.arange(21).reshape(7, 3) % 4 != 2
    value = np.where(mask[..., None], truth, 0.3)
    found = diagnose(claim(value, truth=truth, inputs={"mask": mask}))
    assert (found.cause, "exactly those where mask is False" in found.words) == ("some-entries", True)


def test_a_square_transpose_is_recognised_by_its_numbers() -> None:
    square = RNG.normal(size=(4, 4))
    assert diagnose(claim(square.T, truth=square, sizes={"N": 4})).cause == "transposed"


def test_the_own_wrong_forward_goes_before_everything() -> None:
    found = diagnose(claim(-TRUTH, own=lambda: (-TRUTH, 1e-9)))
    assert (found.kind, found.cause) == ("own forward", "own-forward")


def test_an_own_forward_with_the_true_gradient_explains_nothing() -> None:
    assert diagnose(claim(-TRUTH, own=lambda: (TRUTH, 1e-9))).cause == "sign"


def test_where_nothing_fits_it_says_so_and_what_to_do() -> None:
    found = diagnose(claim(np.tanh(TRUTH) + 0.1))
    assert found == ("unknown", None, "no known cause fits", found.step)
    assert found.step.startswith("next: take the smallest sizes, one axis of 2 or 3; derive one entry")


@pytest.mark.parametrize(
    ("slug", "sizes"),
    [
        ("batchnorm", "N=3 and one feature"),
        ("softmax", "N=1 and two classes"),
        ("svm", "N=1 and two classes"),
        ("temporal_softmax", "N=1, two steps of which one counts, and two classes"),
    ],
)
def test_the_sizes_to_try_are_those_at_which_the_layer_has_a_gradient(slug: str, sizes: str) -> None:
    found = diagnose(claim(np.tanh(TRUTH) + 0.1, layer=layers.get(slug), sizes={"D": 5}))
    assert found.step.startswith(f"next: take {sizes}; derive one entry with sums and indices")


@pytest.mark.parametrize(
    ("sizes", "least"), [({"N": 1, "D": 1}, 0.0), ({"N": 2, "D": 1}, 1e-3), ({"N": 3, "D": 1}, np.inf)]
)
def test_one_or_two_samples_leave_batchnorm_without_a_gradient(sizes: dict[str, int], least: float) -> None:
    layer = layers.get("batchnorm")
    assert layer.forward is not None
    assert layer.backward is not None
    rng = np.random.default_rng(0)
    cache = layer.forward(*layer.sample(rng, sizes).values())[1]
    size = np.abs(layer.backward(rng.standard_normal((sizes["N"], 1)), cache)[0]).max()
    assert size <= least
    assert (size > 0.01) == (sizes["N"] == 3)


@pytest.mark.parametrize(
    ("upstream", "cause", "step"),
    [
        (
            "dH",
            "looks like the upstream gradient was taken as all ones: dH has no effect on dx",
            "check: the chain rule multiplies the local derivative by dH",
        ),
        (
            "",
            "looks like the upstream gradient was taken as all ones: it has no effect on dx",
            "check: the chain rule multiplies the local derivative by the upstream gradient",
        ),
    ],
)
def test_the_upstream_gradient_goes_by_the_name_that_it_has(upstream: str, cause: str, step: str) -> None:
    wrong = np.cos(TRUTH)
    found = diagnose(claim(wrong, upstream=upstream, slips=lambda: {"ignores-dout": wrong}))
    assert (found.words, found.step) == (cause, step)


@pytest.mark.parametrize(("upstream", "named"), [("dH", "dH < 0"), ("", "the upstream gradient < 0")])
def test_a_region_by_the_sign_of_the_upstream_gradient_names_it(upstream: str, named: str) -> None:
    dout = RNG.normal(size=TRUTH.shape)
    found = diagnose(claim(np.where(dout < 0, 0.3, TRUTH), dout=dout, upstream=upstream))
    assert f"exactly those where {named}" in found.words


def test_a_factor_is_asked_about_in_words_that_fit_any_forward() -> None:
    assert diagnose(claim(0.5 * TRUTH)).step == (
        "check: is one of two equal uses left out, the 2 of a square lost, or a ½ applied twice?"
    )
    assert diagnose(claim(2.0 * TRUTH)).step == (
        "check: is one use counted twice, or does the forward hold a ½ that is forgotten here?"
    )


def test_a_wrong_forward_is_the_next_step_where_nothing_fits() -> None:
    assert "mend the forward first" in diagnose(claim(np.tanh(TRUTH) + 0.1, own=lambda: None)).step


@pytest.mark.parametrize("slug", CAUSES)
def test_the_words_of_every_cause_can_be_filled_in(slug: str) -> None:
    words = words_for(slug, "dw", "N")
    assert "{" not in words.cause + words.step
    assert words.cause or words.step


@pytest.mark.parametrize(
    ("slug", "arg"), [("missing-path:mean", "mean"), ("divided-by-N", "N"), ("multiplied-by-M", "M")]
)
def test_a_slug_with_an_argument_finds_its_row(slug: str, arg: str) -> None:
    assert arg in words_for(slug, "dx").cause


def test_a_mistake_of_a_layer_has_no_row_of_its_own() -> None:
    assert words_for("input-for-output", "dx") == ("", "")


def test_zeros_that_are_right_for_a_forward_without_the_bias_are_told_so_and_earn_nothing():
    def forward(x, w, b):
        return x.reshape(len(x), -1) @ w, (x, w, b)

    def backward(dout, cache):
        x, w, b = cache
        return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, np.zeros_like(b)

    report = check("affine", forward=forward, backward=backward)
    found = next(finding for finding in report.findings if finding.param == "db")
    assert found.cause == "unused-by-own-forward"
    assert "That is right for your own forward, which does not use b; the layer's does" in found.message
    assert report.points({"db": 1}, own_forward=0.5) == 0.0


@pytest.mark.parametrize(
    ("where", "cause", "words"),
    [
        (np.s_[:, 3], "some-slices", "only dx[:, 3] is wrong; the rest is right"),
        (np.s_[:, 1:], "some-slices", "only dx[:, 1:] is wrong; the rest is right"),
        (np.s_[2:], "some-rows", "only dx[2:] is wrong; the rest is right"),
        (np.s_[..., :2], "some-columns", "only dx[..., :2] is wrong; the rest is right"),
        (np.s_[:, 1:3], None, "56 of 112 entries are right; no known cause fits the others"),
    ],
)
def test_a_wrong_part_along_one_of_three_axes_is_told_by_its_index(
    where: Any, cause: str | None, words: str
) -> None:
    x = np.random.default_rng(0).normal(size=(7, 4, 4))
    dx = 2 * x
    dx[where] += 1 + x[where]
    [found] = check_gradient(lambda x: np.sum(x**2), {"x": x}, {"x": dx}).findings
    assert found.cause == cause
    assert words in found.message


@pytest.mark.parametrize(
    ("factor", "cause", "words"),
    [
        (
            1 / 28,
            "divided-by-N-and-T",
            "divided by (N·T) once too often: every entry is 1/(N·T) of the right one",
        ),
        (
            140.0,
            "multiplied-by-N-and-T-and-D",
            "without its 1/(N·T·D): every entry is (N·T·D) times too large",
        ),
        (20.0, "multiplied-by-T-and-D", "without its 1/(T·D)"),
        (12.0, None, "every entry is 12 times the right one; no known cause for that factor"),
    ],
)
def test_a_mean_over_several_axes_too_many_or_too_few_is_named(
    factor: float, cause: str | None, words: str
) -> None:
    x = np.random.default_rng(0).normal(size=(7, 4, 5))
    report = check_gradient(lambda x: np.sum(x**2), {"x": x}, {"x": 2 * x * factor}, shapes="x: N T D")
    assert report.findings[0].cause == cause
    assert words in str(report)


def test_a_factor_that_two_products_of_sizes_make_is_not_named() -> None:
    x = np.random.default_rng(0).normal(size=(3, 8, 4, 6))
    report = check_gradient(lambda x: np.sum(x**2), {"x": x}, {"x": 2 * x * 24}, shapes="x: N C H W")
    assert report.findings[0].cause is None

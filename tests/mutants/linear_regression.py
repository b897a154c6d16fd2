"""Wrong and right answers for linear regression: loss = sum((X theta - y)^2) / (2 N)."""

# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import numpy as np

from .model import Correct, Mutant

L = "linear_regression"


def right(theta, X, y):
    N = X.shape[0]
    error = X @ theta - y
    return np.sum(error**2) / (2 * N), X.T @ error / N


def half_forgotten_in_loss(theta, X, y):
    _, dtheta = right(theta, X, y)
    return np.mean((X @ theta - y) ** 2), dtheta


def half_forgotten_in_gradient(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, 2 / len(X) * X.T @ (X @ theta - y)


def mean_squared_error_both(theta, X, y):
    error = X @ theta - y
    return np.mean(error**2), 2 * X.T @ error / len(X)


def not_averaged(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (X @ theta - y)


def two_m_kept(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (X @ theta - y) / (2 * len(X))


def sign(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (y - X @ theta) / len(X)


def without_target(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (X @ theta) / len(X)


def without_prediction(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, -X.T @ y / len(X)


def target_plus(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (X @ theta + y) / len(X)


def mean_of_features(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.mean(axis=0).reshape(-1, 1) * np.mean(X @ theta - y)


def error_only(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, np.full(theta.shape, np.mean(X @ theta - y))


def row_vector(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, (X @ theta - y).T @ X / len(X)


def flat(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, dtheta.ravel()


def unsummed(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, (X @ theta - y) * X / len(X)


def broadcast_target(theta, X, y):
    error = X @ theta - y.ravel()
    N = len(X)
    return np.sum(error**2) / (2 * N), X.T @ error.sum(axis=1, keepdims=True) / N


def loss_matrix(theta, X, y):
    error = X @ theta - y
    _, dtheta = right(theta, X, y)
    return error.T @ error / (2 * len(X)), dtheta


def loss_summed(theta, X, y):
    _, dtheta = right(theta, X, y)
    return 0.5 * np.sum((X @ theta - y) ** 2), dtheta


def absolute_error(theta, X, y):
    error = X @ theta - y
    return np.mean(np.abs(error)), X.T @ np.sign(error) / len(X)


def ridge(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, dtheta + 0.1 * theta


def ridge_both(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss + 0.05 * np.sum(theta**2), dtheta + 0.1 * theta


def divided_by_d(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X.T @ (X @ theta - y) / X.shape[1]


def averaged_twice(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, dtheta / len(X)


def one_sample_short(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X[:-1].T @ (X[:-1] @ theta - y[:-1]) / len(X)


def intercept_skipped(theta, X, y):
    loss, dtheta = right(theta, X, y)
    dtheta[0] = 0
    return loss, dtheta


def normal_equation(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, np.linalg.pinv(X) @ y


def zeros(theta, X, y):
    loss, _ = right(theta, X, y)
    dtheta = np.zeros_like(theta)
    return loss, dtheta


def element_wise(theta, X, y):
    loss, _ = right(theta, X, y)
    return loss, X * (X @ theta - y) @ np.ones((len(theta) + 1, 1))


def stub(theta, X, y):
    loss, dtheta = None, None
    return loss, dtheta


def updates(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, theta - 0.01 * dtheta


def swapped(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return dtheta, loss


def with_prediction(theta, X, y):
    return (*right(theta, X, y), X @ theta)


def infinite(theta, X, y):
    loss, dtheta = right(theta, X, y)
    with np.errstate(all="ignore"):
        dtheta[-1] /= np.zeros(1)
    return loss, dtheta


def lists(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, dtheta.tolist()


def M(name, says, cause, params, f, **more):
    return Mutant(name, L, says, cause, params, loss=f, **more)


GRAD, LOSS, BOTH = ("dtheta",), ("loss",), ("loss", "dtheta")

MUTANTS = (
    M("loss-half-forgotten", "mean of squares for half of it", "doubled", LOSS, half_forgotten_in_loss),
    M("dtheta-half-forgotten", "2/N for 1/N", "doubled", GRAD, half_forgotten_in_gradient),
    M("mean-squared-both", "no half in loss or gradient", "own-forward", LOSS, mean_squared_error_both,
      also=("doubled",)),
    M("not-averaged", "no 1/N", "multiplied-by-N", GRAD, not_averaged),
    M("two-m-kept", "1/(2N) kept in the gradient", "halved", GRAD, two_m_kept),
    M("sign", "y minus prediction", "sign", GRAD, sign),
    M("without-target", "X.T @ X @ theta", "prediction-without-target", GRAD, without_target),
    M("without-prediction", "-X.T @ y", "target-without-prediction", GRAD, without_prediction),
    M("target-plus", "prediction plus target", None, GRAD, target_plus),
    M("mean-of-features", "means multiplied, not the mean of products", "mean-of-features", GRAD,
      mean_of_features),
    M("error-only", "X forgotten", None, GRAD, error_only),
    M("row-vector", "dtheta of shape (1, D)", "transposed", GRAD, row_vector),
    M("flat", "dtheta of shape (D,)", "flattened", GRAD, flat, also=("wrong-shape",)),
    M("unsummed", "one gradient a sample", "unsummed-broadcast", GRAD, unsummed, also=("wrong-shape",)),
    M("broadcast-target", "(N, 1) minus (N,) makes (N, N)", "residual-broadcast", BOTH,
      broadcast_target, also=("own-forward",)),
    M("loss-matrix", "loss of shape (1, 1)", "kept-axis", LOSS, loss_matrix),
    M("loss-summed", "loss without 1/N", "loss-not-averaged", LOSS, loss_summed, also=("multiplied-by-N",)),
    M("absolute-error-both", "absolute for squared error", "own-forward", LOSS, absolute_error),
    M("ridge", "a stray penalty in the gradient", None, GRAD, ridge),
    M("ridge-both", "a penalty in both", "own-forward", LOSS, ridge_both),
    M("divided-by-d", "D for N", None, GRAD, divided_by_d),
    M("averaged-twice", "1/N twice", "divided-by-N", GRAD, averaged_twice),
    M("one-sample-short", "last sample dropped", None, GRAD, one_sample_short),
    M("intercept-skipped", "first entry left at 0", "some-rows", GRAD, intercept_skipped,
      also=("some-entries",)),
    M("normal-equation", "returned the optimal theta", None, GRAD, normal_equation),
    M("zeros", "dtheta stays zeros", "all-zero", GRAD, zeros),
    M("element-wise", "a product that does not fit", "raised", BOTH, element_wise),
    M("stub", "the untouched stub", "not-attempted", BOTH, stub),
    M("updates", "returned the updated theta", None, GRAD, updates),
    M("swapped", "returned dtheta, loss", "permuted", BOTH, swapped),
    M("with-prediction", "returned the prediction as well", "arity", BOTH, with_prediction),
    M("infinite", "divided by zero", "not-finite", GRAD, infinite),
    M("lists", "a list of lists", "not-an-array", GRAD, lists),
)  # fmt: skip


def c_loops(theta, X, y):
    N, D = X.shape
    loss, dtheta = 0.0, np.zeros((D, 1))
    for i in range(N):
        prediction = sum(X[i, j] * theta[j, 0] for j in range(D))
        loss += (prediction - y[i, 0]) ** 2
        for j in range(D):
            dtheta[j, 0] += (prediction - y[i, 0]) * X[i, j]
    return loss / (2 * N), dtheta / N


def c_expanded(theta, X, y):
    N = X.shape[0]
    gram, moment = X.T @ X, X.T @ y
    loss = (theta.T @ gram @ theta - 2 * theta.T @ moment + y.T @ y) / (2 * N)
    return loss.item(), (gram @ theta - moment) / N


def c_norm(theta, X, y):
    r = np.ravel(X.dot(theta)) - np.ravel(y)
    return np.linalg.norm(r) ** 2 / r.size / 2, np.einsum("nd,n->d", X, r)[:, None] / r.size


def c_row(theta, X, y):
    error = np.dot(X, theta) - y
    return np.squeeze(error.T @ error) / 2 / len(X), np.average(error * X, axis=0).reshape(theta.shape)


def c_float32(theta, X, y):
    loss, dtheta = right(theta, X, y)
    return loss, np.float32(dtheta)


def C(name, says, f, **more):
    return Correct(name, L, says, loss=f, **more)


CORRECT = (
    C("plain", "X.T @ error / N", right),
    C("loops", "loops", c_loops),
    C("expanded", "the square multiplied out, loss by item()", c_expanded),
    C("norm", "1-D residual and norm", c_norm),
    C("row", "np.average of rows, a squeezed loss", c_row),
    C("float32", "gradient in float32", c_float32, warnings=("float32",)),
)  # fmt: skip

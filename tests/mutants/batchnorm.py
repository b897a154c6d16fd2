"""Wrong and right answers for batch normalisation over rows, CS231n's signature."""

# ruff: noqa: RUF059, UP031
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import numpy as np

from .model import Correct, Mutant

L = "batchnorm"


def settings(x, bn_param):
    D = x.shape[1]
    return (
        bn_param["mode"],
        bn_param.get("eps", 1e-5),
        bn_param.get("momentum", 0.9),
        bn_param.get("running_mean", np.zeros(D, dtype=x.dtype)),
        bn_param.get("running_var", np.zeros(D, dtype=x.dtype)),
    )


def forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    cache = None
    if mode == "train":
        mu = x.mean(axis=0)
        var = np.mean((x - mu) ** 2, axis=0)
        std = np.sqrt(var + eps)
        xhat = (x - mu) / std
        out = gamma * xhat + beta
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (x, xhat, mu, var, std, gamma, eps)
    elif mode == "test":
        out = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta
    else:
        raise ValueError('Invalid forward batchnorm mode "%s"' % mode)
    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def gradients(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * std)
    return dx, dgamma, dbeta


# --- wrong forwards: each hands the right cache of its own arithmetic on -------------------------------


def finish(bn_param, running_mean, running_var):
    bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var


def f_unbiased(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu, var = x.mean(axis=0), x.var(axis=0, ddof=1)
    std = np.sqrt(var + eps)
    xhat = (x - mu) / std
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    return gamma * xhat + beta, (x, xhat, mu, var, std, gamma, eps)


def b_unbiased(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N = len(x)
    dxhat = gamma * dout
    dvar = np.sum(dxhat * (x - mu), axis=0) * -0.5 * std**-3
    dx = dxhat / std - np.mean(dxhat / std, axis=0) + dvar * 2 * (x - mu) / (N - 1)
    return dx, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def f_eps_missing(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu, var = x.mean(axis=0), x.var(axis=0)
    std = np.sqrt(var)
    xhat = (x - mu) / std
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    return gamma * xhat + beta, (x, xhat, mu, var, std, gamma, 0.0)


def f_eps_outside(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu, var = x.mean(axis=0), x.var(axis=0)
    std = np.sqrt(var) + eps
    xhat = (x - mu) / std
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    return gamma * xhat + beta, (x, xhat, mu, var, std, gamma, eps)


def b_eps_outside(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N = len(x)
    dxhat = gamma * dout
    dstd = -np.sum(dxhat * (x - mu), axis=0) / std**2
    dvar = dstd * 0.5 / np.sqrt(var)
    dxmu = dxhat / std + 2 * (x - mu) * dvar / N
    return dxmu - dxmu.mean(axis=0), np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)


def f_eps_hard_coded(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "test":
        return out, cache
    x, _, mu, var, _, gamma, _ = cache
    std = np.sqrt(var + 1e-8)
    xhat = (x - mu) / std
    return gamma * xhat + beta, (x, xhat, mu, var, std, gamma, 1e-8)


def f_variance_for_root(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "test":
        return out, cache
    x, _, mu, var, _, gamma, eps = cache
    return gamma * (x - mu) / (var + eps) + beta, cache


def f_no_gamma(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "train":
        out = cache[1] + beta
    return out, cache


def f_no_beta(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "train":
        out = gamma * cache[1]
    return out, cache


def f_momentum_swapped(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "train":
        mu, var = cache[2], cache[3]
        finish(bn_param, (1 - momentum) * rm + momentum * mu, (1 - momentum) * rv + momentum * var)
    return out, cache


def f_momentum_hard_coded(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "train":
        finish(bn_param, 0.5 * rm + 0.5 * cache[2], 0.5 * rv + 0.5 * cache[3])
    return out, cache


def f_not_stored(x, gamma, beta, bn_param):
    return forward(x, gamma, beta, dict(bn_param))


def f_running_var_not_stored(x, gamma, beta, bn_param):
    rv = bn_param.get("running_var", np.zeros(x.shape[1]))
    out, cache = forward(x, gamma, beta, bn_param)
    bn_param["running_var"] = rv
    return out, cache


def f_running_std(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "train":
        bn_param["running_var"] = momentum * rv + (1 - momentum) * cache[4]
    return out, cache


def f_running_overwritten(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "train":
        finish(bn_param, cache[2], cache[3])
    return out, cache


def f_test_uses_batch(x, gamma, beta, bn_param):
    eps = bn_param.get("eps", 1e-5)
    if bn_param["mode"] == "test":
        return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) + beta, None
    return forward(x, gamma, beta, bn_param)


def f_test_updates(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "test":
        finish(
            bn_param, momentum * rm + (1 - momentum) * x.mean(0), momentum * rv + (1 - momentum) * x.var(0)
        )
    return out, cache


def f_test_without_eps(x, gamma, beta, bn_param):
    if bn_param["mode"] == "test":
        return gamma * (x - bn_param["running_mean"]) / np.sqrt(bn_param["running_var"]) + beta, None
    return forward(x, gamma, beta, bn_param)


def f_test_variance_for_root(x, gamma, beta, bn_param):
    if bn_param["mode"] == "test":
        scale = bn_param["running_var"] + bn_param.get("eps", 1e-5)
        return gamma * (x - bn_param["running_mean"]) / scale + beta, None
    return forward(x, gamma, beta, bn_param)


def f_test_not_done(x, gamma, beta, bn_param):
    out, cache = None, None
    if bn_param["mode"] == "train":
        out, cache = forward(x, gamma, beta, bn_param)
    elif bn_param["mode"] == "test":
        pass
    return out, cache


def f_axis_1(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "train":
        eps = bn_param.get("eps", 1e-5)
        out = gamma * (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + eps) + beta
    return out, cache


def f_bare_mean(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    if bn_param["mode"] == "train":
        out = gamma * (x - np.mean(x)) / np.sqrt(np.var(x) + bn_param.get("eps", 1e-5)) + beta
    return out, cache


def f_mode_key_error(x, gamma, beta, bn_param):
    return forward(x, gamma, beta, {"mode": bn_param["training_mode"]})


# --- wrong backwards ------------------------------------------------------------------------------------


def b_direct_only(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    dx = gamma * dout / std
    return dx, dgamma, dbeta


def b_mean_path_missing(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + eps) ** -1.5, axis=0)
    dx = dxhat / std + dvar * 2 * (x - mu) / N
    return dx, dgamma, dbeta


def b_variance_path_missing(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    dxhat = dout * gamma
    dmu = np.sum(-dxhat / std, axis=0)
    dx = dxhat / std + dmu / x.shape[0]
    return dx, dgamma, dbeta


def b_direct_path_missing(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dx = -(dxhat.sum(axis=0) + xhat * np.sum(dxhat * xhat, axis=0)) / (N * std)
    return dx, dgamma, dbeta


def b_mean_path_twice(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    dx, dgamma, dbeta = gradients(dout, cache)
    dx += np.sum(-dout * gamma / std, axis=0) / len(x)
    return dx, dgamma, dbeta


def b_variance_half_forgotten(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dstd = -np.sum(dxhat * (x - mu), axis=0) / std**2
    dvar = dstd / std
    dxmu = dxhat / std + 2 * (x - mu) * dvar / N
    dx = dxmu - np.mean(dxmu, axis=0)
    return dx, dgamma, dbeta


def b_square_two_forgotten(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dvar = -0.5 * np.sum(dxhat * (x - mu), axis=0) / std**3
    dxmu = dxhat / std + (x - mu) * dvar / N
    return dxmu - dxmu.mean(axis=0), dgamma, dbeta


def b_mean_path_sign(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dx = (N * dxhat + dxhat.sum(axis=0) - xhat * np.sum(dxhat * xhat, axis=0)) / (N * std)
    return dx, dgamma, dbeta


def b_mean_not_averaged(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    dxhat = dout * gamma
    dx = (dxhat - dxhat.sum(axis=0) - xhat * np.mean(dxhat * xhat, axis=0)) / std
    return dx, dgamma, dbeta


def b_no_gamma(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dx = (N * dout - dout.sum(axis=0) - xhat * (dout * xhat).sum(axis=0)) / (N * std)
    return dx, dgamma, dbeta


def b_gamma_twice(dout, cache):
    gamma = cache[5]
    dx, dgamma, dbeta = gradients(dout, cache)
    return gamma * dx, dgamma, dbeta


def b_no_root(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    dx, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * (var + eps))
    return dx, dgamma, dbeta


def b_one_over_n_missing(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = x.shape[0]
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / std
    return dx, dgamma, dbeta


def b_batch_of_32(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    dxhat = dout * gamma
    dx = (dxhat - dxhat.sum(axis=0) / 32 - xhat * (dxhat * xhat).sum(axis=0) / 32) / std
    return dx, dgamma, dbeta


def b_n_is_d(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    _, N = dout.shape
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (N * std)
    return dx, dgamma, dbeta


def b_eps_missing(dout, cache):
    x, _, mu, var, _, gamma, _ = cache
    std = np.sqrt(var)
    dx, _, _ = gradients(dout, (x, (x - mu) / std, mu, var, std, gamma, 0))
    _, dgamma, dbeta = gradients(dout, cache)
    return dx, dgamma, dbeta


def b_eps_in_one_place(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    _, dgamma, dbeta = gradients(dout, cache)
    N = len(x)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu), axis=0) * -0.5 * var**-1.5
    dmu = -np.sum(dxhat, axis=0) / std
    return dxhat / std + dvar * 2 * (x - mu) / N + dmu / N, dgamma, dbeta


def b_dgamma_uses_x(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, np.sum(dout * cache[0], axis=0), dbeta


def b_dgamma_uses_centred_x(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, np.sum(dout * (cache[0] - cache[2]), axis=0), dbeta


def b_dgamma_unsummed(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, dout * cache[1], dbeta


def b_dbeta_unsummed(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout


def b_dbeta_bare_sum(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout.sum()


def b_squeezed(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dgamma, np.squeeze(dbeta)


def b_keepdims(dout, cache):
    dx, _, _ = gradients(dout, cache)
    return dx, np.sum(dout * cache[1], axis=0, keepdims=True), np.sum(dout, axis=0, keepdims=True)


def b_averaged(dout, cache):
    dx, _, _ = gradients(dout, cache)
    return dx, np.mean(dout * cache[1], axis=0), np.mean(dout, axis=0)


def b_swapped(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dbeta, dgamma


def b_order_of_signature(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dgamma, dbeta, dx


def b_dx_transposed(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx.T, dgamma, dbeta


def b_dx_summed(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    x, xhat, mu, var, std, gamma, eps = cache
    return np.sum(gamma * dout / std, axis=0), dgamma, dbeta


def b_ones(dout, cache):
    return gradients(np.ones_like(dout), cache)


def b_dbeta_ignores(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, np.ones_like(dout).sum(axis=0)


def b_softmax_habit(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx / len(dout), dgamma, dbeta


def b_negative(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, -dgamma, dbeta


def b_dgamma_doubled(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dgamma += np.sum(dout * cache[1], axis=0)
    return dx, dgamma, dbeta


def b_first_row(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dx[0] = dout[0]
    return dx, dgamma, dbeta


def b_last_feature(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dx[:, -1] = 0
    return dx, dgamma, dbeta


def b_dx_none(dout, cache):
    _, dgamma, dbeta = gradients(dout, cache)
    dx = None
    return dx, dgamma, dbeta


def b_stub(dout, cache):
    dx, dgamma, dbeta = None, None, None
    return dx, dgamma, dbeta


def b_unpacks_wrongly(dout, cache):
    x, mu, var, gamma = cache
    return gamma * dout / np.sqrt(var), np.sum(dout * (x - mu), axis=0), dout.sum(axis=0)


def b_two(dout, cache):
    return gradients(dout, cache)[:2]


def b_integers(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dgamma, np.round(dbeta).astype(np.int64)


def b_log_of_negative(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    with np.errstate(all="ignore"):
        return dx, np.exp(np.log(dgamma - np.abs(dgamma).max() - 1)), dbeta


def b_noise(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx * (1 + 1e-6 * np.cos(np.arange(dx.size))).reshape(dx.shape), dgamma, dbeta


def b_shuffled(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx[::-1].copy(), dgamma, dbeta


def b_weight_decay(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dgamma + 0.05 * cache[5], dbeta


def b_overwrites_xhat(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    dx, _, dbeta = gradients(dout, cache)
    xhat *= dout
    return dx, xhat.sum(axis=0), dbeta


def f_list_cache(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out, cache and list(cache)


def b_scales_std(dout, cache):
    answer = gradients(dout, tuple(cache))
    cache[4] = cache[4] * len(dout)
    return answer


def M(name, says, cause, params, f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT, DX, DGAMMA, DBETA = ("out",), ("dx",), ("dgamma",), ("dbeta",)
ALL = ("dx", "dgamma", "dbeta")

MUTANTS = (
    M("forward-unbiased", "divides the variance by N - 1", "unbiased-variance", OUT, f_unbiased,
      also=("running-variance-unbiased",)),
    M("forward-eps-missing", "root of the variance alone", "eps-missing", OUT, f_eps_missing),
    M("forward-eps-outside", "eps added to the root", "eps-outside-root", OUT, f_eps_outside),
    M("forward-eps-hard-coded", "1e-8, whatever bn_param says", None, OUT, f_eps_hard_coded),
    M("forward-variance-for-root", "divides by the variance", "missing-root", OUT, f_variance_for_root),
    M("forward-no-gamma", "forgot gamma", "missing-gamma", OUT, f_no_gamma),
    M("forward-no-beta", "forgot beta", "missing-beta", OUT, f_no_beta),
    M("forward-momentum-swapped", "momentum weighs the new sample", "running-average-swapped", OUT,
      f_momentum_swapped),
    M("forward-momentum-hard-coded", "momentum of 0.5, whatever bn_param says", None, OUT,
      f_momentum_hard_coded),
    M("forward-running-not-stored", "never writes back to bn_param", "not-updated", OUT, f_not_stored),
    M("forward-running-var-not-stored", "writes the mean back, not the variance", "not-updated", OUT,
      f_running_var_not_stored),
    M("forward-running-std", "averages the deviation for the variance", "running-variance-std", OUT,
      f_running_std),
    M("forward-running-overwritten", "stores the sample's mean and variance", None, OUT,
      f_running_overwritten),
    M("forward-test-uses-batch", "test mode with the batch's statistics", "test-mode-uses-batch", OUT,
      f_test_uses_batch, shows="test mode"),
    M("forward-test-updates", "test mode updates the running averages", "updated-in-test-mode", OUT,
      f_test_updates, shows="test mode"),
    M("forward-test-without-eps", "no eps in test mode", "eps-missing", OUT, f_test_without_eps,
      shows="test mode"),
    M("forward-test-variance-for-root", "no root in test mode", "missing-root", OUT, f_test_variance_for_root,
      shows="test mode"),
    M("forward-test-not-done", "the test branch is a pass", "not-attempted", OUT, f_test_not_done,
      shows="test mode"),
    M("forward-axis-1", "normalises each row: layer norm", "normalised-over-features", OUT, f_axis_1),
    M("forward-bare-mean", "mean and variance over everything", None, OUT, f_bare_mean),
    M("forward-key-error", "a wrong key of bn_param", "raised", OUT, f_mode_key_error),
    M("unbiased-both-ways", "N - 1 in forward and backward", "own-forward", OUT, f_unbiased, b_unbiased,
      also=("unbiased-variance",)),
    M("eps-outside-both-ways", "eps outside the root in both", "own-forward", OUT, f_eps_outside,
      b_eps_outside, also=("eps-outside-root",)),
    M("eps-missing-both-ways", "no eps in either", "own-forward", OUT, f_eps_missing, gradients,
      also=("eps-missing",)),
    M("dx-direct-only", "element-wise: mean and variance paths both missing", "missing-path:mean", DX,
      g=b_direct_only, also=("missing-path:variance", "statistics-as-constants")),
    M("dx-mean-path-missing", "forgot that the mean depends on x", "missing-path:mean", DX,
      g=b_mean_path_missing),
    M("dx-variance-path-missing", "forgot that the variance depends on x", "missing-path:variance", DX,
      g=b_variance_path_missing),
    M("dx-direct-path-missing", "added the two statistics' paths only", "missing-path:direct", DX,
      g=b_direct_path_missing),
    M("dx-mean-path-twice", "counted the mean's path twice", "doubled-path:mean", DX, g=b_mean_path_twice),
    M("dx-half-forgotten", "the root's derivative without its half", "doubled-path:variance", DX,
      g=b_variance_half_forgotten),
    M("dx-square-two-forgotten", "the square's derivative without its 2", None, DX, g=b_square_two_forgotten),
    M("dx-mean-path-sign", "plus for minus on the mean's path", "sign-of-path:mean", DX,
      g=b_mean_path_sign),
    M("dx-mean-not-averaged", "sum for mean on the mean's path", "scaled-path:mean", DX,
      g=b_mean_not_averaged),
    M("dx-no-gamma", "forgot gamma", "missing-gamma", DX, g=b_no_gamma),
    M("dx-gamma-twice", "multiplied by gamma twice", None, DX, g=b_gamma_twice),
    M("dx-no-root", "divided by the variance", "missing-root", DX, g=b_no_root),
    M("dx-times-n", "the closed form without its 1/N", "multiplied-by-N", DX, g=b_one_over_n_missing),
    M("dx-batch-of-32", "N hard-coded to 32", None, DX, g=b_batch_of_32),
    M("dx-n-is-d", "took N from the wrong axis", None, DX, g=b_n_is_d),
    M("dx-eps-missing", "no eps in the backward", "eps-missing", DX, g=b_eps_missing),
    M("dx-eps-in-one-place", "eps left out of one factor", None, DX, g=b_eps_in_one_place,
      also=("eps-missing",)),
    M("dgamma-uses-x", "x for x-hat", "dgamma-uses-x", DGAMMA, g=b_dgamma_uses_x),
    M("dgamma-uses-centred-x", "x minus mean for x-hat", "dgamma-uses-x", DGAMMA,
      g=b_dgamma_uses_centred_x),
    M("dgamma-unsummed", "dgamma of shape (N, D)", "unsummed-broadcast", DGAMMA, g=b_dgamma_unsummed),
    M("dbeta-unsummed", "dbeta is dout", "unsummed-broadcast", DBETA, g=b_dbeta_unsummed),
    M("dbeta-bare-sum", "sum without an axis", "summed-too-much", DBETA, g=b_dbeta_bare_sum),
    M("dbeta-squeezed", "squeezed: no axis is left where D = 1", "flattened", DBETA, g=b_squeezed,
      shows="D = 1", also=("wrong-shape",)),
    M("keepdims", "kept the summed axis", "kept-axis", ("dgamma", "dbeta"), g=b_keepdims),
    M("averaged", "mean for sum", "divided-by-N", ("dgamma", "dbeta"), g=b_averaged),
    M("gamma-beta-swapped", "returned dx, dbeta, dgamma", "permuted", ("dgamma", "dbeta"), g=b_swapped),
    M("dx-last", "returned dgamma, dbeta, dx", "permuted", ALL, g=b_order_of_signature),
    M("dx-transposed", "dx of shape (D, N)", "transposed", DX, g=b_dx_transposed),
    M("dx-summed", "dx summed over the batch", "summed-too-much", DX, g=b_dx_summed),
    M("ones-for-dout", "replaced dout with ones: dx and dgamma vanish up to rounding", "ignores-dout", ALL,
      g=b_ones, also=("all-zero",)),
    M("dbeta-ignores-dout", "dbeta is N", "ignores-dout", DBETA, g=b_dbeta_ignores),
    M("dx-averaged", "dx divided by N once more", "divided-by-N", DX, g=b_softmax_habit),
    M("dgamma-sign", "minus dgamma", "sign", DGAMMA, g=b_negative),
    M("dgamma-doubled", "added twice", "doubled", DGAMMA, g=b_dgamma_doubled),
    M("dx-first-row", "first sample passed through", "some-rows", DX, g=b_first_row),
    M("dx-last-feature", "last feature never filled", "some-columns", DX, g=b_last_feature),
    M("dx-none", "dx still None", "not-attempted", DX, g=b_dx_none),
    M("backward-stub", "the untouched stub", "not-attempted", ALL, g=b_stub),
    M("unpacks-wrongly", "unpacks four of seven", "raised", ALL, g=b_unpacks_wrongly),
    M("two-values", "dbeta forgotten", "arity", ALL, g=b_two),
    M("dbeta-integers", "rounded to integers", "wrong-dtype", DBETA, g=b_integers),
    M("dgamma-nan", "the log of a negative number", "not-finite", DGAMMA, g=b_log_of_negative),
    M("dx-noise", "relative error of 1e-6", None, DX, g=b_noise),
    M("dx-reversed", "rows in reverse", None, DX, g=b_shuffled),
    M("dgamma-weight-decay", "a stray penalty on gamma", None, DGAMMA, g=b_weight_decay),
    M("overwrites-xhat", "multiplies the cached x-hat by dout", "second-call-differs", ("dx", "dgamma"),
      g=b_overwrites_xhat),
    M("scales-cached-std", "replaces an entry of the cache list", "second-call-differs", DX, f_list_cache,
      b_scales_std),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_staged_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    gammax = gamma * xhat
    out = gammax + beta
    bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mu
    bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var, eps, sq, gammax, mu, N, D)


def c_staged_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps, sq, gammax, mu, N, D = cache
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / sqrtvar**2 * divar
    dvar = 0.5 * 1.0 / np.sqrt(var + eps) * dsqrtvar
    dsq = 1.0 / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1.0 / N * np.ones((N, D)) * dmu
    return dx1 + dx2, dgamma, dbeta


def c_closed_backward(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    dgamma = np.einsum("nd,nd->d", dout, xhat)
    dx = gamma / std * (dout - dout.mean(axis=0) - xhat * dgamma / len(x))
    return dx, dgamma, np.einsum("nd->d", dout)


def c_alt_backward(dout, cache):
    x, _, mu, var, _, gamma, eps = cache
    N = x.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum((x - mu) * (var + eps) ** (-1.0 / 2.0) * dout, axis=0)
    dx = (
        (1.0 / N)
        * gamma
        * (var + eps) ** (-1.0 / 2.0)
        * (
            N * dout
            - np.sum(dout, axis=0)
            - (x - mu) * (var + eps) ** (-1.0) * np.sum(dout * (x - mu), axis=0)
        )
    )
    return dx, dgamma, dbeta


def c_jacobian_backward(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N, D = x.shape
    dx = np.empty((N, D))
    for j in range(D):
        jacobian = (np.eye(N) - np.full((N, N), 1 / N) - np.outer(xhat[:, j], xhat[:, j]) / N) / std[j]
        dx[:, j] = jacobian.T @ (dout[:, j] * gamma[j])
    return dx, np.array([dout[:, j] @ xhat[:, j] for j in range(D)]), np.ones(N) @ dout


def c_paper_backward(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    m = x.shape[0]
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * (-0.5) * np.power(var + eps, -1.5), axis=0)
    dmu = np.sum(dxhat * (-1 / std), axis=0) + dvar * np.sum(-2 * (x - mu), axis=0) / m
    dx = dxhat * (1 / std) + dvar * 2 * (x - mu) / m + dmu / m
    return dx, (dout * xhat).sum(0), dout.sum(0)


def c_loops_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    if mode != "train":
        return forward(x, gamma, beta, bn_param)
    N, D = x.shape
    mu, var = [0.0] * D, [0.0] * D
    out, xhat = np.zeros((N, D)), np.zeros((N, D))
    for j in range(D):
        mu[j] = sum(x[i, j] for i in range(N)) / N
        var[j] = sum((x[i, j] - mu[j]) ** 2 for i in range(N)) / N
        for i in range(N):
            xhat[i, j] = (x[i, j] - mu[j]) / (var[j] + eps) ** 0.5
            out[i, j] = gamma[j] * xhat[i, j] + beta[j]
    bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * np.array(mu)
    bn_param["running_var"] = momentum * running_var + (1 - momentum) * np.array(var)
    return out, {"xhat": xhat, "gamma": gamma, "std": [(v + eps) ** 0.5 for v in var]}


def c_loops_backward(dout, cache):
    xhat, gamma, std = cache["xhat"], cache["gamma"], cache["std"]
    N, D = dout.shape
    dx, dgamma, dbeta = np.zeros((N, D)), np.zeros(D), np.zeros(D)
    for j in range(D):
        for i in range(N):
            dgamma[j] += dout[i, j] * xhat[i, j]
            dbeta[j] += dout[i, j]
        for i in range(N):
            dx[i, j] = gamma[j] * (N * dout[i, j] - dbeta[j] - xhat[i, j] * dgamma[j]) / (N * std[j])
    return dx, dgamma, dbeta


Saved = namedtuple("Saved", ["x_hat", "gamma", "inverse_std"])


def c_namedtuple_forward(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out, None if cache is None else Saved(cache[1], gamma, 1 / cache[4])


def c_namedtuple_backward(dout, cache):
    centre = lambda a: a - a.mean(axis=0)  # noqa: E731
    dgamma = (dout * cache.x_hat).sum(axis=0)
    dx = cache.gamma * cache.inverse_std * (centre(dout) - cache.x_hat * (dout * cache.x_hat).mean(axis=0))
    return dx, dgamma, dout.sum(axis=0)


def c_np_var_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    if mode == "test":
        xhat = (x - running_mean) / np.sqrt(running_var + eps)
        return gamma * xhat + beta, SimpleNamespace()
    mean, var = np.mean(x, axis=0, keepdims=True), np.var(x, axis=0, keepdims=True)
    xhat = (x - mean) / np.sqrt(var + eps)
    bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mean[0]
    bn_param["running_var"] = momentum * running_var + (1 - momentum) * var[0]
    return gamma[None] * xhat + beta[None], SimpleNamespace(xhat=xhat, gamma=gamma, var=var, eps=eps)


def c_np_var_backward(dout, cache):
    dxhat = dout * cache.gamma
    dx = dxhat - dxhat.mean(axis=0, keepdims=True)
    dx -= cache.xhat * np.mean(dxhat * cache.xhat, axis=0, keepdims=True)
    dx /= np.sqrt(cache.var + cache.eps)
    return dx, np.sum(dout * cache.xhat, axis=0), np.sum(dout, axis=0)


def c_in_place_running_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, _, _ = settings(x, bn_param)
    bn_param.setdefault("running_mean", np.zeros(x.shape[1]))
    bn_param.setdefault("running_var", np.zeros(x.shape[1]))
    before = dict(bn_param, running_mean=bn_param["running_mean"], running_var=bn_param["running_var"])
    out, cache = forward(x, gamma, beta, before)
    if mode == "train":
        bn_param["running_mean"] *= momentum
        bn_param["running_mean"] += (1 - momentum) * cache[2]
        bn_param["running_var"] *= momentum
        bn_param["running_var"] += (1 - momentum) * cache[3]
    return out, cache


def c_centres_in_place_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu = x.mean(axis=0)
    x -= mu
    var = np.mean(x * x, axis=0)
    bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mu
    bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    std = np.sqrt(var + eps)
    return gamma * x / std + beta, (x, x / std, 0.0, var, std, gamma, eps)


def c_complex_step(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache

    def out_of(z, scale):
        centred = z - z.mean(axis=0)
        return scale * centred / np.sqrt((centred * centred).mean(axis=0) + eps)

    dx, dgamma = np.zeros_like(x), np.zeros_like(gamma)
    for index in np.ndindex(*x.shape):
        z = x.astype(complex)
        z[index] += 1e-30j
        dx[index] = np.sum(dout * out_of(z, gamma).imag) / 1e-30
    for j in range(len(gamma)):
        z = gamma.astype(complex)
        z[j] += 1e-30j
        dgamma[j] = np.sum(dout * out_of(x, z).imag) / 1e-30
    return dx, dgamma, dout.sum(axis=0)


def c_float32_backward(dout, cache):
    return tuple(g.astype(np.float32) for g in gradients(dout, cache))


def c_remembers(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    bn_param["last_cache"] = cache
    return out, cache


def C(name, says, f=forward, g=gradients, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "the N, sum, sum form"),
    C("staged", "every node of the graph, a cache of twelve", c_staged_forward, c_staged_backward),
    C("closed", "one line with means, einsum", g=c_closed_backward),
    C("alternative", "the 1/N (N dout - ...) form with powers", g=c_alt_backward),
    C("jacobians", "an N by N Jacobian for each feature", g=c_jacobian_backward),
    C("paper", "dvar and dmu as the paper has them", g=c_paper_backward),
    C("loops", "Python loops and lists in a dict cache", c_loops_forward, c_loops_backward),
    C("namedtuple", "caches x-hat, gamma and 1/std only", c_namedtuple_forward, c_namedtuple_backward),
    C("np-var", "np.var with keepdims, in-place arithmetic on dx", c_np_var_forward, c_np_var_backward),
    C("running-in-place", "running averages updated in place", c_in_place_running_forward),
    C("centres-in-place", "x -= mean on the argument", c_centres_in_place_forward,
      warnings=("mutates-input",)),
    C("complex-step", "differentiated numerically by complex steps", g=c_complex_step),
    C("float32", "gradients in float32", g=c_float32_backward, warnings=("float32",)),
    C("extra-in-bn-param", "keeps the cache in bn_param too", c_remembers, may_warn=("mutates-input",)),
)  # fmt: skip

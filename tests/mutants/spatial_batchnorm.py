"""Wrong and right answers for spatial batch normalisation: each channel over samples, rows and columns."""

# ruff: noqa: RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import numpy as np

from .model import Correct, Mutant

L = "spatial_batchnorm"

NHW = (0, 2, 3)


def settings(x, bn_param):
    C_ = x.shape[1]
    return (
        bn_param["mode"],
        bn_param.get("eps", 1e-5),
        bn_param.get("momentum", 0.9),
        bn_param.get("running_mean", np.zeros(C_)),
        bn_param.get("running_var", np.zeros(C_)),
    )


def wide(a):
    """(C,) as (1, C, 1, 1)."""
    return a.reshape(1, -1, 1, 1)


def finish(bn_param, running_mean, running_var):
    bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var


def forward(x, gamma, beta, bn_param):
    mode, eps, momentum, running_mean, running_var = settings(x, bn_param)
    cache = None
    if mode == "train":
        mu = x.mean(axis=NHW)
        var = x.var(axis=NHW)
        std = np.sqrt(var + eps)
        xhat = (x - wide(mu)) / wide(std)
        out = wide(gamma) * xhat + wide(beta)
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (x, xhat, mu, var, std, gamma, eps)
    elif mode == "test":
        xhat = (x - wide(running_mean)) / np.sqrt(wide(running_var) + eps)
        out = wide(gamma) * xhat + wide(beta)
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}"')
    finish(bn_param, running_mean, running_var)
    return out, cache


def gradients(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N, C_, H, W = dout.shape
    m = N * H * W
    dbeta = dout.sum(axis=NHW)
    dgamma = (dout * xhat).sum(axis=NHW)
    dx = wide(gamma / std) * (dout - wide(dbeta) / m - xhat * wide(dgamma) / m)
    return dx, dgamma, dbeta


# --- wrong forwards ---------------------------------------------------------------------------------


def over(axes):
    """A forward that normalises over other axes; the running averages are right."""

    def wrong(x, gamma, beta, bn_param):
        out, cache = forward(x, gamma, beta, bn_param)
        if bn_param["mode"] == "train":
            eps = bn_param.get("eps", 1e-5)
            mu, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
            out = wide(gamma) * (x - mu) / np.sqrt(var + eps) + wide(beta)
        return out, cache

    return wrong


f_over_samples = over((0,))
f_over_image = over((2, 3))
f_over_channels = over((1,))
f_over_a_sample = over((1, 2, 3))
f_over_samples_and_rows = over((0, 2))
f_over_everything = over((0, 1, 2, 3))


def f_instance(x, gamma, beta, bn_param):
    out, cache = f_over_image(x, gamma, beta, bn_param)
    eps = bn_param.get("eps", 1e-5)
    std = np.sqrt(x.var(axis=(2, 3), keepdims=True) + eps)
    return out, (x, (x - x.mean(axis=(2, 3), keepdims=True)) / std, std, gamma)


def b_instance(dout, cache):
    x, xhat, std, gamma = cache
    dxhat = dout * wide(gamma)
    means = dxhat.mean(axis=(2, 3), keepdims=True)
    dx = (dxhat - means - xhat * (dxhat * xhat).mean(axis=(2, 3), keepdims=True)) / std
    return dx, (dout * xhat).sum(axis=NHW), dout.sum(axis=NHW)


def rows_of(x):
    return x.reshape(-1, x.shape[1])


def f_reshaped_without_transpose(x, gamma, beta, bn_param):
    flat, cache = forward(rows_of(x)[:, :, None, None], gamma, beta, bn_param)
    return flat.reshape(x.shape), cache


def b_reshaped_without_transpose(dout, cache):
    dx, dgamma, dbeta = gradients(rows_of(dout)[:, :, None, None], cache)
    return dx.reshape(dout.shape), dgamma, dbeta


def f_not_transposed_back(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]).reshape(x.shape), cache


def f_channels_last(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out.transpose(0, 2, 3, 1), cache


def f_rows_and_columns_swapped(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out.transpose(0, 2, 3, 1).transpose(0, 3, 2, 1), cache


def f_flat(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return out.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]), cache


def f_gamma_without_axes(x, gamma, beta, bn_param):
    out, cache = forward(x, gamma, beta, bn_param)
    return gamma * cache[1] + beta, cache


def f_variance_over_n(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu = x.mean(axis=NHW)
    var = np.sum((x - wide(mu)) ** 2, axis=NHW) / len(x)
    std = np.sqrt(var + eps)
    xhat = (x - wide(mu)) / wide(std)
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    return wide(gamma) * xhat + wide(beta), (x, xhat, mu, var, std, gamma, eps)


def with_std(std_of):
    """A forward that divides by std_of(var, eps, m); the running averages are right."""

    def wrong(x, gamma, beta, bn_param):
        out, cache = forward(x, gamma, beta, bn_param)
        if bn_param["mode"] == "test":
            return out, cache
        x, _, mu, var, _, gamma, eps = cache
        std = std_of(var, eps, x.size // x.shape[1])
        xhat = (x - wide(mu)) / wide(std)
        return wide(gamma) * xhat + wide(beta), (x, xhat, mu, var, std, gamma, eps)

    return wrong


f_unbiased = with_std(lambda var, eps, m: np.sqrt(var * m / (m - 1) + eps))
f_eps_missing = with_std(lambda var, eps, m: np.sqrt(var))
f_eps_outside = with_std(lambda var, eps, m: np.sqrt(var) + eps)
f_no_root = with_std(lambda var, eps, m: var + eps)


def f_no_beta(x, gamma, beta, bn_param):
    return forward(x, gamma, 0 * beta, bn_param)


def f_no_gamma(x, gamma, beta, bn_param):
    return forward(x, np.ones_like(gamma), beta, bn_param)


def f_momentum_swapped(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "train":
        mu, var = cache[2], cache[3]
        finish(bn_param, (1 - momentum) * rm + momentum * mu, (1 - momentum) * rv + momentum * var)
    return out, cache


def f_not_stored(x, gamma, beta, bn_param):
    return forward(x, gamma, beta, dict(bn_param))


def f_running_of_the_mean_image(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    if mode == "train":
        bn_param["running_var"] = momentum * rv + (1 - momentum) * x.mean(axis=(2, 3)).var(axis=0)
    return out, cache


def f_running_with_axes(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, cache = forward(x, gamma, beta, bn_param)
    finish(bn_param, wide(bn_param["running_mean"]), wide(bn_param["running_var"]))
    return out, cache


def f_test_uses_batch(x, gamma, beta, bn_param):
    if bn_param["mode"] == "test":
        return forward(x, gamma, beta, dict(bn_param, mode="train"))
    return forward(x, gamma, beta, bn_param)


# --- wrong backwards ------------------------------------------------------------------------------------


def with_dx(dx_of):
    """A backward with dx_of(dout, xhat, std, gamma, m), all to be broadcast over (N, C, H, W)."""

    def wrong(dout, cache):
        x, xhat, mu, var, std, gamma, eps = cache
        _, dgamma, dbeta = gradients(dout, cache)
        return dx_of(dout, xhat, wide(std), wide(gamma), dout.size // dout.shape[1]), dgamma, dbeta

    return wrong


def total(a, axes=NHW):
    return a.sum(axis=axes, keepdims=True)


b_n_for_m = with_dx(
    lambda dout, xhat, std, gamma, m: (
        gamma / std * (dout - total(dout) / len(dout) - xhat * total(dout * xhat) / len(dout))
    )
)
b_image_for_m = with_dx(
    lambda dout, xhat, std, gamma, m: (
        gamma / std * (dout - (total(dout) + xhat * total(dout * xhat)) / (dout.shape[2] * dout.shape[3]))
    )
)
b_sums_over_samples = with_dx(
    lambda dout, xhat, std, gamma, m: (
        gamma / std * (dout - (total(dout, 0) + xhat * total(dout * xhat, 0)) / len(dout))
    )
)
b_sums_over_image = with_dx(
    lambda dout, xhat, std, gamma, m: (
        gamma
        / std
        * (dout - dout.mean((2, 3), keepdims=True) - xhat * (dout * xhat).mean((2, 3), keepdims=True))
    )
)
b_direct_only = with_dx(lambda dout, xhat, std, gamma, m: gamma * dout / std)
b_no_mean_path = with_dx(
    lambda dout, xhat, std, gamma, m: gamma / std * (dout - xhat * total(dout * xhat) / m)
)
b_no_variance_path = with_dx(lambda dout, xhat, std, gamma, m: gamma / std * (dout - total(dout) / m))
b_mean_path_sign = with_dx(
    lambda dout, xhat, std, gamma, m: gamma / std * (dout + (total(dout) - xhat * total(dout * xhat)) / m)
)
b_not_divided_by_m = with_dx(
    lambda dout, xhat, std, gamma, m: gamma / std * (m * dout - total(dout) - xhat * total(dout * xhat))
)
b_no_gamma = with_dx(
    lambda dout, xhat, std, gamma, m: (dout - (total(dout) + xhat * total(dout * xhat)) / m) / std
)
b_no_root = with_dx(
    lambda dout, xhat, std, gamma, m: gamma / std**2 * (dout - (total(dout) + xhat * total(dout * xhat)) / m)
)


def b_dx_over_n(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx / len(dout), dgamma, dbeta


def b_dx_not_transposed_back(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx.transpose(0, 2, 3, 1).reshape(-1, dout.shape[1]).reshape(dout.shape), dgamma, dbeta


def b_dx_flat(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return np.moveaxis(dx, 1, -1).reshape(-1, dout.shape[1]), dgamma, dbeta


def b_dx_channels_last(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return np.moveaxis(dx, 1, -1), dgamma, dbeta


def b_dout_not_transposed(dout, cache):
    N, C_, H, W = dout.shape
    dout = dout.reshape(N, H, W, C_).transpose(0, 3, 1, 2)
    return gradients(dout, cache)


def b_dgamma_over_samples(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, np.sum(dout * cache[1], axis=0), dbeta


def b_dbeta_over_image(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout.sum(axis=(2, 3))


def b_both_unsummed(dout, cache):
    dx, _, _ = gradients(dout, cache)
    return dx, dout * cache[1], dout.copy()


def b_dbeta_wrong_axes(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout.sum(axis=(0, 1, 2))


def b_dgamma_a_sample_each(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, np.sum(dout * cache[1], axis=(1, 2, 3)), dbeta


def b_dbeta_bare_sum(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout.sum()


def b_keepdims(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, wide(dgamma), wide(dbeta)


def b_averaged(dout, cache):
    dx, _, _ = gradients(dout, cache)
    return dx, (dout * cache[1]).mean(axis=NHW), dout.mean(axis=NHW)


def b_averaged_over_samples(dout, cache):
    dx, _, _ = gradients(dout, cache)
    return dx, (dout * cache[1]).mean(axis=0).sum(axis=(1, 2)), dout.mean(axis=0).sum(axis=(1, 2))


def b_averaged_over_image(dout, cache):
    dx, dgamma, _ = gradients(dout, cache)
    return dx, dgamma, dout.mean(axis=(2, 3)).sum(axis=0)


def b_dgamma_uses_x(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, (dout * cache[0]).sum(axis=NHW), dbeta


def b_dgamma_of_means(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    return dx, np.sum(dout.sum(axis=(2, 3)) * cache[1].mean(axis=(2, 3)), axis=0), dbeta


def b_swapped(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dbeta, dgamma


def b_ones(dout, cache):
    return gradients(np.ones_like(dout), cache)


def b_dbeta_counts(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, dgamma, np.ones_like(dout).sum(axis=NHW)


def b_dgamma_sign(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    return dx, -dgamma, dbeta


def b_last_channel(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dx[:, -1] = 0
    return dx, dgamma, dbeta


def b_first_sample(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dx[0] = 0
    return dx, dgamma, dbeta


def b_last_column(dout, cache):
    dx, dgamma, dbeta = gradients(dout, cache)
    dx[..., -1] = 0
    return dx, dgamma, dbeta


def b_calls_with_four_axes(dout, cache):
    x, xhat, mu, var, std, gamma, eps = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dx = gamma / std * (dout - (dbeta + xhat * dgamma) / N)
    return dx, dgamma, dbeta


def b_stub(dout, cache):
    dx, dgamma, dbeta = None, None, None
    return dx, dgamma, dbeta


def b_overwrites_xhat(dout, cache):
    dx, _, dbeta = gradients(dout, cache)
    xhat = cache[1]
    xhat *= dout
    return dx, xhat.sum(axis=NHW), dbeta


def M(name, says, cause, params, f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT, DX, DGAMMA, DBETA = ("out",), ("dx",), ("dgamma",), ("dbeta",)
ALL = ("dx", "dgamma", "dbeta")

MUTANTS = (
    M("forward-over-samples", "statistics over N alone: one for each pixel", "normalised-per-pixel", OUT,
      f_over_samples),
    M("forward-over-image", "statistics over H and W alone: instance norm", "normalised-per-picture", OUT,
      f_over_image),
    M("forward-over-channels", "statistics over C: each pixel normalised", "normalised-over-channels", OUT,
      f_over_channels, also=("normalised-over-features",)),
    M("forward-over-a-sample", "statistics over C, H and W: layer norm", "normalised-per-sample", OUT,
      f_over_a_sample, also=("normalised-over-features",)),
    M("forward-over-samples-and-rows", "statistics over N and H, W forgotten", None, OUT,
      f_over_samples_and_rows),
    M("forward-over-everything", "one mean and variance for all channels", "normalised-together", OUT,
      f_over_everything),
    M("forward-variance-over-n", "the squares divided by N for N H W", None, OUT, f_variance_over_n),
    M("forward-not-transposed-back", "(N, H, W, C) reshaped to (N, C, H, W)", "channels-mixed", OUT,
      f_not_transposed_back, also=("flattened-in-another-order",)),
    M("forward-channels-last", "out of shape (N, H, W, C)", "transposed", OUT, f_channels_last),
    M("forward-h-and-w-swapped", "transposed back by (0, 3, 2, 1)", "transposed", OUT,
      f_rows_and_columns_swapped),
    M("forward-flat", "out of shape (N H W, C)", "flattened", OUT, f_flat, also=("wrong-shape",)),
    M("forward-gamma-without-axes", "gamma of (C,) against the columns", "raised", OUT, f_gamma_without_axes),
    M("forward-unbiased", "the variance divided by N H W - 1", "unbiased-variance", OUT, f_unbiased),
    M("forward-eps-missing", "root of the variance alone", "eps-missing", OUT, f_eps_missing),
    M("forward-eps-outside", "eps added to the root", "eps-outside-root", OUT, f_eps_outside),
    M("forward-no-root", "divides by the variance", "missing-root", OUT, f_no_root),
    M("forward-no-gamma", "forgot gamma", "missing-gamma", OUT, f_no_gamma),
    M("forward-no-beta", "forgot beta", "missing-beta", OUT, f_no_beta),
    M("forward-momentum-swapped", "momentum weighs the new sample", "running-average-swapped", OUT,
      f_momentum_swapped),
    M("forward-running-not-stored", "never writes back to bn_param", "not-updated", OUT, f_not_stored),
    M("forward-running-var-of-means", "averages the variance of the images' means", None, OUT,
      f_running_of_the_mean_image),
    M("forward-running-with-axes", "stores statistics of shape (1, C, 1, 1)", "kept-axis", OUT,
      f_running_with_axes),
    M("forward-test-uses-batch", "test mode with the batch's statistics", "test-mode-uses-batch", OUT,
      f_test_uses_batch, shows="test mode"),
    M("instance-norm-both", "instance norm, forward and backward", "own-forward", OUT, f_instance,
      b_instance, also=("normalised-per-picture",)),
    M("reshaped-both", "reshape(-1, C) without a transpose, both ways", "own-forward", OUT,
      f_reshaped_without_transpose, b_reshaped_without_transpose, also=("channels-mixed",)),
    M("dx-n-for-m", "N where N H W belongs", "statistics-divided-by-N", DX, g=b_n_for_m),
    M("dx-image-for-m", "H W where N H W belongs", "statistics-divided-by-pixels", DX, g=b_image_for_m),
    M("dx-sums-over-samples", "batchnorm's own backward: sums over N, divided by N",
      "paths-over-samples-alone", DX,
      g=b_sums_over_samples),
    M("dx-sums-over-image", "means over H and W alone", "paths-over-pixels-alone", DX, g=b_sums_over_image),
    M("dx-direct-only", "element-wise: both statistics taken for constants", "statistics-as-constants", DX,
      g=b_direct_only, also=("missing-path:mean", "missing-path:variance")),
    M("dx-no-mean-path", "forgot that the mean depends on x", "missing-path:mean", DX, g=b_no_mean_path),
    M("dx-no-variance-path", "forgot that the variance depends on x", "missing-path:variance", DX,
      g=b_no_variance_path),
    M("dx-mean-path-sign", "plus for minus on the mean's path", "sign-of-path:mean", DX, g=b_mean_path_sign),
    M("dx-times-m", "the closed form without its 1/(N H W)", "multiplied-by-N-and-H-and-W", DX, g=b_not_divided_by_m),
    M("dx-no-gamma", "forgot gamma", "missing-gamma", DX, g=b_no_gamma),
    M("dx-no-root", "divided by the variance", "missing-root", DX, g=b_no_root),
    M("dx-over-n", "dx divided by N once more", "divided-by-N", DX, g=b_dx_over_n),
    M("dx-not-transposed-back", "(N, H, W, C) reshaped to (N, C, H, W)", "channels-mixed", DX,
      g=b_dx_not_transposed_back, also=("flattened-in-another-order",)),
    M("dx-flat", "dx of shape (N H W, C)", "flattened", DX, g=b_dx_flat, also=("wrong-shape",)),
    M("dx-channels-last", "dx of shape (N, H, W, C)", "transposed", DX, g=b_dx_channels_last),
    M("dout-reshaped", "dout reshaped to (N, H, W, C) without a transpose", "channels-mixed", ALL,
      g=b_dout_not_transposed, also=("flattened-in-another-order",)),
    M("dgamma-over-samples", "dgamma of shape (C, H, W)", "unsummed-broadcast", DGAMMA,
      g=b_dgamma_over_samples),
    M("dbeta-over-image", "dbeta of shape (N, C)", "unsummed-broadcast", DBETA, g=b_dbeta_over_image),
    M("both-unsummed", "dgamma and dbeta of shape (N, C, H, W)", "unsummed-broadcast", ("dgamma", "dbeta"),
      g=b_both_unsummed),
    M("dbeta-wrong-axes", "summed over N, C and H: shape (W,)", "summed-over-wrong-axis", DBETA,
      g=b_dbeta_wrong_axes),
    M("dgamma-a-sample-each", "summed over C, H and W: shape (N,)", "summed-over-wrong-axis", DGAMMA,
      g=b_dgamma_a_sample_each),
    M("dbeta-bare-sum", "sum without an axis", "summed-too-much", DBETA, g=b_dbeta_bare_sum),
    M("keepdims", "shape (1, C, 1, 1)", "kept-axis", ("dgamma", "dbeta"), g=b_keepdims),
    M("averaged", "mean for sum, over N H W", "averaged-over-batch", ("dgamma", "dbeta"), g=b_averaged),
    M("averaged-over-samples", "mean over N, sum over H and W", "divided-by-N", ("dgamma", "dbeta"),
      g=b_averaged_over_samples),
    M("dbeta-averaged-over-image", "mean over H and W, sum over N", "averaged-over-pixels", DBETA,
      g=b_averaged_over_image),
    M("dgamma-uses-x", "x for x-hat", "dgamma-uses-x", DGAMMA, g=b_dgamma_uses_x),
    M("dgamma-of-means", "summed and averaged over the image before multiplying", None, DGAMMA,
      g=b_dgamma_of_means),
    M("gamma-beta-swapped", "returned dx, dbeta, dgamma", "permuted", ("dgamma", "dbeta"), g=b_swapped),
    M("ones-for-dout", "replaced dout with ones: dx and dgamma vanish up to rounding", "ignores-dout", ALL,
      g=b_ones, also=("all-zero",)),
    M("dbeta-counts", "dbeta is N H W", "ignores-dout", DBETA, g=b_dbeta_counts),
    M("dgamma-sign", "minus dgamma", "sign", DGAMMA, g=b_dgamma_sign),
    M("dx-last-channel", "last channel never filled", "some-slices", DX, g=b_last_channel,
      also=("some-entries", "some-columns")),
    M("dx-first-sample", "first sample never filled", "some-rows", DX, g=b_first_sample),
    M("dx-last-column", "last column of pixels never filled", "some-columns", DX, g=b_last_column),
    M("batchnorm-backward", "batchnorm's lines with four axes", "raised", ALL, g=b_calls_with_four_axes),
    M("backward-stub", "the untouched stub", "not-attempted", ALL, g=b_stub),
    M("overwrites-xhat", "multiplies the cached x-hat by dout", "second-call-differs", ("dx", "dgamma"),
      g=b_overwrites_xhat),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def vanilla(x, gamma, beta, bn_param):
    """Batch normalisation over rows: (M, C)."""
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return gamma * (x - rm) / np.sqrt(rv + eps) + beta, None
    mu, var = np.mean(x, axis=0), np.var(x, axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    return gamma * xhat + beta, (xhat, gamma, np.sqrt(var + eps))


def vanilla_backward(dout, cache):
    xhat, gamma, std = cache
    m = dout.shape[0]
    dxhat = dout * gamma
    dx = (m * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0)) / (m * std)
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


def c_transposed_forward(x, gamma, beta, bn_param):
    N, C_, H, W = x.shape
    flat, cache = vanilla(x.transpose(0, 2, 3, 1).reshape(-1, C_), gamma, beta, bn_param)
    return flat.reshape(N, H, W, C_).transpose(0, 3, 1, 2), cache


def c_transposed_backward(dout, cache):
    N, C_, H, W = dout.shape
    dx, dgamma, dbeta = vanilla_backward(dout.transpose(0, 2, 3, 1).reshape(-1, C_), cache)
    return dx.reshape(N, H, W, C_).transpose(0, 3, 1, 2), dgamma, dbeta


def c_channels_first_forward(x, gamma, beta, bn_param):
    C_ = x.shape[1]
    first = np.moveaxis(x, 1, 0)
    flat, cache = vanilla(first.reshape(C_, -1).T, gamma, beta, bn_param)
    return np.moveaxis(flat.T.reshape(first.shape), 0, 1), {"rows": cache, "shape": first.shape}


def c_channels_first_backward(dout, cache):
    rows = np.moveaxis(dout, 1, 0).reshape(dout.shape[1], -1).T
    dx, dgamma, dbeta = vanilla_backward(rows, cache["rows"])
    return np.moveaxis(dx.T.reshape(cache["shape"]), 0, 1), dgamma, dbeta


def c_a_channel_at_a_time_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    out, saved = np.zeros_like(x), []
    new_mean, new_var = np.array(rm, dtype=float), np.array(rv, dtype=float)
    for c in range(x.shape[1]):
        mu, var = rm[c], rv[c]
        if mode == "train":
            mu, var = x[:, c].mean(), x[:, c].var()
            new_mean[c] = momentum * rm[c] + (1 - momentum) * mu
            new_var[c] = momentum * rv[c] + (1 - momentum) * var
        std = (var + eps) ** 0.5
        xhat = (x[:, c] - mu) / std
        out[:, c] = gamma[c] * xhat + beta[c]
        saved.append((xhat, std, gamma[c]))
    finish(bn_param, new_mean, new_var)
    return out, saved


def c_a_channel_at_a_time_backward(dout, cache):
    dx = np.empty(dout.shape)
    dgamma, dbeta = np.zeros(len(cache)), np.zeros(len(cache))
    for c, (xhat, std, gamma) in enumerate(cache):
        d = dout[:, c]
        dgamma[c], dbeta[c] = np.sum(d * xhat), np.sum(d)
        dx[:, c] = gamma / std * (d - d.mean() - xhat * np.mean(d * xhat))
    return dx, dgamma, dbeta


def c_einsum_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    m = x.size // x.shape[1]
    if mode == "test":
        mu, var = rm, rv
    else:
        mu = np.einsum("nchw->c", x) / m
        centred = x - mu[:, None, None]
        var = np.einsum("nchw,nchw->c", centred, centred) / m
        finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    xhat = (x - mu[:, None, None]) / np.sqrt(var + eps)[:, None, None]
    out = np.einsum("c,nchw->nchw", gamma, xhat) + beta[:, None, None]
    return out, SimpleNamespace(xhat=xhat, scale=gamma / np.sqrt(var + eps), m=m)


def c_einsum_backward(dout, cache):
    dgamma, dbeta = np.einsum("nchw,nchw->c", dout, cache.xhat), np.einsum("nchw->c", dout)
    dx = dout - (dbeta[:, None, None] + cache.xhat * dgamma[:, None, None]) / cache.m
    return np.einsum("c,nchw->nchw", cache.scale, dx), dgamma, dbeta


Saved = namedtuple("Saved", "centred inverse gamma")


def c_pixels_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    N, C_, H, W = x.shape
    pixels = x.reshape(N, C_, H * W)
    mu, var = rm, rv
    if mode == "train":
        mu = pixels.mean(axis=2).mean(axis=0)
        var = ((pixels - mu[None, :, None]) ** 2).mean(axis=(0, 2))
        finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    centred = pixels - mu[None, :, None]
    inverse = 1.0 / np.sqrt(var + eps)
    out = centred * (gamma * inverse)[None, :, None] + beta[None, :, None]
    return out.reshape(x.shape), Saved(centred, inverse, gamma)


def c_pixels_backward(dout, cache):
    centred, inverse, gamma = cache
    N, C_, P = centred.shape
    m = N * P
    d = dout.reshape(N, C_, P)
    dxhat = d * gamma[None, :, None]
    dvar = (dxhat * centred).sum(axis=(0, 2)) * -0.5 * inverse**3
    dmu = -dxhat.sum(axis=(0, 2)) * inverse
    dx = dxhat * inverse[None, :, None] + (2 * centred * dvar[None, :, None] + dmu[None, :, None]) / m
    dgamma = (d * centred).sum(axis=(0, 2)) * inverse
    return dx.reshape(dout.shape), dgamma, d.sum(axis=2).sum(axis=0)


def c_mean_of_squares_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu = x.mean(axis=NHW)
    var = (x**2).mean(axis=NHW) - mu**2
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    std = np.sqrt(var + eps)
    xhat = (x - wide(mu)) / wide(std)
    return wide(gamma) * xhat + wide(beta), (x, xhat, mu, var, std, gamma, eps)


def c_running_in_place_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, _, _ = settings(x, bn_param)
    bn_param.setdefault("running_mean", np.zeros(x.shape[1]))
    bn_param.setdefault("running_var", np.zeros(x.shape[1]))
    out, cache = forward(x, gamma, beta, dict(bn_param))
    if mode == "train":
        bn_param["running_mean"] *= momentum
        bn_param["running_mean"] += (1 - momentum) * cache[2]
        bn_param["running_var"] *= momentum
        bn_param["running_var"] += (1 - momentum) * cache[3]
    return out, cache


def c_centres_in_place_forward(x, gamma, beta, bn_param):
    mode, eps, momentum, rm, rv = settings(x, bn_param)
    if mode == "test":
        return forward(x, gamma, beta, bn_param)
    mu = x.mean(axis=NHW)
    x -= wide(mu)
    var = (x * x).mean(axis=NHW)
    finish(bn_param, momentum * rm + (1 - momentum) * mu, momentum * rv + (1 - momentum) * var)
    std = np.sqrt(var + eps)
    return wide(gamma / std) * x + wide(beta), (x, x / wide(std), 0 * mu, var, std, gamma, eps)


def c_float32_backward(dout, cache):
    return tuple(g.astype(np.float32) for g in gradients(dout, cache))


def c_list_forward(x, gamma, beta, bn_param):
    return list(forward(x, gamma, beta, bn_param))


def c_list_backward(dout, cache):
    return list(gradients(dout, cache))


def C(name, says, f=forward, g=gradients, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "sums over axis=(0, 2, 3)"),
    C("transposed", "transposed to (N H W, C), batchnorm, and back", c_transposed_forward,
      c_transposed_backward),
    C("channels-first", "moveaxis to (C, N H W) and back, cache a dict", c_channels_first_forward,
      c_channels_first_backward),
    C("a-channel-at-a-time", "a loop over the channels, cache a list", c_a_channel_at_a_time_forward,
      c_a_channel_at_a_time_backward),
    C("einsum", "einsum, cache a SimpleNamespace", c_einsum_forward, c_einsum_backward),
    C("pixels", "reshaped to (N, C, H W), dvar and dmu as the paper has them, a namedtuple", c_pixels_forward,
      c_pixels_backward),
    C("mean-of-squares", "the mean of the squares minus the square of the mean", c_mean_of_squares_forward),
    C("running-in-place", "running averages updated in place", c_running_in_place_forward),
    C("centres-in-place", "x -= mean on the argument", c_centres_in_place_forward,
      warnings=("mutates-input",)),
    C("float32", "gradients in float32", g=c_float32_backward, warnings=("float32",)),
    C("lists", "lists for tuples", c_list_forward, c_list_backward),
)  # fmt: skip

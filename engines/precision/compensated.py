"""Rounding a layer's weights such that the errors cancel in its output.

Rounding each weight to the nearest step is best only for inputs that have nothing to do with each other. Those of a
convolution are strongly correlated, so the error of one weight can be made good by those that are not rounded yet:
GPTQ (Frantar et al., ICLR 2023), which is optimal brain surgery (Hassibi & Stork, NIPS 1992) taken column by column.
What remains on average goes into the bias (Nagel et al., ICCV 2019, 4.2). On real surfaces this made the error of
Lite0's scores from 8 bit weights five times smaller than rounding to the nearest, and 7 bits better than those 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.precision.moments import Moments

STEPS = 63
"""Largest magnitude of a weight, in steps: 7 bits. Products of 8 bit activations with 7 bit weights, added in pairs,
fit into 16 bits, so CPUs that add them there (AVX2 and AVX-512 without VNNI) do not saturate and all get the same sums
(ONNX Runtime, Quantize ONNX models, "When to use reduce-range")."""
DAMPING = 0.01
"""Share of the mean variance that is added to every variance: little is to hang on directions hardly ever seen."""
_LEAST_SCALE = 1e-12
"""Of a channel without weights."""


@dataclass(frozen=True)
class Rounded:
    """A convolution's weight on its grid."""

    weight: NDArray[np.float32]
    """Whole steps times their scale, in the shape of the original."""
    scale: NDArray[np.float32]
    """Of each output channel's step."""
    bias: NDArray[np.float32]
    """What to add to each output channel's bias."""


def round_weight(weight: NDArray[np.float32], moments: Moments) -> Rounded:
    """Round O×C×kh×kw, dense or depthwise, for inputs as `moments` tells."""
    flat = weight.reshape(len(weight), -1).astype(np.float64)
    scale = np.maximum(np.abs(flat).max(axis=1) / STEPS, _LEAST_SCALE).astype(np.float32)
    rounded = _round_rows(flat, moments.covariance, scale.astype(np.float64)) * scale[:, None]
    bias = ((flat - rounded) * moments.mean).sum(axis=1)
    return Rounded(rounded.astype(np.float32).reshape(weight.shape), scale, bias.astype(np.float32))


def _round_rows(
    rows: NDArray[np.float64], covariance: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows (O×I) in whole steps; `covariance` is 1×I×I for all of them or O×I×I."""
    order = np.argsort(-np.diagonal(covariance, axis1=1, axis2=2).mean(axis=0))  # the loudest inputs first
    factor = _factor(covariance[:, order][:, :, order])
    rest, steps = rows[:, order], np.empty_like(rows)
    for column in range(rows.shape[1]):
        steps[:, column] = np.clip(np.rint(rest[:, column] / scale), -STEPS, STEPS)
        error = (rest[:, column] - steps[:, column] * scale) / factor[:, column, column]
        rest[:, column + 1 :] -= error[:, None] * factor[:, column, column + 1 :]
    back = np.empty_like(steps)
    back[:, order] = steps
    return back


def _factor(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper Cholesky factor of the damped covariance's inverse."""
    variance = np.diagonal(covariance, axis1=1, axis2=2).mean(axis=1)
    damping = DAMPING * variance + np.finfo(np.float32).tiny
    damped = covariance + damping[:, None, None] * np.eye(covariance.shape[-1])
    factor: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    return factor

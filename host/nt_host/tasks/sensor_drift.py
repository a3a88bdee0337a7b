"""Worlds of the electronic nose: the same recordings through sensors that have aged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SENSORS = 16
SENSOR_GAIN_SIGMA = 0.5
FEATURE_GAIN_SIGMA = 0.1
OFFSET_SIGMA = 0.3


def aged(features: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Features (n, 128), eight of each of sixteen sensors, after drift that all samples share.

    The log sensitivity of a sensor spreads by 0.5, that of each of its features by another 0.1, and every feature
    gets an offset of 0.3 of its standard deviation. The figures are guesses at what years do to such sensors, made
    without looking at later batches.
    """
    of_sensor = features.reshape(len(features), SENSORS, -1)
    shape = of_sensor.shape[1:]
    gain = np.exp(rng.normal(0, SENSOR_GAIN_SIGMA, (SENSORS, 1)) + rng.normal(0, FEATURE_GAIN_SIGMA, shape))
    offset = rng.normal(0, OFFSET_SIGMA, shape) * of_sensor.std(axis=0)
    return (of_sensor * gain + offset).reshape(features.shape).astype(np.float32)

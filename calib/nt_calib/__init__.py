"""Calibration of a chip's device mismatch: measure, fit, judge, keep."""

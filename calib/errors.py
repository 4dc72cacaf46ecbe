"""What can go wrong with calibration.

CalibrationError         a calibration that cannot be read, or data from which none can be made
"""


class CalibrationError(Exception):
    """A calibration cannot be read, or cannot be made from what was given."""

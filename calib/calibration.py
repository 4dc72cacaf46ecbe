"""`calibration.json`: the threshold and how it came about, as data beside the engine, never inside it."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from calib.border import MAX_BORDER_CELLS
from calib.errors import CalibrationError

CALIBRATION_VERSION: Final = 1

Factor = Annotated[float, Field(ge=1, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Calibration(BaseModel):
    """When a frame fails. Scores and the threshold share the unit of the graph's `distance`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = CALIBRATION_VERSION
    threshold: float = Field(gt=0, allow_inf_nan=False)
    """A frame whose score is at or above it fails."""
    top_cells: int = Field(ge=1)
    """A score is the mean of this many largest cells of the map."""
    target_false_rejects: float = Field(gt=0, lt=1)
    """Share of good frames that may fail, in expectation."""
    method: Literal["split-conformal", "pareto-tail"]
    """How the threshold was set: the conformal quantile, or a tail fitted where good pictures were too few for it."""
    observed_false_rejects: float = Field(ge=0, le=1)
    """Share of the held-out good pictures at or above the threshold."""
    interval: tuple[float, float]
    """95 % Clopper-Pearson interval of the false-reject rate, from what was seen."""
    cells_per_picture: int = Field(ge=1)
    """Cells of a held-out picture's map (median). A much larger frame has more chances to reach the threshold."""
    held_out_scores: tuple[float, ...]
    """Raw scores of the good pictures seen neither by training nor by the centroids, ascending."""
    border: tuple[Factor, ...] = Field((), max_length=MAX_BORDER_CELLS)
    """Factor by which a cell at distance 0, 1, … cells from the frame's edge is divided before it is scored; beyond, 1.
    Never rising inwards. The held-out scores are of maps so divided."""
    held_out_mean_distances: tuple[NotNegative, ...] = ()
    """Mean of each of those maps, ascending. Empty in bundles of earlier releases, whose frames are compared by their
    scores alone."""

    @field_validator("border")
    @classmethod
    def _never_rising(cls, border: tuple[float, ...]) -> tuple[float, ...]:
        if any(inner > outer for outer, inner in pairwise(border)):
            raise ValueError("factors must not rise with the distance from the frame's edge")
        return border

    def to_json(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, data: bytes | str) -> Calibration:
        """Read the file's content.

        Raises:
            CalibrationError: unknown version, a missing or an impossible value; the message names the key.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"]) or "file"
            raise CalibrationError(f"{key}: {problem['msg']}") from error

"""What all sections of the settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


Positive = Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the file: unknown keys are refused, and docstrings describe the keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

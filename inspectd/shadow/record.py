"""Which candidate looks on, on disk: the shadow goes on after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import UnsyncedError, remove_file, replace_file
from inspectd.errors import RegistryError

_FILE: Final = "candidate.json"

log = structlog.get_logger(__name__)


class ShadowRecord(BaseModel):
    """The candidate that was asked for last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    bundle: str
    """Name of its bundle."""
    who: str
    why: str
    since_utc: str
    failure: str | None = None
    """Why it was stopped; it is not tried again by itself."""


def read_record(directory: Path) -> ShadowRecord | None:
    """The candidate of a registry; `directory` is the one of its shadow. None where there is none.

    Raises:
        RegistryError: that cannot be read.
    """
    file = directory / _FILE
    try:
        return ShadowRecord.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise RegistryError(f"{file}: not the record of a candidate; remove it and begin a shadow anew") from error


def write_record(directory: Path, record: ShadowRecord | None) -> None:
    """Say which candidate there is; None: none. Durable when this returns, or else it is logged that it is not: the
    worst that may come of it is that the candidate of before looks on after a power cut.

    Raises:
        RegistryError: it cannot be written; what was there is there still.
    """
    file = directory / _FILE
    try:
        if record is None:
            remove_file(file)
        else:
            replace_file(file, (record.model_dump_json(indent=1) + "\n").encode())
    except UnsyncedError as error:
        log.warning("which candidate looks on may be forgotten when the power fails", error=str(error))
    except OSError as error:
        raise RegistryError(f"{file}: cannot be written: {error.strerror or error}") from error

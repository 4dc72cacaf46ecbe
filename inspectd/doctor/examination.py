"""All subjects in turn, the PC first."""

from __future__ import annotations

from collections.abc import Iterator

from inspectd.doctor.aravis import judge_aravis, read_aravis
from inspectd.doctor.findings import Finding, Subject
from inspectd.doctor.gpu import Graphics, judge_graphics, read_graphics
from inspectd.doctor.gstreamer import judge_gstreamer, read_gstreamer
from inspectd.doctor.machine import Machine, judge_machine, read_machine
from inspectd.doctor.needs import Needs, needs_of
from inspectd.doctor.onnx import MODULE, judge_onnx
from inspectd.doctor.packages import read_package
from inspectd.doctor.tensorrt import judge_cuda, judge_stack, read_stack
from inspectd.settings import Settings


def examine(settings: Settings | None = None) -> Iterator[Subject]:
    """Look at this PC; with a configuration, judge by what it needs and try its engine."""
    needs = needs_of(settings) if settings else Needs()
    machine, graphics = read_machine(), read_graphics()
    yield _subject("PC", judge_machine(machine))
    yield _subject("CPU engine", judge_onnx(read_package(MODULE), machine))
    yield _subject("GPU", judge_graphics(graphics, machine, needed=needs.gpu))
    stack = read_stack()
    yield _subject("TensorRT", judge_stack(stack, graphics, machine, needs))
    if graphics.gpus:
        yield _subject("CUDA", judge_cuda(stack, needs))
    if settings is not None and (graphics.gpus or not needs.gpu):
        yield _subject("Engine", _engine(settings))
    yield from _cameras(graphics, machine, needs)


def _engine(settings: Settings) -> Iterator[Finding]:
    from inspectd.doctor.engine import judge_engine  # noqa: PLC0415 - brings half the daemon along

    return judge_engine(settings)


def _cameras(graphics: Graphics, machine: Machine, needs: Needs) -> Iterator[Subject]:
    yield _subject("GStreamer", judge_gstreamer(read_gstreamer(), graphics, machine, needs))
    yield _subject("Aravis", judge_aravis(read_aravis(), needs))


def _subject(title: str, findings: Iterator[Finding]) -> Subject:
    return Subject(title, tuple(findings))

"""Benchmarks: always ratios of two things measured in turn in one run, since machines differ and waver.

`engine` holds an engine against torch, `precision` INT8 or half precision against float32, `pipeline` the daemon
against the engine alone, `frames` the way of the frames against a memory copy, `latency` a verdict's delay against a
batch, `journal` the publisher's cost against a frame's time, `view` a line that is watched
against one that is not. `flops` measures nothing, it counts.
"""

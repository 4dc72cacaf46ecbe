"""Benchmarks: always ratios of two things measured in turn in one run, since machines differ and waver.

`engine` holds ONNX Runtime against torch, `pipeline` the daemon against the engine alone, `frames` the way of the
frames against a memory copy, `latency` a verdict's delay against a batch.
"""

"""Benchmarks: always ratios of two things measured in turn in one run, since machines differ and waver.

`engine` holds ONNX Runtime against torch, `pipeline` the daemon against the engine alone.
"""

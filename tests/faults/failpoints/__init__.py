"""SIGKILL at every step at which something is written, then a restart: python -m tests.faults.failpoints.

The process is killed from outside its own code, by a library that it loads first (`tests/faults/preload/failpoint.c`).
"""

"""Faults injected into real processes, each held against what the daemon promises: python -m tests.faults.sweep."""

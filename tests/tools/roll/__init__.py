"""Tests of the defect map of a roll."""

"""Tests of moving webs."""

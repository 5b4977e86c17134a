"""Sweeps: many runs on Ray."""

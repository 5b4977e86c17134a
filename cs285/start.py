"""Imported first by the scripts: stops and streams of their process, before anything else is imported."""

from __future__ import annotations

from cs285 import process

process.open_missing_streams()
process.take_stops()

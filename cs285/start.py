"""Imported first by the scripts: what their process is to be like before anything else is imported."""

from __future__ import annotations

import gc
import os

from cs285 import process

if "OMP_NUM_THREADS" not in os.environ:  # numpy would start threads when it is imported; see use_threads
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
gc.set_threshold(50_000)  # imports make a million objects, none of them garbage: look for some less often

process.leave_at_once_when_finished()
process.open_missing_streams()
process.take_stops()

"""Behavioural cloning, and with --do_dagger DAgger, on one task."""

import _checkout  # noqa: F401

from cs285.scripts.run_hw1 import main

if __name__ == "__main__":
    main()

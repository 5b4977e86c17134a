"""Train a policy on one task by behavioural cloning or, with --do_dagger, by DAgger."""

import _checkout  # noqa: F401

from cs285.scripts.run_hw1 import main

if __name__ == "__main__":
    main()

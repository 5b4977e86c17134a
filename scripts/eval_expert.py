"""Another name of eval_policy.py."""

from _checkout import run
from eval_policy import Settings, __doc__, main

if __name__ == "__main__":
    run(main, Settings, __doc__)

"""Exceptions that end a script with one line: what the user can mend, and what befell a worker."""


class InvalidInput(ValueError):
    """A setting, file or environment that the project can't work with.

    Its message is one line that names the value and what is allowed; the scripts
    print it and exit with code 2.
    """


class WorkerDied(RuntimeError):
    """A worker process ended in the middle of an episode: killed, or out of memory."""

"""The one exception that means: the user can mend this."""


class InvalidInput(ValueError):
    """A setting, file or environment that the project can't work with.

    Its message is one line that names the value and what is allowed; the scripts
    print it and exit with code 2.
    """

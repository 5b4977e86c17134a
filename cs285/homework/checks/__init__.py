"""Checks of the blanks, with one module for each file that has blanks, and the runner that calls the checks.

A check is a function with the name of its blank. It calls the blank, while fakes replace the other blanks. It raises
a `Mistake` for a wrong answer, and may yield a `Mistake` for an answer that works but has a disadvantage.
"""

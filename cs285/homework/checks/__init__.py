"""Checks of the blanks, a module for each file of the core, and the runner that calls them.

A check is a function named as its blank. It calls the blank with fakes in place of the others, raises a `Mistake` for
what is wrong, and may yield one for what works at a cost.
"""

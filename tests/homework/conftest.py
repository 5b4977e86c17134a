"""Fixtures of tests/scripts that run scripts, for the tests in this folder."""

from tests.scripts.conftest import script, workplace

__all__ = ["script", "workplace"]

"""The fixtures that run scripts."""

from tests.scripts.conftest import script, workplace

__all__ = ["script", "workplace"]

"""Agents: an actor and what it learns from."""

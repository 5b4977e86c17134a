"""Environments: creation by id, observation layouts and rendering."""

"""Policies: learned, loaded and brought along."""

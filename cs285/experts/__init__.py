"""Training experts."""

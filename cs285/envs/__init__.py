"""Tasks: environments by their ids, and how they are drawn."""

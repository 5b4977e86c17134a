"""Training of experts, their cards, and recording of their episodes."""

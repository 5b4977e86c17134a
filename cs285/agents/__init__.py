"""Agents: a policy and the replay buffer that it learns from."""

"""The training loop, rollouts, replay buffer, evaluation and logging."""

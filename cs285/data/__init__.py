"""What is on disk: recorded episodes, run folders, checkpoints."""

"""Reading and writing of files: recorded episodes, run folders and checkpoints."""

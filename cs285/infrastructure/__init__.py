"""The loop and what it stands on: settings, environments, data, logging."""

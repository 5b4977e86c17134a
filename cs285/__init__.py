"""Imitation learning of the Berkeley course CS285: behavioural cloning and DAgger."""

"""Many runs, on Ray."""

"""Entry points that can be imported, such as `cs285.scripts.run_hw1.main`."""

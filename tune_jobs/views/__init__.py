"""Views show a run: they get every fact and never touch the engine."""

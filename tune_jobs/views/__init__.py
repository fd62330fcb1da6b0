"""What is shown of a run: views see every fact and never the engine."""

"""The state machine of a run, its facts, and its state after them."""

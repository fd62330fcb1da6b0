"""The state machine of a run, its facts, and what they add up to."""

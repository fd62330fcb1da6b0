"""The Python door: start a run, look at it, go on with it."""

"""Runs from Python: start one, look at it, resume it."""

"""A training function as a model: `report`, `restored`, and the thread that it runs in."""

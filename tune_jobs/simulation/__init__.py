"""The other executor: the same experiment on a virtual clock."""

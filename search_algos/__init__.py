"""How trials are chosen and cut short. Pure: no Ray, no torch, no files, no clock."""

"""How trials are chosen and stopped. Pure: no Ray, no torch, no files, no clock."""

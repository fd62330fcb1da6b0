"""Programs as processes: starting and ending them, what they print and what they leave."""

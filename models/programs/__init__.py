"""Programs as processes: how they start and end, what they print, what they leave behind."""

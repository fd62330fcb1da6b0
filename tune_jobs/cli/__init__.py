"""Text in and text out: the command line."""

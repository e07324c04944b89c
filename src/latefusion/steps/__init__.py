"""The functions that the numbered scripts call; the only package that knows the names of the scripts."""

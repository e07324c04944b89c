"""What the numbered scripts call. The only place that knows the names of the scripts."""

"""The plan of an experiment: its jobs, what they depend on, and the records of what they left."""

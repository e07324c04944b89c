"""The plan of an experiment: its jobs, their dependencies and fingerprints, and the records of finished jobs."""

"""Linear probes: the features of frozen networks, stored for all experiments, and logistic regression on them."""

"""Decision-level fusion: policies turn the experts' probabilities into decisions, a vote turns decisions into labels.

The modules here read only probability tables: no images, no texts, no GPU.
"""

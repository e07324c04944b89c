"""Decision-level fusion: policies turn the experts' probabilities into decisions, the vote turns decisions into labels.

The modules here read only probability tables: no images, no texts, no GPU.
"""

"""Policies turn the experts' probabilities into decisions; a vote turns the policies' decisions into labels.

Everything here reads probability tables alone: no images, no texts, no GPU.
"""

"""Experts that read texts and images together."""

"""Experts that read texts."""

"""Experts that read images."""

"""Image files: found, checked, decoded, cached and augmented."""

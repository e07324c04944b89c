"""Image files: find, check, decode, cache and augment them."""

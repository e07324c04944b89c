"""Multimodal product classification by late fusion: experts -> policies -> vote, over tables keyed by product id."""

"""Multimodal product classification by late fusion.

Experts turn products (title, description, image) into class probabilities, policies fuse the probabilities of several
experts into decisions, and a majority vote of the policies gives the labels. They exchange tables keyed by product id.
"""

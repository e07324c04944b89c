"""Joint experts: one classifier on the features of a text and an image expert."""

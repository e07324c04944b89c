"""From a catalogue to a dataset: clean text, near-duplicates, splits and folds."""

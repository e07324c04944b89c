"""Make a dataset of a catalogue: text cleaning, near-duplicates, splits and folds."""

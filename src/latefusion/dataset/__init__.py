"""Turn a catalogue into a dataset: text cleaning, near-duplicates, splits and folds."""

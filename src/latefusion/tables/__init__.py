"""The tables that pass between steps: products, probabilities, predictions and label issues."""

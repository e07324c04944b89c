"""The tables that one step writes and others read: products, probabilities, predictions and label issues."""

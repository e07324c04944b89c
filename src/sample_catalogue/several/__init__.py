"""The sample catalogue of products with several labels: a table, and labels that only one of three inputs shows."""

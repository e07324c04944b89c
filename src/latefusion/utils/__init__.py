"""Small tools that every package uses: errors, files, locks, seeds."""

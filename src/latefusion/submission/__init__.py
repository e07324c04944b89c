"""Submissions: written so that the challenge accepts them, and checked as strictly as it does.

`write_submissions` writes the catalogue's own format; `validate_challenge` and `validate_predictions` check one file
against what was to be predicted; `validate_files` checks any file.
"""

from latefusion.submission.forms import CHALLENGES, ENS, SIGIR, Challenge
from latefusion.submission.standalone import validate_files
from latefusion.submission.validation import validate_challenge, validate_predictions
from latefusion.submission.writers import write_submissions

__all__ = [
    "CHALLENGES",
    "ENS",
    "SIGIR",
    "Challenge",
    "validate_challenge",
    "validate_files",
    "validate_predictions",
    "write_submissions",
]

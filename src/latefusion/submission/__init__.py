"""Write submissions in the format of the challenge, and validate them as strictly as the challenge does.

`write_submissions` writes the format of the catalogue; `validate_challenge` and `validate_predictions` check one file
against the products to predict; `validate_files` checks any files.
"""

from latefusion.submission.formats import CHALLENGES, ENS, SIGIR, Challenge
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

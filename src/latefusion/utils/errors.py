"""The one error a user is meant to read: the scripts print its message without a traceback and exit with status 2."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message says what is wrong, where (file, row, id), and what to do."""


def list_problems(headline: str, problems: list[str], advice: str, limit: int = 20) -> InputError:
    """Build one error out of many problems: the headline, the first `limit` of them, and what to do."""
    shown = [f"  {problem}" for problem in problems[:limit]]
    if len(problems) > limit:
        shown.append(f"  ... and {len(problems) - limit} more")
    return InputError("\n".join([headline, *shown, advice]))

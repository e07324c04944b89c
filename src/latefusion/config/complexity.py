"""The complexity of a method: `submit: best` takes the simplest of those not clearly worse than the best."""

from typing import Literal, get_args

# expert: a single one; rule: a fixed rule; weights: a rule that learns one weight per expert; the vote: of policies.
Complexity = Literal["expert", "rule", "weights", "logistic", "boosting", "network", "vote"]
COMPLEXITIES: tuple[Complexity, ...] = get_args(Complexity)  # the simplest first

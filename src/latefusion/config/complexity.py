"""The complexity of a method: `submit: best` takes the simplest of those not clearly worse than the best."""

from typing import Literal, get_args

# expert: a single one; rule: a fixed rule; weights: a rule that learns one weight per expert; select: which of two
# experts decides; on_demand: two policies and what chooses between them; the vote: of policies;
# raw_select: which of two experts decides, by a network on raw inputs, as large as an expert.
Complexity = Literal[
    "expert", "rule", "weights", "select", "ridge", "logistic", "boosting", "network", "on_demand", "vote", "raw_select"
]
COMPLEXITIES: tuple[Complexity, ...] = get_args(Complexity)  # the simplest first

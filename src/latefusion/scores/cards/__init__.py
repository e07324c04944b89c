"""Cards: what was trained on what, the scores, the limits, and the licences of the weights, on one page of Markdown.

The step `vote` writes the card of an experiment, `submissions/<experiment>/README.md`, whenever scores are made. The
card of an exported model (`predictor.card`) is made of the same sections. Both begin with what the Hugging Face Hub
reads.

- `experiment`: the card of an experiment;
- `front_matter`: the part for the hub; `data`, `experts`, `limits`: the sections; `markdown`: tables, escaped text.
"""

from latefusion.scores.cards.experiment import experiment_card

__all__ = ["experiment_card"]

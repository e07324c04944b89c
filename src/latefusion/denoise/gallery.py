"""The gallery of label issues: one self-contained HTML file with a card for each suspicious product."""

import base64
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined

THUMBNAIL = 112  # pixels
PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Label issues</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
h2 { margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc }
.cards { display: flex; flex-wrap: wrap; gap: 12px }
.card { width: 180px; border: 1px solid #ccc; border-radius: 6px; padding: 8px }
.card.removed { border-color: #c33; background: #fff4f4 }
.card img { display: block; margin: 0 auto 6px }
.given { color: #c33 } .suggested { color: #276 }
.id, .margin { color: #777; font-size: 12px }
</style>
<h1>Label issues</h1>
<p>{{ issues|length }} products whose image contradicts their label; {{ issues["removed"].sum() }} of them (red) are
removed from the clean training set of the image experts. The {{ n_shown }} most suspicious are shown;
label_issues.parquet has all.</p>
{% for given, n, cards in sections %}
<h2>{{ given }}: {{ cards|length }} of {{ n }} suspicious</h2>
<div class="cards">
{% for issue in cards %}
<div class="card{{ " removed" if issue.removed }}"><img src="{{ thumbnail(issue.Index) }}" alt="">
<div>{{ titles[issue.Index] }}</div>
<div>given <span class="given">{{ issue.given }}</span> ({{ "%.0f"|format(100 * issue.given_prob) }}%)</div>
<div>suggested <span class="suggested">{{ issue.suggested }}</span>
({{ "%.0f"|format(100 * issue.suggested_prob) }}%)</div>
<div class="margin">margin {{ "%.2f"|format(issue.margin) }}</div><div class="id">{{ issue.Index }}</div></div>
{% endfor %}
</div>
{% endfor %}
</html>
"""
TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(PAGE)


def gallery_html(issues: pd.DataFrame, titles: pd.Series, thumbnail: Callable[[str], np.ndarray], limit: int) -> str:
    """Return the HTML of the gallery: the first `limit` issues, grouped by given label, most suspicious first.

    Classes are in the order of their most suspicious product. `issues`: the table of label issues; `titles`: indexed by
    product id; `thumbnail`: a function that returns the thumbnail of a product id, (side, side, 3) uint8 RGB.
    """
    shown, sizes = issues[:limit], issues["given"].value_counts()
    sections = [  # not sorted: in the order of their first product
        (given, sizes[given], list(group.itertuples())) for given, group in shown.groupby("given", sort=False)
    ]
    return TEMPLATE.render(
        issues=issues, sections=sections, n_shown=len(shown), titles=titles,
        thumbnail=lambda product: _data_url(thumbnail(product)),
    )  # fmt: skip


def _data_url(thumbnail: np.ndarray) -> str:
    _, encoded = cv2.imencode(".jpg", thumbnail[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"

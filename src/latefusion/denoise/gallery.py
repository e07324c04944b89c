"""The gallery of label issues: one self-contained HTML file with a card for each suspicious product."""

import base64
import html
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd

THUMBNAIL = 112  # pixels
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
h2 { margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc }
.cards { display: flex; flex-wrap: wrap; gap: 12px }
.card { width: 180px; border: 1px solid #ccc; border-radius: 6px; padding: 8px }
.card.removed { border-color: #c33; background: #fff4f4 }
.card img { display: block; margin: 0 auto 6px }
.given { color: #c33 } .suggested { color: #276 }
.id, .margin { color: #777; font-size: 12px }
"""


def gallery_html(issues: pd.DataFrame, titles: pd.Series, thumbnail: Callable[[str], np.ndarray], limit: int) -> str:
    """Return the HTML of the gallery: the first `limit` issues, grouped by given label, most suspicious first.

    Classes are in the order of their most suspicious product. `issues`: the table of label issues; `titles`: indexed by
    product id; `thumbnail`: a function that returns the thumbnail of a product id, (side, side, 3) uint8 RGB.
    """
    shown = issues[:limit]
    sections = []
    for given, group in shown.groupby("given", sort=False):  # not sorted: in the order of their first product
        cards = "".join(_card(issue, titles[issue.Index], thumbnail(issue.Index)) for issue in group.itertuples())
        count = f"{len(group)} of {(issues['given'] == given).sum()} suspicious"
        sections.append(f"<h2>{html.escape(given)}: {count}</h2>\n<div class='cards'>{cards}</div>")
    intro = (
        f"{len(issues)} products whose image contradicts their label; {issues['removed'].sum()} of them (red) are "
        f"removed from the clean training set of the image experts. The {len(shown)} most suspicious are shown; "
        "label_issues.parquet has all."
    )
    return (
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>Label issues</title><style>{STYLE}</style>\n"
        f"<h1>Label issues</h1>\n<p>{intro}</p>\n{''.join(sections)}\n</html>\n"
    )


def _card(issue, title: str, thumbnail: np.ndarray) -> str:
    removed = " removed" if issue.removed else ""
    given, suggested, id_ = (html.escape(str(text)) for text in (issue.given, issue.suggested, issue.Index))
    return (
        f"<div class='card{removed}'><img src='{_data_url(thumbnail)}' alt=''>"
        f"<div>{html.escape(title)}</div>"
        f"<div>given <span class='given'>{given}</span> ({issue.given_prob:.0%})</div>"
        f"<div>suggested <span class='suggested'>{suggested}</span> ({issue.suggested_prob:.0%})</div>"
        f"<div class='margin'>margin {issue.margin:.2f}</div><div class='id'>{id_}</div></div>\n"
    )


def _data_url(thumbnail: np.ndarray) -> str:
    _, encoded = cv2.imencode(".jpg", thumbnail[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"

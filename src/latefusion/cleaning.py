"""Text cleaning: what a title or description says, without the HTML it was pasted with."""

import html
import re

_TAG = re.compile(r"<(?:/?[A-Za-z]|!)[^<>]{0,1000}>")  # not what stands between "< 6 ans" and "> 2 kg"
_ENTITY = re.compile(r"&(#\d+|#[xX][0-9a-fA-F]+|\w+);")


def clean(text: str, mode: str = "decode") -> str:
    """Return the text on one line, tags gone and spaces collapsed.

    `decode` turns entities into the characters they stand for (`l&#39;eau` -> `l'eau`); `published` is the winners'
    code, which puts a space in their place (`l eau`) and so loses `&eacute;`.
    """
    # Tags go first: an entity such as &lt;b&gt; is text about a tag, not a tag.
    text = _TAG.sub(" ", text)
    text = _ENTITY.sub(" ", text) if mode == "published" else html.unescape(text)
    return " ".join(text.split())

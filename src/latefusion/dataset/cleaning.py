"""Text cleaning: what a title or description says, without the HTML and the accidents it was pasted with.

Every pattern is linear in the text's length, for descriptions of 100 kB are met.
"""

import html
import re
import unicodedata
from html.entities import html5

# --- markup ----------------------------------------------------------------------------------------------------------
_INVISIBLE_BLOCKS = [  # opener, closer
    (r"<!--", r"-->"),
    (r"<script\b[^<>]*>", r"</script\s*>"),
    (r"<style\b[^<>]*>", r"</style\s*>"),
]
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
# A letter must follow: "< 6 ans" and "> 2 kg" are text. An attribute's value may hold "<" and ">".
_TAG = re.compile(r"""<[/!?]?[A-Za-z](?:"[^"]{0,300}"|'[^']{0,300}'|[^"'<>])*+>""")
_TAG_WITH_STRAY_QUOTE = re.compile(r"<[/!?]?[A-Za-z][^<>]{0,1000}>")
_UNCLOSED_TAG = re.compile(
    r"""</?(?:a|b|big|br|center|div|em|font|h[1-6]|hr|i|iframe|img|li|ol|p|small|span|strong|su[bp]|t[dhr]|table|tbody"""
    r"""|u|ul)\b(?:\s+[A-Za-z-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|["']?[^\s"'<>]++))*+\s*+/?""",
    re.I,
)
# --- entities --------------------------------------------------------------------------------------------------------
# Without its semicolon an entity must end at a word's end, and not be an address's parameter: "?a=1&copy=2".
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31})(;|(?![A-Za-z0-9=;]))")
# The winners' own expression (github.com/Wang-Shuo/SIGIR2020Challenge, preprocess.py), in two steps, which is the same,
# for no tag begins or ends within an entity: from each "<" to the next ">" of the line, then lower-case entities.
_PUBLISHED_TAG = re.compile(r"<[^>\n]*(>?)")
_PUBLISHED_ENTITY = re.compile(r"&(?:[a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
_NESTING = 3  # "&amp;amp;eacute;": every export may have escaped once more
# --- characters ------------------------------------------------------------------------------------------------------
_WIDE_OR_LIGATURE = re.compile("[\ufb00-\ufb06\uff01-\uffee\u3000]+")
_ZERO_WIDTH = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]")  # not the joiners inside emoji
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")  # controls, half pairs, private use (bullets)


def clean(text: str, mode: str = "decode") -> str:
    """Return the text on one line, tags gone and spaces collapsed.

    `decode` turns entities into the characters they stand for (`l&#39;eau` -> `l'eau`), also where they were escaped
    twice or shouted (`&EACUTE;`), strips tags that were escaped too, splits ligatures, narrows full-width characters
    and drops what is no text. `repair` also undoes mojibake (`Ã©` -> `é`) with ftfy. `published` is what the winners'
    code does, flaws and all: a space for each entity written in lower case (`l&#39;eau` -> `l eau`; `&eacute;` is lost,
    `&Eacute;` and `&#xE9;` stay) and for all from a `<` to the next `>` of its line, be it a tag or `< 3 ans et >`.
    """
    if mode == "published":
        return " ".join(_PUBLISHED_ENTITY.sub(" ", _PUBLISHED_TAG.sub(_space_if_closed, text)).split())
    text = _without_markup(text)
    if mode == "repair":
        from ftfy import fix_encoding

        text = fix_encoding(text)
    text = _WIDE_OR_LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = _NOT_TEXT.sub(" ", _ZERO_WIDTH.sub("", text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _without_markup(text: str) -> str:
    """Strip tags, decode entities, and again while that brings new ones to light."""
    for _ in range(_NESTING):
        text = _strip_tags(text)
        decoded = _ENTITY.sub(_decode, text)
        if decoded == text:
            return text
        text = decoded
    return _strip_tags(text)


def _space_if_closed(found: re.Match) -> str:
    return " " if found[1] else found[0]


def _strip_tags(text: str) -> str:
    if "<" not in text:
        return text
    text = _CDATA.sub(" ", text)
    for opener, closer in _INVISIBLE_BLOCKS:
        text = _strip_blocks(text, opener, closer)
    for pattern in (_TAG, _TAG_WITH_STRAY_QUOTE, _UNCLOSED_TAG):
        text = pattern.sub(" ", text)
    return text


def _strip_blocks(text: str, opener: str, closer: str) -> str:
    """Remove closed blocks with all they hold; of an unclosed one the opener alone, for what follows may be text."""
    last_end = max((found.end() for found in re.finditer(closer, text, re.I)), default=0)
    closed = re.sub(f"{opener}.*?{closer}", " ", text[:last_end], flags=re.I | re.S)
    return re.sub(opener, " ", closed + text[last_end:], flags=re.I)


def _decode(found: re.Match) -> str:
    name, semicolon = found.groups()
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    if name + semicolon in html5:
        return html5[name + semicolon]
    if semicolon and name.isupper() and f"{name.lower()};" in html5:  # an upper-cased title: "CAF&EACUTE;"
        return html5[f"{name.lower()};"].upper()
    return found[0]

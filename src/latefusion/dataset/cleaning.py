"""Text cleaning: remove HTML and encoding errors from titles and descriptions.

The running time of every pattern is linear in the text's length: some descriptions have 100 kB.
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
# A letter must follow "<": "< 6 ans" and "> 2 kg" are text. The value of an attribute may hold "<" and ">".
_TAG = re.compile(r"""<[/!?]?[A-Za-z](?:"[^"]{0,300}"|'[^']{0,300}'|[^"'<>])*+>""")
_TAG_WITH_STRAY_QUOTE = re.compile(r"<[/!?]?[A-Za-z][^<>]{0,1000}>")
_UNCLOSED_TAG = re.compile(
    r"""</?(?:a|b|big|br|center|div|em|font|h[1-6]|hr|i|iframe|img|li|ol|p|small|span|strong|su[bp]|t[dhr]|table|tbody"""
    r"""|u|ul)\b(?:\s+[A-Za-z-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|["']?[^\s"'<>]++))*+\s*+/?""",
    re.I,
)
# --- entities --------------------------------------------------------------------------------------------------------
# An entity without a semicolon must end where a word ends, and must not be a parameter of a URL: "?a=1&copy=2".
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31})(;|(?![A-Za-z0-9=;]))")
# The winners' own expression (github.com/Wang-Shuo/SIGIR2020Challenge, preprocess.py), in two steps: first everything
# from a "<" to the next ">" on the line, then lower-case entities. The result is the same: entities hold no "<" or ">".
_PUBLISHED_TAG = re.compile(r"<[^>\n]*(>?)")
_PUBLISHED_ENTITY = re.compile(r"&(?:[a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
_NESTING = 3  # rounds of decoding; "&amp;amp;eacute;": each export of the data may have escaped it again
# --- characters ------------------------------------------------------------------------------------------------------
_WIDE_OR_LIGATURE = re.compile("[\ufb00-\ufb06\uff01-\uffee\u3000]+")
_ZERO_WIDTH = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]")  # not the joiners inside emoji
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")  # control, surrogate, private use (bullets)


def clean(text: str, mode: str = "decode") -> str:
    """Return the text on one line, without tags and with single spaces.

    Modes:
    - `decode` replaces entities by their characters (`l&#39;eau` -> `l'eau`), including entities that were escaped
      twice or upper-cased (`&EACUTE;`); it removes tags, including escaped ones, splits ligatures, makes full-width
      characters half-width, and removes control characters and the like.
    - `repair` does the same and repairs mojibake (`Ã©` -> `é`) with ftfy.
    - `published` does the same as the winners' code, including its errors. Each lower-case entity becomes a space
      (`l&#39;eau` -> `l eau`; `&eacute;` is lost; `&Eacute;` and `&#xE9;` stay). So does everything from a `<` to the
      next `>` on the line, whether it is a tag or `< 3 ans et >`.
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
    """Remove tags and decode entities, repeatedly, because decoding may produce new tags and entities."""
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
    """Remove closed blocks with their content; of unclosed blocks only the opener, because text may follow it."""
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

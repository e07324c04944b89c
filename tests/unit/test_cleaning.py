"""Text cleaning: a table of what catalogues hold, and what a reader would see."""

import pytest

from latefusion.dataset.cleaning import clean

CASES = {
    # entities
    "numeric entity": ("l&#39;eau", "l'eau"),
    "hexadecimal entity": ("caf&#xE9; caf&#XE9;", "café café"),
    "named entity": ("caf&eacute;  noir", "café noir"),
    "shouted entity": ("CAF&EACUTE; &NBSP;NOIR &AMP; BLANC", "CAFÉ NOIR & BLANC"),
    "shouted ligature": ("B&OELIG;UF", "BŒUF"),
    "entity escaped twice": ("&amp;eacute;t&amp;eacute; l&amp;#39;hiver", "été l'hiver"),
    "entity escaped three times": ("&amp;amp;quot;x&amp;amp;quot;", '"x"'),
    "entity without semicolon": ("caf&eacute noir", "café noir"),
    "windows-1252 number": ("l&#146;eau &#150; 5&#128;", "l’eau – 5€"),
    "number of nothing": ("a&#0;b", "a\ufffdb"),
    "no-break space": ("un&nbsp;deux\u00a0trois\t\nquatre", "un deux trois quatre"),
    "ampersands that are no entities": ("R&D AT&T H&M; Dolce & Gabbana", "R&D AT&T H&M; Dolce & Gabbana"),
    "shouted words that are no entities": ("ARGENT&OR TOUT&NE H&MU MAC&GE", "ARGENT&OR TOUT&NE H&MU MAC&GE"),
    "address with parameters": ("x.fr/?a=1&copy=2&reg=3", "x.fr/?a=1&copy=2&reg=3"),
    # tags
    "tags": ("a<br/>b<p class='x'>c</p>", "a b c"),
    "escaped tags": ("&lt;p&gt;Lampe&lt;/p&gt;", "Lampe"),
    "upper-case tags": ("<P>Lampe<BR>rouge</P>", "Lampe rouge"),
    "unclosed at the end": ("Lampe rouge<br", "Lampe rouge"),
    "unclosed before text": ("Lampe <br rouge", "Lampe rouge"),
    "unclosed in an attribute": ('<p style="color:red Lampe', "Lampe"),
    "unclosed before a tag": ("<div class=x <b>Lampe</b>", "Lampe"),
    "greater-than in an attribute": ('<img alt="a > b" src=x>Lampe', "Lampe"),
    "less-than in an attribute": ("<img alt='a < b'/>Lampe", "Lampe"),
    "stray quote in a tag": ("<p l'eau>Lampe d'appoint", "Lampe d'appoint"),
    "comment, style, script": ("<!-- x > y --><style>p{}</style>Lampe<script>if(a<b){}</script>", "Lampe"),
    "office comment": ("<!--[if gte mso 9]><xml>x</xml><![endif]-->Lampe", "Lampe"),
    "unclosed comment and style": ("Lampe <!-- rouge <style> 5 cm", "Lampe rouge 5 cm"),
    "in angle brackets, lost as a browser would": ("taille <XL> noir", "taille noir"),
    "cdata": ("<![CDATA[Lampe]]>", "Lampe"),
    "comparisons are text": ("age < 6 ans, poids > 2 kg, i <3 u", "age < 6 ans, poids > 2 kg, i <3 u"),
    "escaped comparisons": ("5 &lt; 7 &amp; 3", "5 < 7 & 3"),
    # characters
    "full width": ("ＦＵＬＬ　ｗｉｄｔｈ １２", "FULL width 12"),
    "ligatures": ("ﬁn ofﬁce ﬂeur", "fin office fleur"),
    "decomposed accent": ("cafe\u0301", "café"),
    "emoji stay whole": ("👩\u200d👧 super 😀", "👩\u200d👧 super 😀"),
    "control characters": ("a\x00b\x07c\x1bd", "a b c d"),
    "soft hyphen, zero width, byte order mark": ("\ufefflam\u00adpe rou\u200bge", "lampe rouge"),
    "half a surrogate pair, private use": ("a\ud83db \uf0b7 c", "a b c"),
    "measures stay as they are": ("2 m² ½ l´eau 5€ ™", "2 m² ½ l´eau 5€ ™"),
    "mojibake is left to `repair`": ("CafÃ©", "CafÃ©"),
    "a title that looks like nothing": ("null", "null"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_a_reader_would_see(text, expected):
    assert clean(text) == expected
    assert clean(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CafÃ© crÃ¨me", "Café crème"),
        ("&Atilde;&copy;t&Atilde;&copy;", "été"),
        ("lâ€™eau", "l’eau"),
        ("café déjà bien écrit", "café déjà bien écrit"),
    ],
)
def test_repair_undoes_mojibake(text, expected):
    assert clean(text, "repair") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l&#39;eau", "l eau"),
        ("caf&eacute;  noir", "caf noir"),
        ("a<br/>b<p class='x'>c</p>", "a b c"),
        ("5 &lt; 7 &amp; 3", "5 7 3"),
        ("R&D 3 < 4", "R&D 3 < 4"),
        ("dès < 3 ans et > 2 kg, l&#39;eau", "dès 2 kg, l eau"),  # whatever is between the two is a tag
        ("a <b l&#39;eau", "a <b l eau"),  # but not what is never closed
        ("i <3 u\n> 2", "i <3 u > 2"),  # or closed on another line
        ("<!-- un -->deux<!-- a > b -->", "deux b -->"),  # a comment is a tag: up to the first >
        ("<style>p{}</style>", "p{}"),
        ('<img alt="a > b">', 'b">'),
        ("&Eacute;t&eacute; &EACUTE; &NBSP;", "&Eacute;t &EACUTE; &NBSP;"),  # entities in lower case alone
        ("&#xe9; &#xE9; &#XE9; &#1234567;", "&#xE9; &#XE9; &#1234567;"),
        ("&amp;eacute; &amp;#39;", "eacute; #39;"),
        ("caf&eacute noir, a&b;c, H&M;", "caf&eacute noir, a c, H&M;"),
        ("&lt;p&gt;", "p"),
        ("é\u200bcole ＡＢＣ \ufb01n CafÃ©", "é\u200bcole ＡＢＣ \ufb01n CafÃ©"),  # and characters as they are
    ],
)
def test_the_published_way_is_the_winners_flaws_and_all(text, expected):
    assert clean(text, "published") == expected


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "-->", "<a '", '<p a="b ', "</", "<script>", "&", "&amp;", "<![CDATA[", "mot "]
)
def test_a_megabyte_of_the_worst_is_cleaned(piece):
    """No time is asserted, but a pattern of quadratic time would need an hour for these."""
    text = piece * (1_000_000 // len(piece))
    for mode in ("decode", "published"):
        assert len(clean(text, mode)) <= len(text)

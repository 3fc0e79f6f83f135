"""Reading what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import risk

read = risk.ruleset().normalise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I DON'T know", "i do not know"),
        ("i dont know", "i do not know"),
        ("I don’t know", "i do not know"),
        ("gonna wanna", "going to want to"),
        ("k!ll k1ll ki11 k*ll", "kill kill kill kill"),
        ("su1cide $uicide s.u.i.c.i.d.e", "suicide suicide suicide"),
        ("m y s e l f", "myself"),
        ("my self", "myself"),
        ("killmyself", "kill myself"),
        ("dieeee", "die"),
        ("unalive", "kms"),
        ("self-harm s/h", "self harm self harm"),
        ("ｗａｎｔ", "want"),
        ("kі\u200bll", "kill"),
        ("naïve café", "naive cafe"),
        ("home.I left", "home . i left"),
        ("wait... what?!", "wait . what ?"),
        ("k<b>il</b>l my<i></i>self", "kill myself"),
        ("I want<br>to <SPAN class='x'>die</SPAN>", "i want to die"),
        ("kill&nbsp;myself &#107;ill rock &amp; roll", "kill myself kill rock roll"),
        ("3 < 5 and <3 x<y", "3 5 and 3 x y"),
        ("- one\n- two", "- one - two"),
        ("🔫", "gun"),
        ("😀", ""),
        ("", ""),
        ("我想死", "我 想 死"),
        # one slip from a word of a pattern
        ("blow my brians out, watning to snpa", "blow my brains out , wanting to snpa"),
        ("bloood in my vommit, exausted", "blood in my vomit , exhausted"),
        ("afraid Ill snap, Id rather", "afraid i will snap , i would rather"),
        ("i feel so ill, be kind, my id do", "i feel so ill , be kind , my id do"),
        ("I k i l led, d1ed, d!eeeee", "i killed , died , die"),
        ("k1llmyself k*llmyself", "kill myself kill myself"),
        ("рау her, пока он", "pay her , пока он"),
        # as it is said
        ("stabbin in me chest, r u comin", "stabbing in my chest , are you coming"),
        ("fixin to faint, someone's sat on it", "about to faint , someone is sat on it"),
        ("cryin n shakin", "crying and shaking"),
        ("a puffin, a muffin, a cabin", "a puffin , a muffin , a cabin"),
        # real words stay what they are
        ("sacred angle trail, Brian is homeless", "sacred angle trail , brian is homeless"),
        ("5am 50ft mp3s, shattered, meditation", "5am 50ft mp3s , shattered , meditation"),
        ("skill bill will till hill", "skill bill will till hill"),
        ("a live show, slot, shot, hung", "a live show , slot , shot , hung"),
        ("b12 3am 10/10", "b12 3am 10 / 10"),
    ],
)
def test_it_reads(text: str, words: str) -> None:
    assert " ".join(read(text).words) == words


@given(st.text(max_size=200) | st.text("<>/&;#bipr k107", max_size=60))
def test_every_word_knows_where_it_stood(text: str) -> None:
    result = read(text)
    assert len(result.words) == len(result.starts) == len(result.ends) == len(result.at)
    for start, end in zip(result.starts, result.ends, strict=True):
        assert 0 <= start < end <= len(text)
    assert result.starts == sorted(result.starts)

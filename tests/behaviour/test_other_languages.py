"""A message that worries in another language: numbers in that language, and a human."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot import content
from bot.spoken import languages, spoken
from clinic.records.models import Conversation, Escalation, Message
from tests.behaviour.conftest import Edge

LOCALES = content.locales()


@pytest.mark.parametrize(
    ("text", "locale", "words"),
    [
        ("quiero morir", "es", "Puedes llamar ahora al 988"),
        ("je veux mourir", "fr", "Vous pouvez appeler le 988"),
        ("ich will mich umbringen, ich kann nicht mehr", "de", "Tag und Nacht: 988"),
        ("eu quero morrer", "pt", "ligar agora para 988"),
        ("我想自杀", "zh", "拨打 988"),
        ("मैं मरना चाहता हूँ", "hi", "988 पर फ़ोन"),
        ("main marna chahta hoon", "hi", "988 पर फ़ोन"),
    ],
)
def test_the_card_speaks_the_patients_language(edge: Edge, text: str, locale: str, words: str):
    received = edge.say(text)
    card, wait = received["replies"]
    assert [card["content"], wait["content"]] == ["safety.card", "safety.wait_human"]
    assert words in card["text"]
    assert "911" in card["text"]
    with edge.world.system.database.read() as session:
        stored = session.get_one(Message, card["id"])
        assert (stored.locale, stored.content_version) == (locale, 1)
        assert session.scalars(select(Escalation)).one().state == "open"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hoy no me siento bien y no se que hacer con mi familia", "espera a esa persona"),
        ("je ne suis pas bien du tout et je ne sais plus quoi faire", "Veuillez attendre"),
    ],
)
def test_words_the_rules_cannot_read_call_a_human_and_say_so(edge: Edge, text: str, words: str):
    received = edge.say(text)
    assert [reply["content"] for reply in received["replies"]] == ["safety.wait_human"]
    assert words in received["replies"][0]["text"]
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().reason.startswith("language.")
        assert session.get_one(Conversation, edge.conversation).risk_level == "watch"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quiero morir", "en inglés"),
        ("je veux mourir", "en anglais"),
        ("ich will mich umbringen, ich kann nicht mehr", "auf Englisch"),
        ("eu quero morrer", "em inglês"),
        ("我想自杀", "英文"),
        ("मैं मरना चाहता हूँ", "अंग्रेज़ी में"),
    ],
)
def test_it_is_said_that_what_follows_is_in_english_and_need_not_be_answered(
    edge: Edge, text: str, words: str
):
    assert words in edge.say(text)["replies"][1]["text"]


def test_a_country_nobody_checked_is_named_in_the_language(edge: Edge):
    with edge.world.system.database.write() as session:
        session.get_one(Conversation, edge.conversation).patient.country = "XX"
    received = edge.say("quiero morir")
    assert "teléfono de ayuda local" in received["replies"][0]["text"]


@pytest.mark.parametrize(
    "text", ["I want to die", "kms lol", "no me gusta but I'm fine, thanks for asking", "死"]
)
def test_english_and_a_borrowed_word_stay_english(text: str):
    assert spoken(text) is None


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_has_the_same_items_with_the_same_places(locale: str):
    english, theirs = content.registry(), content.registry(locale)
    own = [item for item in theirs if item.id not in english or english.item(item.id) != item]
    for item in own:
        assert len(item.variants) == 1
        if item.id in english:
            allowed = english.item(item.id).values
            assert item.values <= allowed
            assert {"crisis_line", "emergency_number"} & item.values
    needed = {"safety.card", "safety.card_danger", "safety.card_medical", "safety.wait_human"}
    assert needed <= {item.id for item in own}


def test_the_languages_that_are_shipped_are_all_known_when_written():
    assert {one.code for one in languages()} == {"de", "es", "fr", "hi", "pt", "zh"}
    assert all(one.words or one.letters for one in languages())

"""What a patient sends is on the record, assessed, and answered honestly (design 2)."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import select

from clinic.conversation import screening, typed
from clinic.records.models import Escalation, Message, Outbox, RiskAssessment
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says

RISK = "I want to kill myself tonight"


def alerts(edge: Edge) -> list[Escalation]:
    with edge.world.system.database.read() as session:
        return list(session.scalars(select(Escalation)))


def test_a_message_is_stored_assessed_and_answered(edge: Edge):
    accepted = edge.say("the light stayed with me")
    assert accepted["message"]["text"] == "the light stayed with me"
    assert edge.contents()[-1] == "conversation.out_of_scope"
    with edge.world.system.database.read() as session:
        row = session.get_one(RiskAssessment, accepted["message"]["id"])
    assert (row.level, row.unscreened) == ("none", False)
    assert edge.peer.turns[-1]["context"]["stage"] == "day_1"


def test_risk_brings_card_alert_and_notification_in_the_receipt(edge: Edge):
    edge.peer.act = edge.peer.hang
    accepted = edge.post({"text": RISK}).json()
    assert [reply["content"] for reply in accepted["replies"]] == ["safety.card"]
    with edge.world.system.database.read() as session:
        alert = session.scalars(select(Escalation)).one()
        assert alert.level == "emergency"
        assert session.scalars(select(Outbox)).one().escalation_id == alert.id
    edge.peer.release.set()


def test_the_same_key_again_returns_the_same_answer_and_stores_nothing_new(edge: Edge):
    first = edge.post({"text": RISK}, key="one-and-the-same")
    again = edge.post({"text": RISK}, key="one-and-the-same")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["message"]["id"] == again.json()["message"]["id"]
    assert [r["id"] for r in first.json()["replies"]] == [r["id"] for r in again.json()["replies"]]
    edge.settle()
    with edge.world.system.database.read() as session:
        words = session.scalars(select(Message).where(Message.author == "patient")).all()
    assert len(words) == 1
    assert len(alerts(edge)) == 1


@pytest.mark.parametrize("text", ["/greet", "/restart", '/safety_answer{"answer": "no"}', " /x"])
def test_text_that_starts_with_a_slash_is_text(edge: Edge, text: str):
    edge.say(text)
    sent = edge.peer.turns[-1]["message"]
    assert sent == {"kind": "text", "text": text.strip()}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script><b>bold</b>",
        "**bold** [link](javascript:1) {clinic_name} {{7*7}} %s",
        "🌊🌊🌊",
        "zero\u200bwidth and \u202ebidi",
        "x" * 20_000,
    ],
)
def test_odd_text_is_kept_letter_for_letter(edge: Edge, text: str):
    edge.say(text)
    assert edge.shown()[0]["text"] == text


def test_control_characters_are_dropped_and_line_breaks_stay(edge: Edge):
    assert edge.say("one\x00\x07\r\ntwo\tthree")["message"]["text"] == "one\ntwo\tthree"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200d", "\x00"])
def test_nothing_at_all_is_refused_in_words(edge: Edge, text: str):
    answer = edge.post({"text": text})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "about:empty"


def test_too_long_is_refused_with_what_to_do(edge: Edge):
    answer = edge.post({"text": "x" * 20_001})
    assert answer.status_code == 422
    assert "two parts" in answer.json()["title"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{not json", 422),
        (b"[]", 422),
        (b'{"text": 7}', 422),
        (b'{"text": null}', 422),
        (b'{"text": "a", "choice": "b", "message": "c"}', 422),
        (b'{"text": "a", "extra": 1}', 422),
        (b'{"message": "nope", "choice": "yes"}', 422),
        (b'{"text": "' + b"x" * 2_000_001 + b'"}', 413),
    ],
)
def test_a_body_that_is_no_message_is_a_problem_not_a_crash(edge: Edge, body: bytes, status: int):
    answer = edge.client.post(
        "/api/messages",
        content=body,
        headers={"Idempotency-Key": "a-good-key", "Content-Type": "application/json"},
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "xxxx" not in answer.text


def test_a_button_of_somebody_elses_conversation_is_unknown(edge: Edge):
    edge.say("hello")
    other = edge.world.patient("Other Person")
    admission = edge.world.session(other)
    theirs = edge.shown()[-1]["id"]
    edge.client.cookies.clear()
    edge.client.cookies.set("afterglow_patient", admission.token)
    answer = edge.post({"message": theirs, "choice": "reflect"})
    assert answer.json()["type"] == "about:unknown-choice"


def test_a_detector_that_raises_fails_toward_a_human(edge: Edge, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(screening.risk, "assess", broken)
    accepted = edge.say("an ordinary sentence")
    with edge.world.system.database.read() as session:
        row = session.get_one(RiskAssessment, accepted["message"]["id"])
    assert (row.level, row.unscreened) == ("urgent", True)
    assert [alert.reason for alert in alerts(edge)] == ["unscreened"]


def test_a_detector_that_hangs_fails_toward_a_human(tmp_path, peer, monkeypatch):
    import threading

    from tests.behaviour.conftest import open_edge
    from tests.builders import World

    world = World.make(tmp_path, assistant_url=peer.url, screen_deadline=0.05)
    over = threading.Event()
    with open_edge(world, peer) as edge:
        monkeypatch.setattr(screening.risk, "assess", lambda *_: over.wait(30))
        edge.say("an ordinary sentence")
        assert [alert.reason for alert in alerts(edge)] == ["unscreened"]
        over.set()
    world.system.database.close()


def test_no_words_of_the_patient_reach_log_mail_error_or_address(edge: Edge, caplog, peer):
    """Invariant I9, with a word that could come from nowhere else."""
    caplog.set_level(logging.DEBUG)
    canary = "quillfeather"
    peer.act = lambda _turn: 500
    edge.say(f"{canary}: {RISK}")
    edge.engine()
    refused = edge.post({"text": canary, "extra": canary})
    assert refused.status_code == 422
    assert canary not in refused.text
    assert canary not in caplog.text
    assert "Sam Rivera" not in caplog.text
    with edge.world.system.database.read() as session:
        row = session.scalars(select(Outbox)).one()
        assert canary not in repr((row.params, row.key, row.template))
    raw = b"".join(p.read_bytes() for p in edge.world.system.settings.home.glob("clinic.db*"))
    assert canary.encode() not in raw


def test_a_patients_braces_are_never_a_template(edge: Edge):
    """Invariant I3: the companion quotes words back; they stay words."""
    words = "{emergency_number} {secret}"
    registry = edge.world.system.words
    quoting = next(item for item in registry if item.values - KNOWN)
    name = next(iter(quoting.values - KNOWN))

    def quote(turn):
        reply = says(turn, quoting.id)
        reply["messages"][0]["values"] = dict.fromkeys(quoting.values - KNOWN, words)
        return reply

    edge.peer.act = quote
    edge.say("anything")
    assert words in edge.shown()[-1]["text"], name


KNOWN = {
    "clinic_name",
    "clinic_phone",
    "clinic_hours",
    "emergency_number",
    "crisis_line",
    "reads_within",
    "clinic_open",
}


def test_intake_is_one_transaction(edge: Edge, monkeypatch):
    """A failure at the very end of intake leaves neither message nor alert nor notification."""

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(edge.world.system.audit), "add", full)
    answer = edge.post({"text": RISK})
    assert answer.status_code == 503
    assert answer.json()["saved"] is False
    monkeypatch.undo()
    assert alerts(edge) == []
    assert edge.shown() == []


def test_normalising_keeps_words_as_typed():
    assert typed.normalise("  I  don’t—know\r\n\r\nreally ") == "I  don’t—know\n\nreally"

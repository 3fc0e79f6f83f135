"""The one door: who may come in, what a turn may be, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import base64
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import CLINIC, SCREENER, SECRET, Reply, Server, Talk
from test_reflection import walk

from bot import contract
from bot.embedding import EmbeddingError, embed
from bot.rasa import expected, inprocess, tracker_store

TEXT = {"kind": "text", "text": "hello"}


def choice(payload: str) -> dict[str, str]:
    return {"kind": "choice", "text": "x", "payload": payload}


# ---- Who may come in ----


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", "sécret"])
def test_without_the_secret_nobody_comes_in(talk: Talk, secret: str | None) -> None:
    if secret and not secret.isascii():
        secret = secret.encode().decode("latin-1")
    status, body, kind = talk.server.post(talk.turn(TEXT), secret)
    assert (status, kind) == (401, "application/problem+json")
    assert set(body) == {"type", "title", "status", "detail"}


def test_nothing_else_of_rasas_is_reachable(server: Server) -> None:
    for path in ("/", "/version", "/conversations/x/tracker", "/webhooks/rest/webhook", "/model"):
        assert server.get(path)[0] == 404, path


def test_ready_names_the_model(server: Server, agent: Any) -> None:
    status, body, _ = server.get("/ready")
    assert (status, body) == (200, {"ready": True, "model": agent.fingerprint})


def test_ready_says_no_without_a_model_or_without_the_store(
    server: Server, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.app.ctx, "agent", None)
    assert server.get("/ready")[0] == 503
    monkeypatch.undo()

    def broken() -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(agent.tracker_store._tracker_store, "check", broken)
    status, body, _ = server.get("/ready")
    assert status == 503
    assert "RuntimeError" in body["detail"]
    assert "gone" not in body["detail"]


def test_without_a_model_a_turn_is_refused(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk.server.app.ctx, "agent", None)
    assert talk.server.post(talk.turn(TEXT))[0] == 503


# ---- What a turn may be ----


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"text": "hi"}', b"\xff\xfe"],
)
def test_what_is_no_turn_is_refused(server: Server, body: bytes) -> None:
    status, problem, kind = server.post(body)
    assert (status, kind) == (400, "application/problem+json")
    assert problem["title"] == "Not a turn"


@pytest.mark.parametrize(
    "message",
    [
        None,
        {"kind": "text", "text": None},
        {"kind": "text"},
        {"kind": "shout", "text": "hello"},
        {"kind": "text", "text": "x" * (contract.MAX_TEXT + 1)},
        {"kind": "choice", "text": "x", "payload": "skip"},
    ],
)
def test_a_broken_message_is_refused_without_repeating_it(talk: Talk, message: Any) -> None:
    status, body, _ = talk.server.post(talk.turn(message))
    assert status == 400
    assert "xxxx" not in str(body)


@pytest.mark.parametrize(
    "payload",
    ["/restart", "/back", "/session_start", "/nlu_fallback", "/unknown", '/restart{"a":"b"}'],
)
def test_a_choice_names_something_this_assistant_offers(talk: Talk, payload: str) -> None:
    assert talk.server.post(talk.turn(choice(payload)))[0] == 400


@pytest.mark.parametrize(
    "words",
    [
        "/skip",
        "/restart",
        "  /skip",
        "/skip@1.0",
        '/safety_answer{"answer":"no"}',
        "\u200b/skip",
        "／skip",
        "/stop_for_now",
        "/",
    ],
)
def test_typed_text_is_never_a_command(talk: Talk, words: str) -> None:
    walk(talk, "stayed")
    reply = talk.says(words)
    assert reply.ids == ["reflection.expected"], "an answer like any other"
    assert talk.parts()["stayed"] == ("answered", words.strip())


@pytest.mark.parametrize(
    "words",
    [
        "/greet@1.0 I want to kill myself",
        '/greet{"E":"x"} I want to kill myself',
        "/skip I want to kill myself",
        "\u200b/greet I want to kill myself",
    ],
)
@pytest.mark.parametrize("running", [False, True])
def test_a_slash_does_not_hide_risk(talk: Talk, words: str, running: bool) -> None:
    if running:
        walk(talk, "stayed")
    assert talk.says(words).ids == ["safety.card", "safety.now", *SCREENER]


@pytest.mark.parametrize(
    "words", ["", "   ", "\n", "\u200b", "🙂", "🌊🌊🌊", "?", "…", "x" * 20_000]
)
def test_odd_text_gets_an_answer(talk: Talk, words: str) -> None:
    assert talk.says(words).ids


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text whose meaning is worked out, in order."""
    texts: list[str] = []

    def counted(text: str) -> Any:
        texts.append(text)
        return embed(text)

    monkeypatch.setattr("bot.embedding.embed", counted)
    return texts


def test_words_that_were_announced_are_not_worked_out_again(
    talk: Talk, computed: list[str]
) -> None:
    words = " who can read what I write?"
    assert talk.server.expect({"text": words})[0] == 202
    assert talk.says(words).ids == ["conversation.who_reads"]
    assert computed == [words]


def test_words_that_nobody_announced_are_worked_out_when_asked(
    talk: Talk, computed: list[str]
) -> None:
    assert talk.says("who can read what I write?").ids == ["conversation.who_reads"]
    assert computed == ["who can read what I write?"]


def test_announced_words_whose_turn_never_comes_are_forgotten(computed: list[str]) -> None:
    for number in range(200):
        expected.begin(f"text {number}")
    expected.vector("text 0")
    expected.vector("text 199")
    assert computed.count("text 0") == 2, "it was kept although its turn never came"
    assert computed.count("text 199") == 1
    assert len(expected._begun) <= 64


def test_a_failure_before_the_turn_costs_only_time(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(text: str) -> Any:
        monkeypatch.setattr("bot.embedding.embed", embed)
        raise EmbeddingError("once")

    monkeypatch.setattr("bot.embedding.embed", failing)
    expected.begin("who can read what I write?")
    assert talk.says("who can read what I write?").ids == ["conversation.who_reads"]


def test_announcing_words_needs_the_secret_and_words(talk: Talk, server: Server) -> None:
    assert server.expect({"text": "hello"}, secret="x" * 40)[0] == 401
    assert server.expect({"words": "hello"})[0] == 400
    assert server.expect({"text": "x" * (contract.MAX_TEXT + 1)})[0] == 400


# ---- A patient was erased ----


def test_a_forgotten_conversation_leaves_nothing(talk: Talk, server: Server, agent: Any) -> None:
    talk.says("the blue door")
    store = agent.tracker_store._tracker_store
    assert store.events(talk.name)
    assert server.forget({"conversation": talk.name}, secret="x" * 40)[0] == 401
    assert server.forget({"conversation": ""})[0] == 400
    assert store.events(talk.name)
    assert server.forget({"conversation": talk.name})[0] == 200
    assert store.events(talk.name) == []
    with store.session_scope() as session:
        assert store._rows(session, store._sender(talk.name)).count() == 0
    assert talk.says("who are you?").ids, "a conversation may begin anew"


# ---- The same turn again ----


def test_the_same_turn_twice_gets_the_same_reply_and_advances_once(talk: Talk) -> None:
    walk(talk, "stayed")
    turn = talk.turn({"kind": "text", "text": "my dad's hands"})
    first = talk.server.post(turn)
    assert talk.server.post(turn) == first
    assert Reply(first[1]).ids == ["reflection.expected"]
    talk.said += first[1]["messages"]
    assert talk.says("softer than I thought").ids == ["reflection.tone"]
    assert talk.server.post(turn) == first, "even after the next one"


def test_the_same_turn_at_the_same_time_advances_once(talk: Talk) -> None:
    walk(talk, "stayed")
    turn = talk.turn({"kind": "text", "text": "my dad's hands"})
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: talk.server.post(turn), range(4)))
    assert all(reply == replies[0] for reply in replies)
    talk.said += replies[0][1]["messages"]
    assert talk.says("softer than I thought").ids == ["reflection.tone"]


def test_turns_of_one_conversation_keep_their_order(talk: Talk) -> None:
    turns = [talk.turn(TEXT) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(talk.server.post, turns))
    assert [reply[1]["id"] for reply in replies] == [turn["id"] for turn in turns]


# ---- When something breaks ----


def test_a_failed_action_is_an_error_and_the_turn_can_be_sent_again(
    talk: Talk, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(talk, "stayed")
    turn = talk.turn({"kind": "text", "text": "my dad's hands"})
    actions = agent.action_endpoint._executor.actions

    def broken(dispatcher: Any, tracker: Any, domain: Any) -> Any:
        raise KeyError("my dad's hands")

    monkeypatch.setitem(actions, "validate_dialogue_form", broken)
    status, body, kind = talk.server.post(turn)
    assert (status, kind) == (500, "application/problem+json")
    assert "hands" not in str(body)
    monkeypatch.undo()
    assert Reply(talk.server.post(turn)[1]).ids == ["reflection.expected"]


def test_a_failed_safety_action_is_an_error_not_a_silence(
    talk: Talk, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(dispatcher: Any, tracker: Any, domain: Any) -> Any:
        raise RuntimeError

    monkeypatch.setitem(agent.action_endpoint._executor.actions, "action_safety", broken)
    turn = talk.turn({"kind": "text", "text": "I want to die"}, risk="emergency")
    assert talk.server.post(turn)[0] == 500


def test_a_failed_detector_counts_as_risk(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot import risk

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError

    walk(talk, "stayed")
    monkeypatch.setattr(risk, "assess", broken)
    assert talk.says("a warm light").ids == ["safety.card", *SCREENER]
    assert "stayed" not in talk.parts()


@pytest.mark.parametrize("method", ["save", "retrieve"])
def test_a_failing_tracker_store_reaches_the_edge(
    talk: Talk, agent: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def broken(*args: Any, **kwargs: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    turn = talk.turn(TEXT)
    monkeypatch.setattr(agent.tracker_store._tracker_store, method, broken)
    assert talk.server.post(turn)[0] == 500
    monkeypatch.undo()
    assert Reply(talk.server.post(turn)[1]).ids == ["conversation.greet_day"]


def test_rasas_answer_check_is_ours() -> None:
    """Rasa is frozen; if this fails, someone has thawed it."""
    from jsonschema import ValidationError
    from rasa.core.actions.action import RemoteAction

    action = RemoteAction("x", None)
    assert action._validate_action_result({"events": [], "responses": []}) is True
    with pytest.raises(ValidationError):
        action._validate_action_result({"events": "none"})
    assert inprocess._ANSWER.schema == RemoteAction.action_response_format_spec()


# ---- What is stored ----


@pytest.fixture
def rows(agent: Any) -> list[tuple[Any, ...]]:
    engine = agent.tracker_store._tracker_store.engine
    with engine.connect() as connection:
        names = "sender_id, type_name, timestamp, intent_name, action_name, data"
        return list(connection.exec_driver_sql(f"SELECT {names} FROM events"))  # noqa: S608


def test_the_store_holds_no_words_no_names_and_no_topics(
    talk: Talk, agent: Any, request: pytest.FixtureRequest
) -> None:
    walk(talk, "expected")
    stored = request.getfixturevalue("rows")
    text = str(stored)
    for word in ("hands", "warm light", "greet", "reflection", talk.name, "Harbor"):
        assert word not in text
    assert all(row[2:5] == (None, None, None) for row in stored)


def test_a_row_moved_to_another_conversation_cannot_be_read(tmp_path: Any) -> None:
    store = tracker_store.EncryptedTrackerStore(url=f"sqlite:///{tmp_path / 'x.db'}", key=bytes(32))
    sealed = store._sealed("one", {"event": "user"})
    assert store._opened("one", sealed) == {"event": "user"}
    with pytest.raises(Exception, match="") as error:
        store._opened("two", sealed)
    assert type(error.value).__name__ == "InvalidTag"


@pytest.mark.parametrize("value", ["", "short", base64.b64encode(bytes(31)).decode(), "ä" * 44])
def test_a_wrong_key_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(tracker_store.KEY, value)
    with pytest.raises(tracker_store.KeyMissing):
        tracker_store.key_from_environment()


def test_phrases_used_are_not_stored(talk: Talk, agent: Any) -> None:
    talk.phrases = ["conversation.greet_day#0"]
    talk.says("hello")
    store = agent.tracker_store._tracker_store
    store._remembered.clear()
    tracker = asyncio.run(store.retrieve(talk.name))
    text = str([event.as_dict() for event in tracker.events])
    assert "'phrases_used':" not in text
    assert CLINIC["clinic_name"] in text


def test_a_long_conversation_stays_short_and_keeps_its_place(talk: Talk, agent: Any) -> None:
    walk(talk, "stayed")
    for _ in range(40):
        talk.says("who reads this?")
    store = agent.tracker_store._tracker_store
    store._remembered.clear()
    tracker = asyncio.run(store.retrieve(talk.name))
    assert len(tracker.events) <= tracker_store.MOST
    assert talk.says("my dad's hands").ids == ["reflection.expected"]
    assert talk.parts()["image"] == ("answered", "a warm light over the sea")


# ---- What is logged ----


def test_no_log_line_at_any_level_holds_a_patients_words(
    talk: Talk, capfd: pytest.CaptureFixture[str]
) -> None:
    from bot.rasa import logs

    logs.configure(logging.DEBUG)
    try:
        walk(talk, "expected")
        talk.says("I want to kill myself", risk="emergency", categories=("suicide",))
        talk.says("/greet@x purple")
        talk.server.post(talk.turn({"kind": "text", "text": None}))
        logging.getLogger("rasa.core.processor").error("slot: %s", "warm light")
        try:
            raise ValueError("warm light")
        except ValueError:
            logging.getLogger("rasa").exception("failed on warm light")
    finally:
        logs.quiet()
    out, err = capfd.readouterr()
    lines = (out + err).lower()
    assert " debug rasa.core.policies" in lines, "DEBUG was on"
    assert " debug rasa.core.processor" in lines, "structlog comes through here too"
    for word in ("warm light", "hands", "kill", "purple", SECRET.lower(), "calm", "harbor"):
        assert word not in lines

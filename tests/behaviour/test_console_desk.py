"""The desk at work: the queue, the transcript, what a clinician does, what the page shows."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from clinic import feed
from clinic.console import live
from clinic.console.desk import Desk
from clinic.console.sign_in import access
from clinic.conversation import intake
from clinic.escalation import machine
from clinic.feed import Feed
from clinic.records.models import Conversation, Escalation, Patient, RiskAssessment, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, in_order, message, record, shown

NASTY = '<script>alert(1)</script> "quoted" & {{ 7*7 }} <mark>'


@pytest.fixture
def ames(world: World) -> Staff:
    heartbeat(world)
    return world.staff("Ames")


@pytest.fixture
def sam(world: World, ames: Staff) -> Patient:
    return world.patient("Sam Rivera", ames)


@pytest.fixture
def browser(world: World, ames: Staff) -> Browser:
    return Browser(world).sign_in(ames)


def of_alert(world: World, alert_id: str) -> Escalation:
    with world.system.database.read() as session:
        return session.get_one(Escalation, alert_id)


def marked(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<mark class="flag flag--(\w+)"[^>]*>([^<]*)</mark>', page)


# The queue.


def test_alerts_are_sorted_open_first_then_by_severity_then_by_age(
    world: World, ames: Staff, browser: Browser
) -> None:
    names = ["Ann Held", "Ben Urgent", "Cid Emergency", "Dee Younger"]
    held, urgent, emergency, younger = (world.patient(name, ames) for name in names)
    taken = alert(world, held, "emergency")
    for patient, level in ((urgent, "urgent"), (emergency, "emergency"), (younger, "urgent")):
        world.clock.advance(timedelta(minutes=1))
        alert(world, patient, level)
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, taken, ames)
    page = browser.get("/console").text
    assert in_order(page, ["<bdi>CE", "<bdi>BU", "<bdi>DY", "<bdi>AH"])


def test_a_row_says_level_place_age_and_when_it_calls_again(
    world: World, sam: Patient, browser: Browser
) -> None:
    world.infusion(sam, hours_ago=25)
    alert(world, sam, "emergency")
    page = browser.get("/console").text
    row = page[page.index('<li data-row="') : page.index("</ol>")]
    assert shown(row) == (
        "Emergency SR Day 1 7:00 pm Nobody yet; calls 7:05 pm Acknowledge alert 1 A"
    )
    assert 'datetime="2026-03-10T23:00:00+00:00"' in row
    assert f"/console/patients/{sam.id}#m-1" in row


def test_a_row_says_who_holds_the_alert(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    nurse = world.staff("Noor", on_call=True)
    alert_id = alert(world, sam)
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, nurse)
    assert "Noor; reopens" in shown(browser.get("/console").text)
    assert "You; reopens" in shown(Browser(world).sign_in(nurse).get("/console").text)


def test_an_empty_queue_says_what_that_means(browser: Browser) -> None:
    assert "No alerts Nothing is waiting for you." in shown(browser.get("/console").text)


def test_fresh_rows_mark_the_open_one(world: World, sam: Patient, browser: Browser) -> None:
    alert(world, sam)
    assert "aria-current" not in browser.get("/console/queue").text
    fresh = browser.get(f"/console/queue?open={sam.id}", {"HX-Request": "true"}).text
    assert 'aria-current="true"' in fresh
    assert "<html" not in fresh


def test_somebody_who_asked_for_a_person_waits_until_marked_done(
    world: World, sam: Patient, browser: Browser
) -> None:
    asked = {"task": "human_request", "urgency": "urgent", "text": f"call me {NASTY}"}
    record(world, sam, "clinic_task", "t1", asked)
    record(world, sam, "clinic_task", "t2", {"task": "ride", "urgency": "routine"})
    page = browser.get("/console").text
    assert in_order(shown(page), ["Urgent", "A person", "About a ride home"])
    assert "<script>alert" not in page
    assert f"call me {NASTY}" in shown(page.replace("</p>", ""))
    done = re.findall(r"/console/requests/(\w+)/done", page)
    assert browser.post(f"/console/requests/{done[0]}/done").status_code == 303
    left = browser.get("/console").text
    assert "A person" not in left
    assert "About a ride home" in left
    assert len(audit(world, "request.done")) == 1


@pytest.mark.parametrize(("seconds", "silent"), [(0, False), (7, False), (9, True)])
def test_a_silent_alert_engine_is_told_on_every_page(
    world: World, sam: Patient, browser: Browser, seconds: int, silent: bool
) -> None:
    heartbeat(world)
    world.clock.advance(timedelta(seconds=seconds))
    for path in ("/console", "/console/patients", f"/console/patients/{sam.id}"):
        assert ("Alert engine silent" in browser.get(path).text) is silent


def test_an_engine_that_never_ran_is_silent_too(world: World) -> None:
    browser = Browser(world).sign_in(world.staff("Lee"))
    assert "Alert engine silent" in browser.get("/console").text


def test_an_open_page_hears_of_the_engine_only_when_that_changes(
    world: World, browser: Browser
) -> None:
    assert browser.get("/console/health?shown=").status_code == 204
    world.clock.advance(timedelta(minutes=1))
    assert "Alert engine silent" in browser.get("/console/health?shown=").text
    assert browser.get("/console/health?shown=silent").status_code == 204


# The transcript.


def test_flagged_words_are_marked_where_they_stand_and_html_is_shown_literally(
    world: World, sam: Patient, browser: Browser
) -> None:
    text = f"{NASTY} 😶 I want <i>to die</i> now"
    message(world, sam, text, ("<i>to die</i>", "suicide.plain", "urgent"))
    page = browser.get(f"/console/patients/{sam.id}").text
    assert marked(page) == [("urgent", "&lt;i&gt;to die&lt;/i&gt;")]
    assert text in shown(page.replace("<mark", " <mark")).replace("  ", " ")
    assert "<script>alert" not in page
    notes = shown(page)
    assert "Urgent Suicide reason of suicide.plain. suicide.plain, version 1" in notes


def test_spans_may_overlap_and_the_graver_level_shows(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(
        world,
        sam,
        "take all my pills tonight",
        ("all my pills", "means", "urgent"),
        ("pills tonight", "plan", "emergency"),
    )
    page = browser.get(f"/console/patients/{sam.id}").text
    assert marked(page) == [
        ("urgent", "all my "),
        ("emergency", "pills"),
        ("emergency", " tonight"),
    ]
    assert 'aria-describedby="m-1-note-1 m-1-note-2"' in page


def test_a_message_nobody_screened_is_marked_as_such(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "first", unscreened=True)
    message(world, sam, "second", screened=False)
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert in_order(
        page, ["Not screened: the detector failed", "second", "Not screened: there is no"]
    )


def test_a_message_the_companion_did_not_answer_says_so(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "hello?", turn="unanswered")
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert "The companion did not answer; the patient was told so" in page


def test_what_the_companion_said_names_its_source(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(
        world, sam, "How is your body?", author="bot", content="reflection.body", content_version=3
    )
    assert "reflection.body, version 3" in browser.get(f"/console/patients/{sam.id}").text


def test_days_and_infusions_stand_between_the_messages(
    world: World, sam: Patient, ames: Staff
) -> None:
    message(world, sam, "before it")
    world.clock.advance(timedelta(days=1))
    world.infusion(sam, hours_ago=2)
    message(world, sam, "after it")
    heartbeat(world)
    page = Browser(world).sign_in(ames).get(f"/console/patients/{sam.id}").text
    assert in_order(
        shown(page.split('<ol class="turns"')[1]),
        [
            "Yesterday, Tuesday, March 10",
            "before it",
            "Today, Wednesday, March 11",
            "Infusion 1, 4:10 pm to 5:00 pm",
            "after it",
        ],
    )


def test_long_transcripts_come_in_pages_of_a_hundred(
    world: World, sam: Patient, browser: Browser
) -> None:
    for number in range(1, 106):
        message(world, sam, f"message-{number}-")
    newest = browser.get(f"/console/patients/{sam.id}").text
    assert "message-6-" in newest
    assert "message-5-" not in newest
    assert "Older messages" in newest
    older = browser.get(f"/console/patients/{sam.id}?before=6").text
    assert in_order(older, ["message-1-", "message-5-"])
    assert "message-6-" not in older
    assert "Older messages" not in older
    assert [row.detail["first"] for row in audit(world, "transcript.read")] == [6, 1]


def test_a_patient_who_never_wrote_has_a_page(world: World, sam: Patient, browser: Browser) -> None:
    page = browser.get(f"/console/patients/{sam.id}").text
    assert "No messages yet" in page
    assert "Take over" not in page


def test_the_number_to_call_back_can_be_pressed(sam: Patient, browser: Browser) -> None:
    page = browser.get(f"/console/patients/{sam.id}").text
    assert '<a class="call" href="tel:+15550142">+1 555 0142</a>' in page


def test_a_flag_of_the_second_opinion_says_which_one_and_how_sure(
    world: World, sam: Patient, browser: Browser
) -> None:
    unseen = "I rehearsed the last line of me and I mean to be done before they get home"
    stored = intake.receive_text(world.system, world.conversation(sam), unseen, "key-of-unseen")
    with world.system.database.read() as session:
        found = session.get_one(RiskAssessment, stored.message["id"])
        (evidence,) = found.evidence
    said = f"opinion.wording, version {evidence['version']}, score {found.score:.2f}"
    assert said in shown(browser.get(f"/console/patients/{sam.id}").text)


def test_a_flag_without_words_to_mark_says_by_which_rules(
    world: World, sam: Patient, browser: Browser
) -> None:
    stored = message(world, sam, "words of another day", screened=False)
    with world.system.database.write() as session:
        session.add(
            RiskAssessment(
                message_id=stored.id,
                level="watch",
                conversation_level="watch",
                categories=["suicide"],
                evidence=[],
                score=0.81,
                rules="en-12ab34cd",
                unscreened=False,
                created_at=world.clock.now(),
            )
        )
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert "rules en-12ab34cd, score 0.81" in page


# The person.


@pytest.mark.parametrize(
    ("sharing", "seen"), [("shared", True), ("private", False), ("undecided", False)]
)
def test_only_shared_journal_entries_reach_the_desk(
    world: World, sam: Patient, browser: Browser, sharing: str, seen: bool
) -> None:
    part = {"prompt": "reflection.stayed", "state": "answered", "text": f"the blue door {NASTY}"}
    entry = {"state": "complete", "sharing": sharing, "parts": [part]}
    record(world, sam, "journal_entry", "e1", entry)
    for path in (f"/console/patients/{sam.id}", "/console", "/console/patients", "/console/audit"):
        page = browser.get(path).text
        assert ("the blue door" in page) is (seen and path.endswith(sam.id))
        assert "<script>alert" not in page


def test_an_entry_taken_back_disappears(world: World, sam: Patient, browser: Browser) -> None:
    part = {"prompt": "p", "state": "answered", "text": "the blue door"}
    for sharing in ("shared", "private"):
        entry = {"state": "complete", "sharing": sharing, "parts": [part]}
        record(world, sam, "journal_entry", "e1", entry)
    assert "the blue door" not in browser.get(f"/console/patients/{sam.id}").text


def test_check_ins_are_said_in_words(world: World, sam: Patient, browser: Browser) -> None:
    record(
        world, sam, "check_in", "c1", {"mood": 2, "distress": 7, "tone": "mixed", "body": "tired"}
    )
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert "Mood +2 (-4 to +4) ; Distress 7 of 10 ; Mixed ; Body: tired" in page


def test_the_last_meal_stands_beside_the_rule_about_it(
    world: World, sam: Patient, browser: Browser
) -> None:
    record(world, sam, "check_in", "c1", {"mood": 0, "last_meal": 3, "fasting": "unsure"})
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert "Last meal 3 hours before ; Rule on food: unsure" in page


# What a clinician does.


def test_acknowledging_holds_the_alert_and_comes_back_to_the_patient(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    assert 'data-key="a"' in browser.get(f"/console/patients/{sam.id}").text
    answer = browser.post(f"/console/escalations/{alert_id}/acknowledge")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/console/patients/{sam.id}?said=acknowledged#m-1"
    assert of_alert(world, alert_id).acked_by == ames.id
    page = browser.get(f"/console/patients/{sam.id}?said=acknowledged").text
    assert "This alert is yours now." in page
    assert "Spoke with the patient, safe for now" in page


def test_giving_an_alert_back_makes_it_call_again(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    browser.get(f"/console/patients/{sam.id}")
    browser.post(f"/console/escalations/{alert_id}/acknowledge")
    browser.get(f"/console/patients/{sam.id}")
    assert browser.post(f"/console/escalations/{alert_id}/release").status_code == 303
    assert of_alert(world, alert_id).state == "open"


def test_resolving_records_outcome_and_note(world: World, sam: Patient, browser: Browser) -> None:
    alert_id = alert(world, sam)
    browser.get(f"/console/patients/{sam.id}")
    browser.post(f"/console/escalations/{alert_id}/acknowledge")
    browser.get(f"/console/patients/{sam.id}")
    answer = browser.post(
        f"/console/escalations/{alert_id}/resolve",
        {"disposition": "plan_made", "note": f"Spoke at length. {NASTY}"},
    )
    assert answer.status_code == 303
    resolved = of_alert(world, alert_id)
    assert (resolved.state, resolved.disposition) == ("resolved", "plan_made")
    assert b"Spoke" not in (resolved.note_sealed or b"")
    page = browser.get(f"/console/patients/{sam.id}").text
    assert "Spoke with the patient, plan made" in page
    assert f"Spoke at length. {NASTY}" in shown(page)
    assert "<script>alert" not in page
    assert "No alerts" in browser.get("/console").text


def test_resolving_without_outcome_or_note_says_what_is_missing_and_keeps_the_rest(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    browser.get(f"/console/patients/{sam.id}")
    browser.post(f"/console/escalations/{alert_id}/acknowledge")
    browser.get(f"/console/patients/{sam.id}")
    path = f"/console/escalations/{alert_id}/resolve"
    answer = browser.post(path, {"disposition": "made_up", "note": "A long note"})
    assert answer.status_code == 422
    assert '<a href="#disposition">Choose an outcome.</a>' in answer.text
    assert ">A long note</textarea>" in answer.text
    again = browser.post(path, {"disposition": "plan_made", "note": "  "})
    assert '<a href="#note">Write what happened, in a sentence or more.</a>' in again.text
    assert '<option value="plan_made" selected>' in again.text
    assert of_alert(world, alert_id).state == "acked"


def test_of_two_who_acknowledge_one_wins_and_the_other_is_told_who(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    nurse = world.staff("Noor", on_call=True)
    other = Browser(world).sign_in(nurse)
    browser.get(f"/console/patients/{sam.id}")
    other.get(f"/console/patients/{sam.id}")
    path = f"/console/escalations/{alert_id}/acknowledge"
    assert other.post(path).status_code == 303
    refused = browser.post(path)
    assert refused.status_code == 409
    assert "Noor already has this alert." in refused.text


def test_an_alert_somebody_else_holds_cannot_be_resolved_past_them(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    nurse = world.staff("Noor", on_call=True)
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, nurse)
    browser.get(f"/console/patients/{sam.id}")
    refused = browser.post(
        f"/console/escalations/{alert_id}/resolve", {"disposition": "plan_made", "note": "Done"}
    )
    assert refused.status_code == 409
    assert of_alert(world, alert_id).state == "acked"


def test_taking_over_writing_and_handing_back(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    message(world, sam, "is anybody there?")
    conversation = world.conversation(sam)
    browser.get(f"/console/patients/{sam.id}")
    assert browser.post(f"/console/conversations/{conversation}/take").status_code == 303
    page = browser.get(f"/console/patients/{sam.id}").text
    assert "Write to Sam Rivera as yourself" in page
    key = re.search(r'name="key" value="(\w+)"', page)
    assert key is not None
    fields = {"text": f"I am here. {NASTY}", "key": key.group(1)}
    for _ in range(2):
        browser.last = page
        assert browser.post(f"/console/conversations/{conversation}/say", fields).status_code == 303
    said = [text for author, text in world.messages(conversation) if author == "staff"]
    assert said == [f"I am here. {NASTY}"]
    assert f"I am here. {NASTY}" in shown(browser.get(f"/console/patients/{sam.id}").text)
    assert browser.post(f"/console/conversations/{conversation}/give-back").status_code == 303
    with world.system.database.read() as session:
        assert session.get_one(Conversation, conversation).mode == "bot"


def test_a_refused_message_keeps_its_words(world: World, sam: Patient, browser: Browser) -> None:
    message(world, sam, "hello")
    conversation = world.conversation(sam)
    browser.get(f"/console/patients/{sam.id}")
    browser.post(f"/console/conversations/{conversation}/take")
    browser.get(f"/console/patients/{sam.id}")
    answer = browser.post(f"/console/conversations/{conversation}/say", {"text": "x" * 4001})
    assert answer.status_code == 409
    assert "Please keep it under 4000 characters." in answer.text
    assert f"{'x' * 4001}</textarea>" in answer.text


def test_a_colleague_sees_who_is_writing(world: World, sam: Patient, browser: Browser) -> None:
    alert(world, sam)
    nurse = world.staff("Noor", on_call=True)
    other = Browser(world).sign_in(nurse)
    other.get(f"/console/patients/{sam.id}")
    other.post(f"/console/conversations/{world.conversation(sam)}/take")
    page = browser.get(f"/console/patients/{sam.id}").text
    assert "Noor is writing with this patient." in page
    refused = browser.post(f"/console/conversations/{world.conversation(sam)}/take")
    assert refused.status_code == 409
    assert "Noor is already writing with this patient." in refused.text


def test_the_log_of_an_alert_tells_what_happened(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert_id = alert(world, sam)
    world.clock.advance(timedelta(minutes=1))
    browser.get(f"/console/patients/{sam.id}")
    browser.post(f"/console/escalations/{alert_id}/acknowledge")
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert in_order(
        page,
        ["Opened: Urgent", "E-mail to Ames: waiting to be sent", "Ames acknowledged it"],
    )


# Live.


def next_events(world: World, token: str, count: int, after: int | None = 0) -> list[str]:
    """The first chunks of the live stream that carry an event."""

    async def collect() -> list[str]:
        desk = Desk(world.system, Feed(world.system, interval=0.01))
        source = live.stream(desk, token, [feed.STAFF], "", after)
        found = []
        async for chunk in source:
            if chunk.startswith("id:"):
                found.append(chunk)
            if len(found) == count:
                break
        await source.aclose()  # type: ignore[attr-defined]
        return found

    return asyncio.run(collect())


def test_news_for_staff_reaches_an_open_page_without_words(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert(world, sam)
    (event,) = next_events(world, browser.token, 1)
    assert re.fullmatch(r"id: \d+\nevent: queue\ndata: new\n\n", event)


def test_a_page_that_was_away_resumes_after_the_last_event_it_saw(
    world: World, sam: Patient, browser: Browser
) -> None:
    alert(world, sam)
    (first,) = next_events(world, browser.token, 1)
    alert(world, sam, "emergency")
    seen = int(first.split()[1])
    (second,) = next_events(world, browser.token, 1, after=seen)
    assert int(second.split()[1]) > seen


def test_the_stream_ends_with_the_session(world: World, sam: Patient, browser: Browser) -> None:
    alert(world, sam)
    access.end(world.system, browser.token)
    assert next_events(world, browser.token, 1) == []


def test_the_stream_is_for_the_signed_in_only(world: World) -> None:
    stranger = Browser(world)
    answer = stranger.get("/console/events", {"Accept": "text/event-stream"})
    assert answer.status_code == 401

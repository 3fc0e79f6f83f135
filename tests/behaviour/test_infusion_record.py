"""What staff enter about an infusion: on the patient's page, from a table, and what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from clinic import details, importing, infusions
from clinic.cli import people as commands
from clinic.people import NotPossibleError
from clinic.records.models import Infusion, Patient, Staff, Touch
from tests.builders import NOW, World
from tests.desk import Browser, audit, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def noor(world: World) -> Staff:
    return world.staff("Noor")


@pytest.fixture
def sam(world: World, noor: Staff) -> Patient:
    return world.patient(therapist=noor)


@pytest.fixture
def desk(world: World, noor: Staff) -> Browser:
    return Browser(world).sign_in(noor)


def rows(world: World) -> list[Infusion]:
    with world.system.database.read() as session:
        return list(session.scalars(select(Infusion).order_by(Infusion.started_at)))


def touches(world: World, state: str = "pending") -> dict[str, datetime]:
    with world.system.database.read() as session:
        found = session.scalars(select(Touch).where(Touch.state == state))
        return {touch.kind: touch.due_at for touch in found}


def entered(world: World, one: Infusion) -> dict[str, object]:
    with world.system.database.read() as session:
        return details.of(world.system.vault(session), one)


def form(started: str = "2026-03-10T14:00", ended: str = "2026-03-10T14:45", **more: str):
    return {"infusion": "", "started": started, "ended": ended} | more


def send(desk: Browser, sam: Patient, fields: dict[str, str], where: str = ""):
    page = f"/console/patients/{sam.id}/infusions"
    desk.get(page)
    return desk.post(page + where, fields)


def test_what_staff_enter_is_kept_sealed_and_stands_on_the_page(
    world: World, desk: Browser, sam: Patient, noor: Staff
):
    fields = {
        "dose_mg": "42.5",
        "dose_mg_per_kg": "0.5",
        "route": "iv",
        "rate_mg_per_hour": "60",
        "adjuncts": ["anti_nausea", "other"],
        "pulse": "72",
        "systolic": "128",
        "diastolic": "81",
        "oxygen": "98",
    }
    assert send(desk, sam, form(**fields)).status_code == 303
    (one,) = rows(world)
    assert one.ended_at == datetime(2026, 3, 10, 18, 45, tzinfo=UTC), "by the clinic's clock"
    assert one.details_sealed is not None and b"42.5" not in one.details_sealed
    assert entered(world, one)["adjuncts"] == ["anti_nausea", "other"]
    page = shown(desk.get(f"/console/patients/{sam.id}/infusions").text)
    for said in ("Dose: 42.5 mg", "0.5 mg/kg", "Against nausea", "98 %", "45", "The day after"):
        assert said in page
    (row,) = audit(world, "infusion.record")
    assert row.actor == f"staff:{noor.id}" and "42" not in str(row.detail)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (form(ended="2026-03-10T13:00"), "ends before it starts"),
        (form("2026-03-11T14:00", "2026-03-11T15:00"), "in the future"),
        (form("2026-03-09T14:00", "2026-03-10T14:45"), "longer than 12 hours"),
        (form("2026-03-08T02:30", "2026-03-08T04:00"), "clocks are put forward"),
        (form("yesterday"), "no time"),
        (form(dose_mg="lots"), "Dose: a number from"),
        (form(dose_mg="nan"), "Dose: a number from"),
        (form(oxygen="98.5"), "whole number"),
        (form(route="by air"), "choose among"),
        (form(dose_mg="42.5", dose_mg_per_kg="5"), "weight of 8 kg"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_lost(
    world: World, desk: Browser, sam: Patient, fields: dict[str, str], says: str
):
    refused = send(desk, sam, fields)
    assert refused.status_code == 422
    assert says in shown(refused.text)
    for value in set(fields.values()) - {"by air", "yesterday", ""}:
        assert value in refused.text, "what was typed is still there"
    assert rows(world) == []


def test_two_on_one_day_are_one_entered_twice(world: World, desk: Browser, sam: Patient):
    send(desk, sam, form())
    again = send(desk, sam, form("2026-03-10T16:00", "2026-03-10T16:40"))
    assert again.status_code == 422 and "on that day already" in shown(again.text)
    with pytest.raises(NotPossibleError, match="on that day"), world.system.database.write() as s:
        infusions.plan(world.system, s, s.get_one(Patient, sam.id), NOW + HOUR)
    assert len(rows(world)) == 1


def test_a_correction_moves_only_what_is_still_to_come(world: World, desk: Browser, sam: Patient):
    send(desk, sam, form())
    with world.system.database.write() as session:
        had = session.scalars(select(Touch).where(Touch.kind == "day_1")).one()
        had.state, had.opened_at, answered_at = "answered", NOW, had.due_at
    before, (one,) = touches(world), rows(world)
    page = desk.get(f"/console/patients/{sam.id}/infusions?correct={one.id}").text
    assert re.search(r'name="started"[^>]*value="2026-03-10T14:00"', page)
    corrected = form("2026-03-09T14:00", "2026-03-09T14:45", dose_mg="40") | {"infusion": one.id}
    assert send(desk, sam, corrected).status_code == 303
    after = touches(world)
    assert after["day_2"] == before["day_2"] - DAY
    assert touches(world, "answered")["day_1"] == answered_at, "what they have had stays"
    assert len(rows(world)) == 1 and entered(world, rows(world)[0]) == {"dose_mg": 40}


def test_planned_ones_are_moved_and_cancelled_on_the_page(
    world: World, desk: Browser, sam: Patient
):
    send(desk, sam, {"starts": "2026-03-17T14:00"}, "/plan")
    send(desk, sam, {"starts": "2026-03-18T09:00"}, "/1/move")
    assert rows(world)[0].started_at == datetime(2026, 3, 18, 13, 0, tzinfo=UTC)
    assert send(desk, sam, {"starts": "2026-03-01T09:00"}, "/1/move").status_code == 422
    send(desk, sam, {}, "/1/cancel")
    assert rows(world)[0].cancelled
    assert send(desk, sam, {}, "/1/cancel").status_code == 422


def test_an_outsider_finds_no_such_page(world: World, sam: Patient):
    outsider = Browser(world).sign_in(world.staff("Charlie"))
    where = f"/console/patients/{sam.id}/infusions"
    assert outsider.get(where).status_code == 404
    outsider.get("/console/import")
    assert outsider.post(where, form()).status_code == 404
    assert rows(world) == []


def table(sam: Patient, *lines: str) -> str:
    return "patient,start,end,zone,dose_mg,adjuncts\n" + "".join(
        f"{sam.id},{line}\n" for line in lines
    )


GOOD = "2026-03-03 14:00,2026-03-03 14:50,,40,anti_nausea; other"
BAD = {
    3: ("2026-03-04 14:00,2026-03-04 14:50,Mars/Base,40,", "no time zone 'Mars/Base'"),
    4: ("2026-03-05 15:00,2026-03-05 14:00,,40,", "ends before it starts"),
    5: ("2026-04-05 15:00,2026-04-05 16:00,,40,", "in the future"),
    6: ("2026-03-03 18:00,2026-03-03 19:00,,40,", "on that day already"),
    7: ("2026-03-06 14:00,2026-03-06 15:00,,40,,surplus", "More fields"),
    8: ("2026-03-06 14:00,2026-03-06 15:00,,forty,", "a number from"),
}


def test_a_table_shows_bad_rows_with_their_reason_and_keeps_the_good_on_confirmation_only(
    world: World, desk: Browser, sam: Patient
):
    text = table(sam, GOOD, *(line for line, _ in BAD.values()))
    text += "another-patient,2026-03-03 14:00,2026-03-03 14:50,,40,\n"
    desk.get("/console/import")
    looked = desk.post("/console/import", files={"file": ("infusions.csv", text.encode())})
    said = shown(looked.text)
    for line, (_, reason) in BAD.items():
        assert re.search(rf"{line} [^.]*{re.escape(reason)}", said), (line, reason)
    assert "9 There is no such patient of yours." in said
    assert "Nothing is recorded yet" in said and rows(world) == [] and touches(world) == {}
    assert audit(world, "infusion.record") == []
    kept = desk.post("/console/import", {"confirmed": "yes", "table": text})
    assert "1 infusion was recorded" in shown(kept.text)
    (one,) = rows(world)
    assert entered(world, one) == {"dose_mg": 40, "adjuncts": ["anti_nausea", "other"]}


@pytest.mark.parametrize(
    "text", ["", "name,when\nSam,now\n", "patient,start\n", "patient,start,end,end\n", "\x00\x01"]
)
def test_what_is_no_table_of_infusions_is_said_so(desk: Browser, text: str):
    desk.get("/console/import")
    answer = desk.post("/console/import", files={"file": ("x.csv", text.encode())})
    assert answer.status_code == 422 and "must name the columns" in shown(answer.text)
    nonsense = desk.post("/console/import", files={"file": ("x.csv", b"\xff\xfe\x00")})
    assert nonsense.status_code in (403, 422)


def test_the_commands_record_and_import(
    world: World, sam: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in ("clinic.cli.shared", "clinic.cli.people"):
        monkeypatch.setattr(f"{module}.open_system", lambda: world.system)
    run = CliRunner().invoke
    dose = ["--dose-mg", "40", "--route", "iv", "--adjunct", "other"]
    done = run(commands.infusion, ["record", sam.id, "--ended", NOW.isoformat(), *dose])
    assert done.output == "Infusion 1 recorded.\n"
    assert entered(world, rows(world)[0]) == {"dose_mg": 40, "route": "iv", "adjuncts": ["other"]}
    file = tmp_path / "infusions.csv"
    file.write_text(table(sam, GOOD, BAD[4][0]))
    looked = run(commands.infusion, ["import", str(file)], input="n\n")
    assert "line 3: The infusion ends before it starts." in looked.output
    assert len(rows(world)) == 1
    assert "Infusions recorded: 1" in run(commands.infusion, ["import", str(file), "--yes"]).output
    assert [one.number for one in rows(world)] == [1, 2]


def test_a_clock_that_jumps_back_brings_nothing_twice(world: World, sam: Patient):
    """The server's clock was wrong for a while: nothing is planned anew or comes a second time."""
    from clinic.touches import deliver

    world.conversation(sam)
    world.infusion(sam, hours_ago=1)
    planned = touches(world)
    world.clock.advance(20 * HOUR)
    assert deliver.deliver_due(world.system) == 1
    world.clock.advance(-20 * HOUR)
    assert deliver.deliver_due(world.system) == 0
    with pytest.raises(NotPossibleError, match="future"), world.system.database.write() as session:
        found = session.get_one(Patient, sam.id)
        infusions.record(world.system, session, found, NOW + 2 * HOUR, NOW + 3 * HOUR)
    world.clock.advance(20 * HOUR)
    assert deliver.deliver_due(world.system) == 0
    still = touches(world) | touches(world, "open") | touches(world, "missed")
    assert set(still) == set(planned)


def test_a_table_can_be_looked_at_without_a_browser(world: World, sam: Patient):
    """What looking promises is what keeping does, also for rows that depend on one another."""
    text = table(sam, GOOD, GOOD)
    find = commands.patient_named
    looked = importing.look(world.system, text, find, "system")
    kept = importing.keep(world.system, text, find, "system")
    assert [good.line for good in looked.good] == [good.line for good in kept.good] == [2]
    assert looked.bad == kept.bad

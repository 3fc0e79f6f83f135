"""Staff plan, move and cancel infusions, and the patient's stage follows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import infusions, people
from clinic.conversation import whereabouts
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Patient
from tests.builders import World

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def act(world: World, patient: Patient, action, *values):
    with world.system.database.write() as session:
        found = session.get_one(Patient, patient.id)
        return action(world.system, session, found, *values).number


def stage(world: World, patient: Patient) -> str:
    with world.system.database.read() as session:
        return whereabouts.place(session, patient.id, world.clock.now()).stage


def numbers(world: World, patient: Patient) -> list[tuple[int, bool]]:
    with world.system.database.read() as session:
        found = session.get_one(Patient, patient.id)
        return [(i.number, i.cancelled) for i in infusions.of(session, found)]


def test_a_patient_goes_through_every_stage_of_a_first_infusion(world: World):
    patient = world.patient()
    assert stage(world, patient) == "onboarding"
    start = world.clock.now() + 3 * DAY
    act(world, patient, infusions.plan, start)
    assert stage(world, patient) == "preparation"
    world.clock.advance(3 * DAY - 2 * HOUR)
    assert stage(world, patient) == "day_of"
    world.clock.advance(2 * HOUR)
    act(world, patient, infusions.begin)
    assert stage(world, patient) == "infusion"
    world.clock.advance(HOUR)
    now = world.clock.now()
    act(world, patient, infusions.record, now - HOUR, now)
    assert numbers(world, patient) == [(1, False)], "the planned, begun and ended one is one"
    seen = []
    for hours in (1, 4, 15, 20, 24, 24):
        world.clock.advance(hours * HOUR)
        seen.append(stage(world, patient))
    assert seen == ["recovery", "evening", "day_1", "day_2", "day_3", "day_4_5"]


def test_moving_one_before_another_renumbers_them(world: World):
    patient, now = world.patient(), world.clock.now()
    for days in (7, 14, 21):
        act(world, patient, infusions.plan, now + days * DAY)
    assert act(world, patient, infusions.move, 3, now + 10 * DAY) == 2
    assert [n for n, _ in numbers(world, patient)] == [1, 2, 3]


def test_a_cancelled_one_gives_its_number_back_and_stays_on_record(world: World):
    patient, now = world.patient(), world.clock.now()
    act(world, patient, infusions.plan, now + 7 * DAY)
    act(world, patient, infusions.plan, now + 14 * DAY)
    act(world, patient, infusions.cancel, 1)
    assert sorted(numbers(world, patient)) == [(1, False), (1, True)]
    world.clock.advance(7 * DAY)
    assert stage(world, patient) == "preparation"


def test_what_cannot_be_is_refused_in_words(world: World):
    patient, now = world.patient(), world.clock.now()
    world.infusion(patient, hours_ago=30)
    with pytest.raises(NotPossibleError, match="future"):
        act(world, patient, infusions.plan, now - HOUR)
    with pytest.raises(NotPossibleError, match="not planned"):
        act(world, patient, infusions.cancel, 1)
    act(world, patient, infusions.begin)
    with pytest.raises(NotPossibleError, match="has begun"):
        act(world, patient, infusions.move, 2, now + DAY)


def test_only_staff_end_a_series_and_a_clinic_sets_its_length(world: World):
    patient = world.patient()
    for day in (23, 18, 13, 8):
        world.infusion(patient, hours_ago=24 * day)
    assert stage(world, patient) == "between"
    with world.system.database.write() as session:
        people.change_setting(world.system, session, "planned", "4")
    assert stage(world, patient) == "end_of_induction"
    with world.system.database.write() as session:
        found = session.get_one(Patient, patient.id)
        infusions.set_program(world.system, session, found, "maintenance")
    assert stage(world, patient) == "maintenance"


def test_a_setting_that_is_not_known_or_no_number_is_refused(world: World):
    with world.system.database.write() as session:
        for name, value in (("colour", "blue"), ("planned", "six"), ("morning", "0")):
            with pytest.raises(NotPossibleError):
                people.change_setting(world.system, session, name, value)


def test_a_patient_who_travels_has_mornings_where_they_are(world: World):
    """It ended at 11 pm in New York. With a short wait set, the morning decides."""
    patient = world.patient()
    world.infusion(patient, hours_ago=0)
    world.clock.advance(9 * HOUR)
    with world.system.database.write() as session:
        people.change_setting(world.system, session, "driving_hours", "4")
        found = session.get_one(Patient, patient.id)
        clinic, held = session.get_one(Clinic, 1), whereabouts.infusions_of(session, found.id)
        later = world.clock.now() + 3 * HOUR
        assert not whereabouts.driving_locked(clinic, found, held, later)
        infusions.travel(world.system, session, found, "Pacific/Honolulu")
        assert whereabouts.driving_locked(clinic, found, held, later)
        with pytest.raises(NotPossibleError, match="time zone"):
            infusions.travel(world.system, session, found, "Mars/Olympus")

"""Sign-in, colleagues and the clinic's settings on PostgreSQL: the behaviour tests again, and what
only happens there, two transactions at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import clinic_settings
from clinic.console.sign_in import access, tries
from clinic.console.staff import staffing
from clinic.people import NotPossibleError
from clinic.records.models import SignInTries, Staff
from tests.behaviour.test_clinic_settings import *  # noqa: F403 - runs them here
from tests.behaviour.test_colleague import *  # noqa: F403
from tests.behaviour.test_invitations import (  # noqa: F401
    test_a_new_link_ends_the_earlier_one_and_its_mail,
    test_links_that_open_nothing_all_look_the_same,
    test_the_mailed_link_leads_in,
)
from tests.behaviour.test_second_factor import *  # noqa: F403
from tests.behaviour.test_tries import *  # noqa: F403
from tests.builders import World

pytestmark = pytest.mark.services


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = World.make(tmp_path, database_url=database_url)
    yield made
    made.system.database.close()


def at_once(*acts: object) -> list[object]:
    """What came of each: an answer, or the error."""
    came: list[object] = [None] * len(acts)

    def run(place: int, act: object) -> None:
        try:
            came[place] = act()  # type: ignore[operator]
        except Exception as error:
            came[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def test_tries_at_once_are_all_counted(world: World) -> None:
    def guess() -> object:
        return access.begin(world.system, "nobody@harbor.test", "wrong", "203.0.113.7")

    assert at_once(*[guess] * 8) == [None] * 8
    with world.system.database.read() as session:
        counts = sorted(row.failures for row in session.query(SignInTries))
    assert counts == [tries.ACCOUNT.free, 8]


def test_two_administrators_do_not_take_each_others_role_at_once(world: World) -> None:
    ada, eve = world.staff("Ada", "admin"), world.staff("Eve", "admin")

    def demote(person: Staff) -> None:
        with world.system.database.write() as session:
            held = session.get_one(Staff, person.id, with_for_update=True)
            staffing.set_roles(world.system, session, held, {"therapist"}, "system", sure=True)

    came = at_once(lambda: demote(ada), lambda: demote(eve))
    assert sorted(type(one) for one in came if one) == [NotPossibleError]


def test_two_saves_at_once_are_one_version_and_one_told(world: World) -> None:
    def save(phone: str) -> object:
        with world.system.database.write() as session:
            return clinic_settings.save(
                world.system, session, {"phone": phone}, None, "At once.", base=0
            )

    came = at_once(lambda: save("+1 555 0001"), lambda: save("+1 555 0002"))
    assert 2 in came
    assert any(isinstance(one, clinic_settings.MovedOnError) for one in came)

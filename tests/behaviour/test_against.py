"""Tracked variables against how an infusion was: few are said to be few, and no cause is named."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from clinic import infusions
from clinic.console.pictures import against
from clinic.records.models import Patient, Staff
from tests.behaviour.test_pictures import ames as ames
from tests.behaviour.test_pictures import figure, look
from tests.behaviour.test_pictures import sam as sam
from tests.builders import World
from tests.desk import record, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def held(world: World, sam: Patient, key: str, sleep: int, strong: int, **more: object) -> None:
    """One infusion: what was asked before it, its dose, what was asked after it."""
    record(world, sam, "check_in", f"b{key}", {"sleep_hours": sleep, **more})
    world.clock.advance(HOUR)
    begin = world.clock.now()
    world.clock.advance(HOUR)
    with world.system.database.write() as session:
        found = session.get_one(Patient, sam.id)
        given = {"dose_mg_per_kg": 0.5}
        infusions.record(world.system, session, found, begin, begin + HOUR / 2, False, given)
    record(world, sam, "check_in", f"a{key}", {"intensity": strong})
    world.clock.advance(2 * DAY)


def page_of(world: World, sam: Patient, ames: Staff, rest: str = "") -> str:
    return look(world, ames, f"/console/patients/{sam.id}/pictures{rest}")


def test_nothing_is_drawn_of_one_and_little_said_of_few(
    world: World, sam: Patient, ames: Staff
) -> None:
    page = shown(page_of(world, sam, ames))
    assert "No infusion was rated yet" in page and "Not asked about yet." in page
    held(world, sam, "1", 5, 3)
    assert "One infusion was rated so far" in shown(page_of(world, sam, ames))
    held(world, sam, "2", 8, 9)
    sleep = shown(figure(page_of(world, sam, ames), "against-sleep_hours"))
    assert "2 infusions: too few to tell anything by." in sleep


def test_the_picture_has_its_figures_beside_it_and_says_what_chance_gives(
    world: World, sam: Patient, ames: Staff
) -> None:
    for number, (sleep, strong) in enumerate([(4, 1), (5, 3), (6, 5), (7, 7), (8, 9)]):
        held(world, sam, str(number), sleep, strong, fasting="kept" if number % 2 else "broken")
    page = page_of(world, sam, ames)
    sleep = figure(page, "against-sleep_hours")
    said = shown(sleep)
    assert "5 infusions. Of 10 pairs that differ, in 10" in said
    assert "was rated higher. Chance seldom gives that" in said and "in 2 of 100" in said
    assert len(re.findall("<circle", sleep)) == 5
    assert len(re.findall('<th scope="row">', sleep)) == 5
    # The dose was the same each time: nothing to draw, and that is said.
    assert "against-dose_mg_per_kg" not in page
    assert "The same each time, so there is nothing to compare: Dose by weight." in shown(page)
    assert "Fasting rule kept 2 3, 7" in shown(page)
    for word in ("because", "due to", "causes", "caused", "leads to", "makes"):
        assert word not in shown(page.split('id="against"')[1])
    # Nobody rated insight.
    assert "No infusion was rated yet" in shown(page_of(world, sam, ames, "?rating=insight"))
    assert page_of(world, sam, ames, "?rating=<b>").count("against-sleep_hours-title") > 0


def test_infusions_at_the_same_place_share_a_dot_with_both_numbers(
    world: World, sam: Patient, ames: Staff
) -> None:
    for number, (sleep, strong) in enumerate([(6, 2), (6, 2), (7, 8)]):
        held(world, sam, str(number), sleep, strong)
    drawn = figure(page_of(world, sam, ames), "against-sleep_hours")
    assert len(re.findall("<circle", drawn)) == 2
    assert ">1, 2</text>" in drawn and ">3</text>" in drawn


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        ([5, 6, 5, 6], "No two differ in both, a rating by 2 points at least"),
        ([2, 8, 3, 7], "That may well be chance"),
        ([9, 7, 5, 3, 1], "was rated lower. Chance seldom gives that"),
    ],
)
def test_only_ratings_that_lie_apart_count(ratings: list[float], words: str) -> None:
    assert words in against.said([(float(n), y) for n, y in enumerate(ratings)], "Sleep")


def test_many_infusions_are_shuffled_the_same_way_each_time() -> None:
    pairs = [(float(n), float(n * 7 % 10)) for n in range(40)]
    assert against.said(pairs, "Sleep") == against.said(pairs, "Sleep")

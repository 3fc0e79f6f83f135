"""What was tracked about one patient's infusions, set against how they were.

A picture for each thing, the infusions as dots, and how little it says. Ratings that lie closer
than ``APART`` points are not called different. How often chance gives an order as strong is
counted, not assumed: over every order of the ratings, or where those are too many, over shufflings
that are the same each time. What led to what is never said.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from bot.variables import TRACKED, VARIABLES, Variable
from clinic import details
from clinic.conversation.known import APART, cycles
from clinic.pictures import Dot, Scatter
from clinic.records.models import Infusion, Record
from clinic.system import System

#: How an infusion was, as the patient rated it; the first is shown unless another is asked for.
EXPERIENCED = ("intensity", "insight", "allowing")
#: From so many infusions on, an order is worth a word.
_ENOUGH = 4
_SHUFFLINGS = 2000


@dataclass(frozen=True)
class Grouped:
    """Something with codes for values: which ratings came with each, in the order of the series."""

    label: str
    ratings: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Against:
    """Everything there is to set against one rating; ``counted``: infusions that were rated."""

    rating: Variable
    counted: int
    scatters: list[Scatter]
    grouped: list[Grouped]
    #: Labels of what was the same at each: nothing to set against anything.
    same: list[str]


def against(
    system: System,
    session: Session,
    infusions: Sequence[Infusion],
    check_ins: Sequence[tuple[Record, Mapping[str, Any]]],
    name: str,
) -> Against:
    """One of EXPERIENCED against all that was known before it or entered at it."""
    rating = TRACKED[name if name in EXPERIENCED else EXPERIENCED[0]]
    known = cycles([(row, dict(data)) for row, data in check_ins], infusions, tuple(VARIABLES))
    vault = system.vault(session)
    entered = {i.number: details.opened(vault, i) or {} for i in infusions}
    held = [(i.number, known.get(i.number, {}) | entered[i.number]) for i in infusions]
    rated = [(number, values) for number, values in held if rating.name in values]
    scatters, grouped, same = [], [], []
    for one in TRACKED.values():
        if one.moment not in ("before", "staff") or one.schema is None or one.many:
            continue
        both = [(str(n), v[one.name], v[rating.name]) for n, v in rated if one.name in v]
        if len(both) < 2:
            continue
        if len({x for _, x, _ in both}) == 1:
            same.append(one.label)
        elif one.choices:
            grouped.append(_grouped(one, both))
        else:
            scatters.append(_scatter(one, rating, both))
    return Against(rating, len(rated), scatters, grouped, same)


def _grouped(one: Variable, both: Sequence[tuple[str, Any, float]]) -> Grouped:
    found = [(code, tuple(y for _, x, y in both if x == code)) for code in one.choices]
    return Grouped(one.label, tuple((code, ratings) for code, ratings in found if ratings))


def _scatter(one: Variable, rating: Variable, both: Sequence[tuple[str, Any, float]]) -> Scatter:
    values = [float(x) for _, x, _ in both]
    # What staff enter has ends that catch slips of the hand; what was reached says more.
    ends = one.scale if one.by == "patient" and one.scale else (min(values), max(values))
    return Scatter(
        name=f"against-{one.name}",
        title=f"{one.label} and {_lower(rating.label)}",
        sentence=said([(float(x), float(y)) for _, x, y in both], one.label),
        across=f"{one.label}, {one.unit}",
        up=rating.label,
        dots=[Dot(number, float(x), float(y)) for number, x, y in both],
        wide=ends,
        high=rating.scale or (0, 10),
    )


def said(pairs: Sequence[tuple[float, float]], label: str) -> str:
    """What can honestly be said of (tracked, rating) pairs, one an infusion."""
    count = len(pairs)
    if count < _ENOUGH:
        return f"{count} infusions: too few to tell anything by."
    more, less = _ways(pairs)
    if not more + less:
        return f"{count} infusions. No two differ in both, a rating by {APART} points at least."
    way, most = ("higher", more) if more >= less else ("lower", less)
    chance = max(1, math.ceil(100 * _by_chance(pairs, abs(more - less))))
    verdict = "That may well be chance" if chance > 5 else "Chance seldom gives that"
    return (
        f"{count} infusions. Of {more + less} pairs that differ, in {most} the one with more "
        f"({_lower(label)}) was rated {way}. {verdict}: it gives an order as strong in {chance} "
        "of 100 shufflings."
    )


def _ways(pairs: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """Pairs of infusions in which both are higher, and in which one is higher and one lower."""
    ways = _compared(pairs, np.array([[y for _, y in pairs]]))[0]
    return int((ways > 0).sum()), int((ways < 0).sum())


def _by_chance(pairs: Sequence[tuple[float, float]], strength: int) -> float:
    """The share of orders of the ratings that are as strong as this one, 0 to 1."""
    orders = np.array(list(_orders([y for _, y in pairs])))
    strong = np.abs(_compared(pairs, orders).sum(axis=1)) >= strength
    return float(strong.mean())


def _compared(pairs: Sequence[tuple[float, float]], orders: np.ndarray) -> np.ndarray:
    """A row for each order of the ratings, a column for each two infusions: 1 where both are
    higher, -1 where one is higher and one lower, 0 where they do not differ."""
    first, second = np.triu_indices(len(pairs), 1)
    tracked = np.array([x for x, _ in pairs])
    apart = orders[:, first] - orders[:, second]
    ways = np.sign(tracked[first] - tracked[second]) * np.sign(apart)
    return np.asarray(np.where(np.abs(apart) >= APART, ways, 0).astype(np.int8))


def _orders(ratings: list[float]) -> Iterable[Sequence[float]]:
    if math.factorial(len(ratings)) <= _SHUFFLINGS:
        return itertools.permutations(ratings)
    # Nothing secret hangs on it, and the same record must give the same words each time.
    shuffling = random.Random(len(ratings))  # noqa: S311
    return (shuffling.sample(ratings, len(ratings)) for _ in range(_SHUFFLINGS))


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]

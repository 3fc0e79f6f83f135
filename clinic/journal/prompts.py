"""Which questions a patient is offered to write from: three, in fixed order for the same facts, and
each with its reason. Nothing is generated and nothing is random: a patient may ask why.

Source: research/domain.md 5.1 (domain rotation, care and challenge), 5.2 (by stage).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.contract import STAGES
from clinic.settings import ROOT

PATH = ROOT / "data" / "policy" / "prompts.yml"
OFFERED = 3
LOADS = ("care", "challenge")


class PromptsError(ValueError):
    """The bank of questions cannot be used; start-up refuses it. Names the place."""


@dataclass(frozen=True)
class Prompt:
    """One question. Its words are the registry's item ``prompt.<id>``."""

    id: str
    domain: str
    load: str
    stages: frozenset[str]

    @property
    def content(self) -> str:
        return f"prompt.{self.id}"


@dataclass(frozen=True)
class Bank:
    """``data/policy/prompts.yml``, checked."""

    prompts: tuple[Prompt, ...]
    domains: Mapping[str, frozenset[str]]
    again: timedelta

    def domains_of(self, words: str) -> set[str]:
        """The domains that a sentence, such as an intention, names by a word of theirs."""
        said = set(re.findall(r"[a-z]+", words.casefold()))
        return {domain for domain, known in self.domains.items() if said & known}


@dataclass(frozen=True)
class Offer:
    """A question and why it is offered: intention, new, while or stage (``prompt.why_*``)."""

    prompt: Prompt
    why: str


def offer(
    bank: Bank,
    stage: str,
    answered: Mapping[str, datetime],
    now: datetime,
    intention: str = "",
    gentle: bool = False,
) -> list[Offer]:
    """At most three questions, each of another domain as far as there are.

    ``answered``: when each question was last answered, by content id. ``gentle``: the last hours
    were hard, so nothing that challenges is offered.
    """
    last = _last_by_domain(bank, answered)
    near = bank.domains_of(intention)
    fresh = [
        prompt
        for prompt in bank.prompts
        if stage in prompt.stages
        and (prompt.load == "care" or not gentle)
        and now - answered.get(prompt.content, now - 2 * bank.again) > bank.again
    ]
    ranked = sorted(fresh, key=lambda p: (p.domain not in near, *_waited(last.get(p.domain))))
    return [Offer(p, _why(p, near, last)) for p in _spread(ranked)[:OFFERED]]


def _waited(last: datetime | None) -> tuple[bool, float]:
    """Never written about comes first, then the longest ago."""
    return (last is not None, last.timestamp() if last else 0.0)


def _spread(ranked: list[Prompt]) -> list[Prompt]:
    """The first of each domain before the second of any."""
    met: dict[str, int] = {}
    rounds = []
    for prompt in ranked:
        met[prompt.domain] = met.get(prompt.domain, 0) + 1
        rounds.append(met[prompt.domain])
    order = sorted(range(len(ranked)), key=lambda index: (rounds[index], index))
    return [ranked[index] for index in order]


def _why(prompt: Prompt, near: Collection[str], last: Mapping[str, datetime]) -> str:
    if prompt.domain in near:
        return "intention"
    if not last:
        return "stage"
    return "while" if prompt.domain in last else "new"


def _last_by_domain(bank: Bank, answered: Mapping[str, datetime]) -> dict[str, datetime]:
    last: dict[str, datetime] = {}
    for prompt in bank.prompts:
        at = answered.get(prompt.content)
        if at is not None:
            last[prompt.domain] = max(at, last.get(prompt.domain, at))
    return last


@lru_cache(maxsize=4)
def load(path: Path = PATH) -> Bank:
    """The checked bank. Raises PromptsError."""
    try:
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        domains = {name: frozenset(words) for name, words in document["domains"].items()}
        prompts = tuple(_prompt(entry, domains) for entry in document["prompts"])
        again = timedelta(days=document["again_days"])
    except (KeyError, TypeError, AttributeError) as error:
        raise PromptsError(f"prompts: {type(error).__name__}: {error}") from None
    if len({prompt.id for prompt in prompts}) != len(prompts):
        raise PromptsError("prompts: two have the same id")
    return Bank(prompts, domains, again)


def _prompt(entry: Mapping[str, Any], domains: Collection[str]) -> Prompt:
    prompt = Prompt(entry["id"], entry["domain"], entry["load"], frozenset(entry["stages"]))
    if prompt.domain not in domains or prompt.load not in LOADS or prompt.stages - set(STAGES):
        raise PromptsError(f"prompt {prompt.id}: its domain, load or a stage is not known")
    return prompt

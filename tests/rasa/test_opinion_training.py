"""`make opinion`: the same sentences give the same weights, and no hand is judged by its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.rasa import opinion as trainer
from bot.risk import opinion

#: Of each hand, so that learning takes seconds.
FEW = 15
SETS = {name for subject in trainer.SUBJECTS for name in subject.sets}
#: How many people wrote for each.
HANDS = {"opinion.wording": 18, "opinion.body": 8}
EVERYDAY = ("the bus was late again today", "my sister made soup and we laughed about {}")
GRAVE = ("i do not want to be here any more since {}", "they would be better off without me {}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Invented rows in place of the public sets, and a few sentences of each of our hands."""
    for name in SETS:
        grave = () if name in trainer.EVERYDAY else GRAVE
        rows = [
            {"text": text.format(number), "risk": risk}
            for risk, texts in enumerate((EVERYDAY, grave))
            for text in texts
            for number in range(10)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.setattr(trainer, "intents", lambda: [f"tell me about {n} weeks" for n in range(20)])
    every = trainer.voices

    def few(file: str, risk: int) -> Iterator[trainer.Row]:
        seen: dict[str, int] = defaultdict(int)
        for row in every(file, risk):
            seen[row.hand] += 1
            if seen[row.hand] <= FEW:
                yield row

    monkeypatch.setattr(trainer, "voices", few)
    return tmp_path


@pytest.mark.parametrize("subject", trainer.SUBJECTS, ids=lambda subject: subject.id)
def test_the_same_sentences_give_the_same_weights_and_a_card_with_and_without(
    folder: Path, subject: trainer.Subject
) -> None:
    first, second = folder / "first.json", folder / "second.json"
    trainer.learn(folder, subject, first)
    trainer.learn(folder, subject, second)
    assert first.read_bytes() == second.read_bytes()
    read = opinion.load(first.read_bytes())
    assert (read.id, read.category, read.version) == (subject.id, subject.category, subject.version)
    told = json.loads(first.read_text(encoding="utf-8"))["unseen"]
    assert len(told["hands"]) == HANDS[subject.id]
    for figures in (*told["raised"].values(), *told["hands"].values()):
        for name in ("at risk", "not"):
            rules, both, of = figures[name]
            assert rules <= both <= of


@pytest.mark.parametrize("subject", trainer.SUBJECTS, ids=lambda subject: subject.id)
def test_nobody_is_judged_by_weights_that_know_the_sentence_or_its_hand(
    folder: Path, monkeypatch: pytest.MonkeyPatch, subject: trainer.Subject
) -> None:
    """Learning and judging are played: what was learned from, or is by a hand in it, counts one."""

    def known(self: trainer.Data, learned: np.ndarray, _: float) -> np.ndarray:
        hands = set(self.hand[learned]) - {""}
        alike = np.isin(self.hand, list(hands))
        alike[learned] = True
        return alike.astype(float)

    monkeypatch.setattr(trainer.Data, "fit", lambda _, learned: (learned, 0.0))
    monkeypatch.setattr(trainer.Data, "scores", known)
    data = trainer.Data(trainer.read(folder, subject), subject.weights)
    assert not trainer.unseen(data).any()

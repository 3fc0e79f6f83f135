"""Learn the weights of the second opinions (bot/risk/opinion.py): ``make opinion DATA=folder``.

There is one for each of ``SUBJECTS``; ``ONLY=opinion.body`` learns that one alone. The folder holds
the public sets they name as JSON lines ({"text", "risk"}: 1 current risk of the writer, 0 none,
null left out); docs/clinical/model-card.md says where they are from and what their licences allow.
Our own short examples lie in data/risk/en/voices and in the rules. Runs in the assistant's
environment, which has scikit-learn; the files it writes need nothing.

Scores are calibrated, and the thresholds found, on messages the weights were not learned from: our
own sentences are judged by weights that know none by the same hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from bot.risk import ROOT, Context, Level, ruleset
from bot.risk.detect import evidence, find
from bot.risk.opinion import Opinion, dump, grams, handicap, passages

EVERYDAY = {"sad_stress": 1.0, "goemotions": 1.0, "xstest": 1.0}


@dataclass(frozen=True)
class Subject:
    """What one second opinion is about, and what it learns from.

    Sets carry the weight of one message: there are many of the everyday ones, and our own sentences
    (``voices``) speak as patients do. What the companion is asked to understand (data/nlu,
    ``intents``) is no risk, nor are ordinary days (``calm days``) and our sentences about something
    else (``other voices``).
    """

    id: str
    category: str
    reason: str
    version: int
    file: str
    #: The public sets, and those of our own making.
    sets: Mapping[str, float]
    own: Mapping[str, float]
    #: The files of voices: what it should find, what it should leave alone, and what is written for
    #: the other subjects.
    risk: str
    quiet: str
    others: tuple[str, ...]
    #: Rules whose examples it should find too.
    rules: tuple[str, ...]
    #: The share of everyday messages that may make the companion ask: it sets the threshold.
    alarms: float
    #: Whether it is silent where a rule of its category judged a phrase harmless.
    heeds_rules: bool
    #: The share of messages of an ordinary day (``calm days``) that may make it ask after an
    #: infusion, where what it guesses at is likelier then.
    near: float | None = None

    @property
    def weights(self) -> Mapping[str, float]:
        return {**self.sets, **self.own}


SUBJECTS = (
    Subject(
        id="opinion.wording",
        category="suicide",
        reason="No rule matched, but the wording is like that of people at risk."
        " A statistical guess.",
        version=4,
        file="opinion.json",
        sets={"cssrs7": 1.0, "cssrs_posts": 1.0, **EVERYDAY},
        own={"voices": 10.0, "calm days": 5.0, "rules": 5.0, "intents": 10.0},
        risk="risk",
        quiet="quiet",
        others=(),
        rules=("suicide", "self_harm"),
        alarms=0.006,
        heeds_rules=False,
    ),
    Subject(
        id="opinion.body",
        category="medical",
        reason="No rule matched, but the wording is like that of people who needed medical help."
        " A statistical guess.",
        version=3,
        file="opinion_body.json",
        sets=EVERYDAY,
        own={
            "voices": 10.0,
            "other voices": 10.0,
            "calm days": 10.0,
            "rules": 5.0,
            "intents": 10.0,
        },
        risk="body",
        quiet="body_quiet",
        others=("risk", "quiet"),
        rules=("medical",),
        alarms=0.0022,
        heeds_rules=True,
        near=0.0075,
    ),
)
_ENTITY = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")
_SIZE = 1 << 18
#: Heads the sentences of another author in a file of voices; those before the first are ours too.
_HAND = "# another hand: "
_FIRST = "the first hand"
_INVERSE_REGULARISATION = 8.0
#: In how many parts the hands are left out, at most.
_FOLDS = 9


class Row(NamedTuple):
    """One example. ``hand``: who wrote it, where it is one of our voices."""

    set: str
    text: str
    risk: int
    hand: str = ""


def read(folder: Path, subject: Subject) -> list[Row]:
    rows = []
    for name in subject.sets:
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["risk"] is not None:
                rows.append(Row(name, row["text"], int(row["risk"])))
    rows += [*voices(subject.risk, 1), *voices(subject.quiet, 0)]
    rows += [row._replace(set="calm days") for row in voices("calm", 0)]
    for file in subject.others:
        rows += [row._replace(set="other voices") for row in voices(file, 0)]
    for rule in (*ruleset().rules, *ruleset().together):
        rows += [Row("rules", one, 0) for one in rule.quiet]
        if rule.category in subject.rules and rule.level >= Level.urgent:
            rows += [Row("rules", one, 1) for one in rule.match]
    rows += [Row("intents", one, 0) for one in intents()]
    return rows


def voices(file: str, risk: int) -> Iterator[Row]:
    """The sentences of data/risk/en/voices, with the hand that wrote them."""
    hand = _FIRST
    for line in (ROOT / "en/voices" / f"{file}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(_HAND):
            hand = line.removeprefix(_HAND)
        elif line and not line.startswith("#"):
            yield Row("voices", line, risk, hand)


def intents() -> list[str]:
    """The sentences of data/nlu, without their marked entities."""
    found = []
    for file in sorted((ROOT.parent / "nlu").glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = group.get("examples", "").splitlines()
            found += [_ENTITY.sub(r"\1", line.removeprefix("- ").strip()) for line in lines]
    return found


class Data:
    """The examples as a sparse matrix: a row a passage, columns as ``grams`` numbers them."""

    def __init__(self, rows: list[Row], weights: Mapping[str, float]) -> None:
        normalise = ruleset().normalise
        self.sets = np.array([row.set for row in rows])
        self.risk = np.array([row.risk for row in rows])
        self.hand = np.array([row.hand for row in rows])
        self.weight = np.array([weights[name] for name in self.sets])
        places, owners, whole = [], [], []
        for number, row in enumerate(rows):
            read = normalise(row.text)
            for part, (first, last) in enumerate(passages(read)):
                places.append(sorted(grams(read.words[first:last], _SIZE)))
                owners.append(number)
                whole.append(part == 0)
        self.owner, self.whole = np.array(owners), np.array(whole)
        counts = np.bincount(self.owner, minlength=len(rows))
        self.handicap = np.array([handicap(int(count)) for count in counts])
        lengths = [len(some) for some in places]
        values = np.concatenate([np.full(n, 1 / np.sqrt(n or 1)) for n in lengths])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        self.matrix = csr_matrix(
            (values, np.concatenate(places).astype(int), starts), shape=(len(places), _SIZE)
        )

    def fit(self, messages: np.ndarray) -> tuple[np.ndarray, float]:
        """Learn from risk as whole messages and from every passage of the others.

        Which passage of a grave post is the grave one is not known; of a harmless one, none is.
        """
        used = np.isin(self.owner, messages) & (self.whole | (self.risk[self.owner] == 0))
        rows, owner = self.matrix[used], self.owner[used]
        often = np.asarray((rows > 0).sum(axis=0)).ravel() >= 2
        model = LogisticRegression(
            C=_INVERSE_REGULARISATION, solver="liblinear", random_state=0
        ).fit(rows[:, often], self.risk[owner], self.weight[owner])
        weights = np.zeros(_SIZE)
        weights[often] = model.coef_[0]
        return weights.astype(np.float16).astype(float), float(model.intercept_[0])

    def scores(self, weights: np.ndarray, bias: float) -> np.ndarray:
        """The raw score of each message, as ``Opinion`` computes it."""
        best = np.full(len(self.risk), -np.inf)
        np.maximum.at(best, self.owner, self.matrix @ weights + bias)
        return best - self.handicap


def unseen(data: Data) -> np.ndarray:
    """Each message's score by weights learned from neither it nor any voice of the same hand."""
    result = np.zeros(len(data.risk))
    strata = [f"{name} {risk}" for name, risk in zip(data.sets, data.risk, strict=True)]
    hands = sorted(set(data.hand[data.sets == "voices"]))
    others = sorted(set(data.hand) - {"", *hands})
    count = min(len(hands), _FOLDS)
    folds = StratifiedKFold(count, shuffle=True, random_state=1)
    for number, (_, left) in enumerate(folds.split(data.risk, strata)):
        out = np.isin(data.hand, [*hands[number::count], *others[number::count]])
        out[left] |= data.hand[left] == ""
        result[out] = data.scores(*data.fit(np.flatnonzero(~out)))[out]
    return result


def calibrated(data: Data, scores: np.ndarray) -> tuple[float, float]:
    """Slope and offset that make a score a probability (Platt scaling)."""
    model = LogisticRegression(C=1e6).fit(scores[:, None], data.risk, data.weight)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def told(data: Data, chance: np.ndarray, asks: np.ndarray, asked: np.ndarray) -> dict[str, object]:
    """The figures of the model card, all on messages the weights were not learned from; of a voice,
    on none by the same hand. Hours are not known here.

    ``asks``: where it would make the companion ask, ``asked``: where the rules alone do. Counts are
    [rules, with it, of].
    """

    def part(mine: np.ndarray) -> dict[str, object]:
        risk = data.risk[mine] == 1
        rules = asked[mine]
        both = rules | asks[mine]
        figures: dict[str, object] = {
            name: [int(rules[these].sum()), int(both[these].sum()), int(these.sum())]
            for name, these in (("at risk", risk), ("not", ~risk))
        }
        if risk.any() and not risk.all():
            figures["auc"] = round(float(roc_auc_score(risk, chance[mine])), 3)
        return figures

    voices = data.sets == "voices"
    bins = []
    for low in np.arange(0, 1, 0.2):
        inside = (chance >= low) & (chance < low + 0.2)
        weight = data.weight[inside]
        if weight.sum():
            said = float(np.average(chance[inside], weights=weight))
            was = float(np.average(data.risk[inside], weights=weight))
            bins.append([round(said, 3), round(was, 3), int(inside.sum())])
    return {
        "raised": {name: part(data.sets == name) for name in dict.fromkeys(data.sets)},
        "hands": {
            hand: part(voices & (data.hand == hand)) for hand in sorted(set(data.hand[voices]))
        },
        "calibration": bins,
    }


def learn(folder: Path, subject: Subject, file: Path) -> None:
    rows = read(folder, subject)
    data = Data(rows, subject.weights)
    found = [find(ruleset(), row.text, Context()) for row in rows]
    asked = np.array([bool(evidence(one)) for one in found])
    silent = np.array(
        [subject.heeds_rules and one.judged_harmless(subject.category) for one in found]
    )
    scores = unseen(data)
    slope, offset = calibrated(data, scores)
    chance = 1 / (1 + np.exp(-(slope * scores + offset)))
    everyday = np.where(silent, 0, chance)[np.isin(data.sets, [*EVERYDAY])]
    threshold = float(np.quantile(everyday, 1 - subject.alarms))
    near = None
    if subject.near is not None:
        calm = np.where(silent | asked, 0, chance)[data.sets == "calm days"]
        near = min(threshold, float(np.quantile(calm, 1 - subject.near)))
    weights, bias = data.fit(np.arange(len(data.risk)))
    opinion = Opinion(
        subject.id,
        subject.category,
        subject.reason,
        subject.version,
        weights.tolist(),
        bias,
        slope,
        offset,
        threshold,
        heeds_rules=subject.heeds_rules,
        near=near,
    )

    def unseen_from(least: float) -> dict[str, object]:
        return told(data, chance, (chance >= least) & ~silent, asked)

    card = {
        "learned_from": {
            name: [int((data.sets == name).sum()), int(data.risk[data.sets == name].sum())]
            for name in subject.weights
        },
        "unseen": unseen_from(threshold),
    } | ({"unseen_near": unseen_from(near)} if near else {})
    file.write_text(dump(opinion, card), encoding="utf-8")
    print(json.dumps(card, indent=1), f"threshold {threshold:.3f}, near {near}", file, sep="\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    for one in SUBJECTS:
        if one.id in (sys.argv[2:] or [one.id]):
            learn(Path(sys.argv[1]), one, ROOT / "en" / one.file)

"""Learn the weights of the second opinion (bot/risk/opinion.py): ``make opinion DATA=folder``.

The folder holds the public sets named in ``SETS`` as JSON lines ({"text", "risk"}: 1 current risk
of the writer, 0 none, null left out); docs/clinical/model-card.md says where they are from and what
their licences allow. Our own short examples lie in data/risk/en/voices and in the rules. Runs in
the assistant's environment, which has scikit-learn; the file it writes needs nothing.

Scores are calibrated, and the threshold found, on messages the weights were not learned from: our
own sentences are judged by weights that know none by the same hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from bot.risk import ROOT, Level, assess, ruleset
from bot.risk.opinion import Opinion, dump, grams, handicap, passages

VERSION = 2
#: Weight of one message of each set: there are many of the everyday ones, and ours speak as
#: patients do.
SETS = {"cssrs7": 1.0, "cssrs_posts": 1.0, "sad_stress": 0.1, "goemotions": 0.1, "xstest": 1.0}
#: Written by us: sentences in patients' voices, and the examples every rule carries.
#: And what the companion is asked to understand (data/nlu), which is no risk.
OWN = {"voices": 10.0, "rules": 5.0, "intents": 10.0}
#: Rules whose examples are what the second opinion should find too.
TO_SELF = ("suicide", "self_harm")
EVERYDAY = ("sad_stress", "goemotions", "xstest")
#: The share of everyday messages that may make the companion ask: it sets the threshold.
MOST_ALARMS = 0.006
_ENTITY = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")
_SIZE = 1 << 18
#: Heads the sentences of another author in a file of voices; those before the first are ours too.
_HAND = "# another hand: "
_FIRST = "the first hand"
_INVERSE_REGULARISATION = 8.0


class Row(NamedTuple):
    """One example. ``hand``: who wrote it, where it is one of our voices."""

    set: str
    text: str
    risk: int
    hand: str = ""


def read(folder: Path) -> list[Row]:
    rows = []
    for name in SETS:
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["risk"] is not None:
                rows.append(Row(name, row["text"], int(row["risk"])))
    rows += [*voices("risk", 1), *voices("quiet", 0)]
    for rule in (*ruleset().rules, *ruleset().together):
        rows += [Row("rules", one, 0) for one in rule.quiet]
        if rule.category in TO_SELF and rule.level >= Level.urgent:
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

    def __init__(self, rows: list[Row]) -> None:
        normalise = ruleset().normalise
        self.sets = np.array([row.set for row in rows])
        self.risk = np.array([row.risk for row in rows])
        self.hand = np.array([row.hand for row in rows])
        self.weight = np.array([(SETS | OWN)[name] for name in self.sets])
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
    hands = sorted(set(data.hand) - {""})
    folds = StratifiedKFold(len(hands), shuffle=True, random_state=1)
    for hand, (_, left) in zip(hands, folds.split(data.risk, strata), strict=True):
        out = data.hand == hand
        out[left] |= data.hand[left] == ""
        result[out] = data.scores(*data.fit(np.flatnonzero(~out)))[out]
    return result


def calibrated(data: Data, scores: np.ndarray) -> tuple[float, float]:
    """Slope and offset that make a score a probability (Platt scaling)."""
    model = LogisticRegression(C=1e6).fit(scores[:, None], data.risk, data.weight)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def told(data: Data, chance: np.ndarray, threshold: float, asked: np.ndarray) -> dict[str, object]:
    """The figures of the model card, all on messages the weights were not learned from; of a voice,
    on none by the same hand.

    ``asked``: where the rules alone are at ``watch`` or more. Counts are [rules, with it, of].
    """

    def part(mine: np.ndarray) -> dict[str, object]:
        risk = data.risk[mine] == 1
        rules = asked[mine]
        both = rules | (chance[mine] >= threshold)
        figures: dict[str, object] = {
            name: [int(rules[these].sum()), int(both[these].sum()), int(these.sum())]
            for name, these in (("at risk", risk), ("not", ~risk))
        }
        if risk.any() and not risk.all():
            figures["auc"] = round(float(roc_auc_score(risk, chance[mine])), 3)
        return figures

    bins = []
    for low in np.arange(0, 1, 0.2):
        inside = (chance >= low) & (chance < low + 0.2)
        weight = data.weight[inside]
        if weight.sum():
            said = float(np.average(chance[inside], weights=weight))
            was = float(np.average(data.risk[inside], weights=weight))
            bins.append([round(said, 3), round(was, 3), int(inside.sum())])
    return {
        "raised": {name: part(data.sets == name) for name in (*SETS, *OWN)},
        "hands": {hand: part(data.hand == hand) for hand in sorted(set(data.hand) - {""})},
        "calibration": bins,
    }


def main(folder: Path, file: Path = ROOT / "en" / "opinion.json") -> None:
    rows = read(folder)
    data = Data(rows)
    alone = replace(ruleset(), opinion=None)
    asked = np.array([assess(text, using=alone).level >= Level.watch for _, text, *_ in rows])
    scores = unseen(data)
    slope, offset = calibrated(data, scores)
    chance = 1 / (1 + np.exp(-(slope * scores + offset)))
    threshold = float(np.quantile(chance[np.isin(data.sets, EVERYDAY)], 1 - MOST_ALARMS))
    weights, bias = data.fit(np.arange(len(data.risk)))
    opinion = Opinion(VERSION, weights.tolist(), bias, slope, offset, threshold)
    card = {
        "learned_from": {
            name: [int((data.sets == name).sum()), int(data.risk[data.sets == name].sum())]
            for name in (*SETS, *OWN)
        },
        "unseen": told(data, chance, threshold, asked),
    }
    file.write_text(dump(opinion, card), encoding="utf-8")
    print(json.dumps(card["unseen"], indent=1), f"threshold {threshold:.3f}", file, sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

"""How well the risk screen finds what it must, and how often it worries without cause.

    python -m bench.risk FOLDER [--rules]

FOLDER holds labelled public sets as JSON lines ({"id", "text", "label", "risk"}; risk 1 current
risk of the writer, 0 none, null not scored): cssrs7, cssrs_posts, sad_stress, goemotions, xstest,
simplesafetytests. Prints rates with Wilson 95 % bounds: the lower one for what must be found, the
upper one for false alarms. ``--rules``: by the rules alone. No text of the sets is printed or kept.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.risk import Level, RuleSet, assess, ruleset

Row = dict[str, Any]

ORDINARY = ("sad_stress", "goemotions", "xstest")


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate."""
    if not total:
        return math.nan, math.nan
    rate, square = hits / total, z * z / total
    centre = rate + square / 2
    spread = z * math.sqrt(rate * (1 - rate) / total + square / (4 * total))
    return (centre - spread) / (1 + square), (centre + spread) / (1 + square)


def assessed(folder: Path, name: str, using: RuleSet) -> list[Row]:
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    scored = (row for row in rows if row["risk"] is not None)
    return [row | {"level": assess(row["text"], using=using).level} for row in scored]


def line(name: str, rows: Iterable[Row], found: bool) -> None:
    levels = [row["level"] for row in rows]
    if not levels:
        return
    told = []
    for level in (Level.watch, Level.urgent):
        hits = sum(one >= level for one in levels)
        low, high = wilson(hits, len(levels))
        bound = f">= {low:6.1%}" if found else f"<= {high:6.2%}"
        told.append(f"{hits / len(levels):7.2%} ({bound})")
    print(f"{name:<48}{len(levels):>6}  {told[0]:<22}{told[1]}")


def main() -> int:
    folders = [name for name in sys.argv[1:] if name != "--rules"]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        print(__doc__)
        return 2
    using = ruleset() if "--rules" not in sys.argv else replace(ruleset(), opinions=())
    sets = {
        name: assessed(Path(folders[0]), name, using)
        for name in ("cssrs7", "cssrs_posts", *ORDINARY, "simplesafetytests")
    }
    print(f"rules {using.name}{'' if using.opinions else ' alone'}\n")
    print(f"{'set':<48}{'rows':>6}  {'watch or more':<22}urgent or more")

    def part(name: str, wanted: Callable[[Row], bool]) -> list[Row]:
        return [row for row in sets[name] if wanted(row)]

    print("to be found (95 % lower bound)")
    line("C-SSRS posts, label 1 or more", part("cssrs7", lambda r: r["risk"] == 1), True)
    line("  label 4 or more", part("cssrs7", lambda r: int(r["label"]) >= 4), True)
    line("psychiatrist-labelled, at risk", part("cssrs_posts", lambda r: r["risk"] == 1), True)
    for label in ("ideation", "behavior", "attempt"):
        rows = part("cssrs_posts", lambda r, label=label: r["label"] == label)  # type: ignore[misc]
        line(f"  {label}", rows, True)
    line("requests for harm", part("simplesafetytests", lambda r: r["risk"] == 1), True)
    print("not to be worried about (95 % upper bound)")
    line("C-SSRS posts, label 0", part("cssrs7", lambda r: r["risk"] == 0), False)
    line("psychiatrist-labelled, not at risk", part("cssrs_posts", lambda r: r["risk"] == 0), False)
    for name in ORDINARY:
        line(name, part(name, lambda r: r["risk"] == 0), False)
    ordinary = [row for name in ORDINARY for row in part(name, lambda r: r["risk"] == 0)]
    line("the three together", ordinary, False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

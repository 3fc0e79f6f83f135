"""The escalation policy as data (data/policy/escalation.yml), checked when it is read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from clinic.settings import ROOT
from clinic.touches import schedule

PATH = ROOT / "data" / "policy" / "escalation.yml"
_TARGETS = {"on_call", "team", "everyone", "fallback"}


class PolicyError(ValueError):
    """The policy file cannot be used; start-up refuses it. Names the place."""


@lru_cache(maxsize=4)
def load(path: Path = PATH) -> dict[str, Any]:
    """The checked policy document."""
    policy: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("urgent", "emergency"):
        level = policy["levels"].get(name) or {}
        _check_level(name, level)
        _check_level(f"{name} after hours", level | level.get("after_hours", {}))
    for name in ("dispositions", "contacts"):
        if not policy.get(name):
            raise PolicyError(f"{name}: a clinician could record nothing")
    for name in ("watch_minutes", "hold_minutes", "more_minutes"):
        if policy.get(name, 0) <= 0:
            raise PolicyError(f"{name} must be more than 0")
    welfare = policy.get("welfare", {})
    if welfare.get("silence_hours", 0) <= 0 or welfare.get("missed", 0) <= 0:
        raise PolicyError("welfare: silence_hours and missed must be more than 0")
    night = policy.get("night", {})
    if not 0 <= night.get("from", -1) < night.get("until", 0) <= 24:
        raise PolicyError("night: from and until are hours of one day")
    if night.get("messages", 0) <= 1 or not night.get("why"):
        raise PolicyError("night: messages must be more than 1, and why is said to clinicians")
    unknown = set(welfare.get("touches", [])) - {kind.id for kind in schedule.load().kinds}
    if unknown:
        raise PolicyError(f"welfare: no touch is called {', '.join(sorted(unknown))}")
    return policy


def for_level(level: str, is_open: bool) -> dict[str, Any]:
    """What an escalation stores when it opens: its level's steps and times, and the version.

    ``is_open``: whether the clinic is; out of hours other people may come first.
    """
    policy = load()
    chosen: dict[str, Any] = dict(policy["levels"][level])
    after_hours = chosen.pop("after_hours", {})
    return chosen | ({} if is_open else after_hours) | {"version": policy["version"]}


def _check_level(name: str, level: dict[str, Any]) -> None:
    steps = level.get("steps") or []
    if not steps or steps[0]["after"] != 0:
        raise PolicyError(f"{name}: needs a first step at 0 minutes")
    times = [step["after"] for step in steps]
    if times != sorted(set(times)):
        raise PolicyError(f"{name}: steps must come later one after the other")
    if not {level.get("unanswered"), *(step["to"] for step in steps)} <= _TARGETS:
        raise PolicyError(f"{name}: a step and unanswered go to one of {sorted(_TARGETS)}")
    if level.get("repeat", 0) <= 0 or level.get("ack_minutes", 0) <= 0:
        raise PolicyError(f"{name}: repeat and ack_minutes must be more than 0")

"""The escalation policy as data (data/policy/escalation.yml), checked when it is read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from clinic.settings import ROOT

PATH = ROOT / "data" / "policy" / "escalation.yml"
_TARGETS = {"on_call", "team", "everyone"}


class PolicyError(ValueError):
    """The policy file cannot be used; start-up refuses it. Names the place."""


@lru_cache(maxsize=4)
def load(path: Path = PATH) -> dict[str, Any]:
    """The checked policy document."""
    policy: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("urgent", "emergency"):
        _check_level(name, policy["levels"].get(name) or {})
    if not policy.get("dispositions"):
        raise PolicyError("dispositions: an alert could never be resolved")
    return policy


def for_level(level: str) -> dict[str, Any]:
    """What an escalation stores when it opens: its level's steps and times, and the version."""
    policy = load()
    chosen: dict[str, Any] = policy["levels"][level]
    return {**chosen, "version": policy["version"]}


def _check_level(name: str, level: dict[str, Any]) -> None:
    steps = level.get("steps") or []
    if not steps or steps[0]["after"] != 0:
        raise PolicyError(f"{name}: needs a first step at 0 minutes")
    times = [step["after"] for step in steps]
    if times != sorted(set(times)):
        raise PolicyError(f"{name}: steps must come later one after the other")
    if any(step["to"] not in _TARGETS for step in steps):
        raise PolicyError(f"{name}: a step goes to one of {sorted(_TARGETS)}")
    if level.get("repeat", 0) <= 0 or level.get("ack_minutes", 0) <= 0:
        raise PolicyError(f"{name}: repeat and ack_minutes must be more than 0")

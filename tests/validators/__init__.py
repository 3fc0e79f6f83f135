"""Programs by other authors that read what Afterglow writes (package.json beside this)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


class MissingError(Exception):
    """Node or the validators are not installed."""


def fhir(bundles: Sequence[Any]) -> list[list[str]]:
    """What two FHIR R4 validators say against each bundle; nothing where it is valid.

    Raises MissingError, CalledProcessError.
    """
    path = f"{os.environ['PATH']}:{_ROOT / '.tools/node/bin'}"
    node = shutil.which("node", path=path)
    if node is None or not (_HERE / "node_modules").exists():
        raise MissingError("the FHIR validators are missing: bin/setup --test")
    done = subprocess.run(
        [node, str(_HERE / "fhir.mjs")],
        input=json.dumps(bundles),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found

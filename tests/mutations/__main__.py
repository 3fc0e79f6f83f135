"""`make mutations`: apply each known-bad patch to a copy and see that a named test fails.

With words, only the patches whose name holds one of them: `python -m tests.mutations lapse`.
Ends with 1 when a patch went unnoticed, or when a named test fails without any patch.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutations import ROOT, Mutation, mutations

_FAILED = 1  # pytest's exit code for tests that ran and failed


def main(words: list[str]) -> int:
    chosen = [m for m in mutations() if not words or any(word in m.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="afterglow-mutations-") as folder:
        copy = Path(folder)
        _copy(copy)
        named = sorted({test for mutation in chosen for test in mutation.caught_by})
        if run(copy, named):
            print("The named tests fail without any patch: mend them first.")
            return 1
        missed = [mutation.name for mutation in chosen if not caught(copy, mutation)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught")
    return int(bool(missed))


def caught(copy: Path, mutation: Mutation) -> bool:
    """Whether a named test fails with the patch; the copy is whole again afterwards."""
    target = copy / mutation.file
    whole = target.read_text(encoding="utf-8")
    target.write_text(mutation.applied(copy), encoding="utf-8")
    try:
        found = run(copy, mutation.caught_by) == _FAILED
    finally:
        target.write_text(whole, encoding="utf-8")
    print(f"{'caught' if found else 'MISSED'}  {mutation.name}", flush=True)
    return found


def run(copy: Path, tests: list[str]) -> int:
    """pytest's exit code. The copy comes before the installed package: it is the folder we run in.

    Nothing compiled is kept: a patch of the same length within a second would go unseen.
    """
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-x", *tests]
    return subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode


def _copy(copy: Path) -> None:
    """Every file git knows of or would take, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

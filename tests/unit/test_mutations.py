"""The list of known-bad patches keeps up with the code; `make mutations` runs them."""

from __future__ import annotations

import pytest

from tests.mutations import ROOT, Mutation, mutations


@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation.name)
def test_a_known_bad_patch_still_applies(mutation: Mutation) -> None:
    patched = mutation.applied()
    assert patched != (ROOT / mutation.file).read_text(encoding="utf-8")
    # A patch that does not even compile would be "caught" by every test.
    compile(patched, mutation.file, "exec")


@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation.name)
def test_the_test_that_must_notice_exists(mutation: Mutation) -> None:
    assert mutation.caught_by
    for test in mutation.caught_by:
        path, name = test.split("::")
        defined = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in defined, test


def test_there_are_enough_of_them() -> None:
    names = [mutation.name for mutation in mutations()]
    assert len(set(names)) == len(names) >= 10

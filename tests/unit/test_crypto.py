"""Sealed fields open only where they were sealed, and the audit chain notices every change."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from clinic.records.audit import ChainError
from clinic.records.crypto import CryptoError, Keyring, PatientCipher
from clinic.records.models import Audit, Patient
from tests.builders import World

RING = Keyring([b"k" * 32])


def test_a_field_opens_in_its_own_place_only():
    cipher = PatientCipher("p1", b"x" * 32)
    sealed = cipher.seal("message", "text", "m1", "words")
    assert cipher.open("message", "text", "m1", sealed) == "words"
    for place in [("message", "text", "m2"), ("message", "note", "m1"), ("record", "text", "m1")]:
        with pytest.raises(CryptoError):
            cipher.open(*place, sealed)
    with pytest.raises(CryptoError):
        PatientCipher("p2", b"x" * 32).open("message", "text", "m1", sealed)


def test_a_changed_byte_does_not_open():
    cipher = PatientCipher("p1", b"x" * 32)
    sealed = bytearray(cipher.seal("message", "text", "m1", "words"))
    sealed[-1] ^= 1
    with pytest.raises(CryptoError):
        cipher.open("message", "text", "m1", bytes(sealed))


def test_an_older_clinic_key_still_opens_and_the_newest_wraps():
    old = RING.new_data_key("p1")
    both = Keyring([b"n" * 32, b"k" * 32])
    assert both.unwrap("p1", old) == RING.unwrap("p1", old)
    assert not both.is_current(old)
    assert both.is_current(both.wrap("p1", both.unwrap("p1", old)))
    with pytest.raises(CryptoError):
        Keyring([b"n" * 32]).unwrap("p1", old)


def test_a_name_is_not_readable_in_the_database_file(world: World):
    world.patient("Jonquil Featherstone")
    world.system.database.close()
    files = world.system.settings.home.glob("clinic.db*")
    assert not any(b"Jonquil" in path.read_bytes() for path in files)


def test_the_audit_chain_is_whole_until_a_row_is_changed(world: World):
    patient = world.patient()
    database, audit = world.system.database, world.system.audit
    with database.read() as session:
        assert audit.verify(session).whole
    with pytest.raises(DBAPIError), database.write() as session:
        session.execute(text("UPDATE audit SET action = 'nothing' WHERE seq = 1"))
    with database.write() as session:
        session.execute(text("DROP TRIGGER audit_no_update"))
        session.execute(text("UPDATE audit SET action = 'nothing' WHERE seq = 1"))
    with database.read() as session:
        assert not audit.verify(session).whole
        assert session.get(Patient, patient.id) is not None


@pytest.fixture
def cut_off(world: World, tmp_path: Path) -> Path:
    """An anchored chain whose last row was removed; returns the anchor."""
    world.patient()
    world.patient()
    anchor = tmp_path / "head"
    with world.system.database.write() as session:
        world.system.audit.anchor(session, anchor)
        session.execute(text("DROP TRIGGER audit_no_delete"))
        session.delete(session.scalars(select(Audit).order_by(Audit.seq.desc())).first())
    return anchor


def test_rows_cut_off_the_end_are_seen_against_the_anchor(world: World, cut_off: Path):
    with world.system.database.read() as session:
        assert world.system.audit.verify(session).whole, "the chain alone cannot see it"
        assert not world.system.audit.verify(session, cut_off).whole


def test_a_cut_off_chain_never_replaces_the_head_that_shows_it(world: World, cut_off: Path):
    with pytest.raises(ChainError), world.system.database.write() as session:
        world.system.audit.anchor(session, cut_off)
    with world.system.database.read() as session:
        assert not world.system.audit.verify(session, cut_off).whole

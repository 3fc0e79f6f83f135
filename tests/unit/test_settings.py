"""Settings come from the environment, with defaults that work and errors that name the mend."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from clinic.settings import SettingsError, load


def test_the_first_start_makes_keys_only_their_owner_can_read(tmp_path: Path):
    first = load({"AFTERGLOW_HOME": str(tmp_path)})
    again = load({"AFTERGLOW_HOME": str(tmp_path)})
    assert first.secrets == again.secrets
    assert len({*first.secrets.data_keys, first.secrets.audit_key}) == 2
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AFTERGLOW_PORT", "eighty"),
        ("AFTERGLOW_TURN_DEADLINE", "soon"),
        ("AFTERGLOW_DATA_KEYS", "short"),
        ("AFTERGLOW_AUDIT_KEY", "not base64 !"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, name: str, value: str):
    with pytest.raises(SettingsError, match=name if "KEY" not in name else "32 bytes"):
        load({"AFTERGLOW_HOME": str(tmp_path), name: value})


def test_a_mail_host_without_a_port_is_never_the_demos_sink(tmp_path: Path):
    chosen = load({"AFTERGLOW_HOME": str(tmp_path), "AFTERGLOW_SMTP_HOST": "mail.example"})
    assert (chosen.mail.host, chosen.mail.port) == ("mail.example", 587)
    assert load({"AFTERGLOW_HOME": str(tmp_path)}).mail.port == 0

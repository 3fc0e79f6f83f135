"""Whether the database has moved on past the code that runs: an old worker stops after a migration.

A process loads its code once. When the installation is updated and the database migrated under it,
it would go on writing by rules that no longer hold; stopped, it is started again with the new code.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clinic.records.database import Database

_REVISIONS = Path(__file__).parent / "migrations" / "versions"


def _newest() -> str:
    named = (re.match(r"(\d{4})_", path.name) for path in _REVISIONS.glob("*.py"))
    return max(found.group(1) for found in named if found)


#: Read when the process starts: later the files on disk may be newer than the code that runs.
KNOWN = _newest()


def moved_on(database: Database) -> bool:
    """Whether the database is newer than this process. False too when it cannot be read: whoever
    asks is about to find that out."""
    try:
        with database.read() as session:
            version = session.scalar(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        return False
    return version is not None and version > KNOWN

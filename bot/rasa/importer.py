"""Which files under ``data/`` are Rasa's: the others have keys that Rasa would take for its own."""

from __future__ import annotations

from pathlib import Path

from rasa.shared.importers.rasa import RasaFileImporter

FOLDERS = ("nlu", "rules", "stories")


class DialogueFiles(RasaFileImporter):
    """Reads ``nlu``, ``rules`` and ``stories`` of a data directory, and nothing beside them."""

    def __init__(
        self,
        config_file: str | None = None,
        domain_path: str | None = None,
        training_data_paths: list[str] | str | None = None,
    ) -> None:
        given = training_data_paths or []
        paths = [given] if isinstance(given, str) else given
        kept = [folder for path in paths for folder in _folders(Path(path))]
        super().__init__(config_file, domain_path, kept)


def _folders(path: Path) -> list[str]:
    found = [str(path / name) for name in FOLDERS if (path / name).is_dir()]
    return found or [str(path)]

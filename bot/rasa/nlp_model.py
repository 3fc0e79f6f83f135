"""Build the blank English spaCy pipeline that ``config.yml`` names.

Rasa's SpacyNLP loads a pipeline from a directory. Only the tokenizer is needed, so nothing is
downloaded: ``python -m bot.rasa.nlp_model`` writes it, the same bytes each time.
"""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent / "nlp" / "en_blank"


def build(directory: Path = DIRECTORY) -> Path:
    """Write the pipeline unless it is there. Returns where it lies."""
    if (directory / "meta.json").exists():
        return directory
    import spacy

    nlp = spacy.blank("en")
    nlp.meta["name"] = "blank"
    nlp.meta["description"] = "English tokenizer without any model"
    directory.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(directory)
    return directory


if __name__ == "__main__":
    print(f"The spaCy pipeline is in {build()}")

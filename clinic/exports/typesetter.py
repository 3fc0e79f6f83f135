"""One document set by Typst, in a process of its own: ``python -m clinic.exports.typesetter PAGE
SECONDS FOLDER...`` with data as JSON on standard input, the PDF on standard output.

Typst keeps what it has set for the next time, half a gigabyte after a long record; here it ends
with the process. Exits 0; 3 when the document is tagged but may not be called PDF/UA.
"""

import sys
from pathlib import Path
from typing import Any

import typst

_PAGES = Path(__file__).parent / "pages"
#: As typeset.py knows it.
WITHOUT_CLAIM = 3


def main(page: str, seconds: str, *folders: str) -> int:
    files = {
        "main.typ": (_PAGES / f"{page}.typ").read_bytes(),
        "common.typ": (_PAGES / "common.typ").read_bytes(),
        "data.json": sys.stdin.buffer.read(),
    }
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=list(folders)
    )
    # Its own types know neither several files nor that one document is bytes.
    compiler: Any = typst.Compiler(files, font_paths=fonts)  # type: ignore[type-var]
    made = int(seconds)
    try:
        written = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=made)
    except typst.TypstError:
        # Its text may quote the patient (invariant I9), so nobody is told it.
        sys.stdout.buffer.write(compiler.compile(format="pdf", timestamp=made))
        return WITHOUT_CLAIM
    sys.stdout.buffer.write(written)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

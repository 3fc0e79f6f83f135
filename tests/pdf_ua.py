"""Whether a PDF is what PDF/UA-1 asks for, as far as a program can tell, read by other programs
than the one that wrote it (pikepdf for the structure, pdfminer for the words)."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf
from pdfminer.converter import TextConverter  # noqa: F401 - the module must load before the next
from pdfminer.pdfdevice import TagExtractor
from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
from pdfminer.pdfpage import PDFPage

#: Operators that put something on the page.
_PAINT = {"Tj", "TJ", "'", '"', "f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh", "Do", "EI"}
_STANDARD = {
    "Document", "Part", "Art", "Sect", "Div", "BlockQuote", "Caption", "TOC", "TOCI", "Index",
    "NonStruct", "Private", "P", "H", "H1", "H2", "H3", "H4", "H5", "H6", "L", "LI", "Lbl", "LBody",
    "Table", "TR", "TH", "TD", "THead", "TBody", "TFoot", "Span", "Quote", "Note", "Reference",
    "BibEntry", "Code", "Link", "Annot", "Figure", "Formula", "Form",
}  # fmt: skip
_WITHIN = {
    "TR": {"Table", "THead", "TBody", "TFoot"},
    "TH": {"TR"},
    "TD": {"TR"},
    "LI": {"L"},
    "LBody": {"LI"},
    "Lbl": {"LI", "Note"},
}


@dataclass(frozen=True)
class Element:
    """One element of the structure tree, with the standard role it has or is mapped to."""

    role: str
    parent: str
    node: Any


def problems(data: bytes) -> list[str]:
    """What speaks against it; nothing when it stands."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        elements = list(_elements(pdf))
        return [
            *_document(pdf),
            *_pages(pdf),
            *_structure(elements),
            *_links(pdf),
            *(f"font {name}: {what}" for name, what in _fonts(pdf)),
        ]


def spoken(data: bytes) -> list[tuple[str, str]]:
    """(role, words) in the order a screen reader comes to them; a figure speaks its Alt."""
    texts = _texts(data)
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pages = {page.objgen: number for number, page in enumerate(p.obj for p in pdf.pages)}
        found = []
        for element in _elements(pdf):
            if element.role == "Figure":
                found.append(("Figure", str(element.node.get("/Alt", ""))))
                continue
            own = element.node.get("/Pg")
            words = "".join(
                texts.get((pages[page.objgen], mcid), "")
                for page, mcid in _marked(element.node, own)
            )
            if words.strip():
                found.append((element.role, words.replace("\u200b", "").strip()))
        return found


def _document(pdf: pikepdf.Pdf) -> Iterator[str]:
    root = pdf.Root
    if "/StructTreeRoot" not in root:
        yield "no structure tree"
    if not root.get("/MarkInfo", {}).get("/Marked"):
        yield "not marked"
    if not root.get("/Lang"):
        yield "no language"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle"):
        yield "the title is not shown"
    with pdf.open_metadata() as metadata:
        if metadata.get("pdfuaid:part") != "1":
            yield "does not say that it is PDF/UA-1"
        if not metadata.get("dc:title"):
            yield "no title"


def _pages(pdf: pikepdf.Pdf) -> Iterator[str]:
    """Everything painted is in marked content that the tree knows, or an artifact."""
    parents = dict(_numbers(pdf.Root.get("/StructTreeRoot", {}).get("/ParentTree", {})))
    for number, page in enumerate(pdf.pages, 1):
        known = parents.get(int(page.obj.get("/StructParents", -1)), [])
        if "/Annots" in page.obj and page.obj.get("/Tabs") != "/S":
            yield f"page {number}: tab order is not that of the structure"
        stack: list[str | int] = []
        for instruction in pikepdf.parse_content_stream(page):
            operator = str(instruction.operator)
            if operator in ("BMC", "BDC"):
                stack.append(_mark(instruction.operands))
            elif operator == "EMC":
                stack.pop()
            elif operator in _PAINT:
                if "Artifact" not in stack and not any(isinstance(m, int) for m in stack):
                    yield f"page {number}: {operator} is neither tagged nor an artifact"
                for mcid in (mark for mark in stack if isinstance(mark, int)):
                    if mcid >= len(known) or known[mcid] is None:
                        yield f"page {number}: mark {mcid} is not in the tree"
        if stack:
            yield f"page {number}: a mark does not end"


def _structure(elements: list[Element]) -> Iterator[str]:
    level = 0
    tables = [element for element in elements if element.role == "Table"]
    for element in elements:
        role, node = element.role, element.node
        if role not in _STANDARD:
            yield f"{role} is no standard element"
        if role in _WITHIN and element.parent not in _WITHIN[role]:
            yield f"{role} in {element.parent}"
        if re.fullmatch("H[1-6]", role):
            if int(role[1]) > level + 1:
                yield f"{role} after level {level}"
            level = int(role[1])
        if role in ("Figure", "Formula") and not str(node.get("/Alt", "")).strip():
            yield f"a {role} without words"
        if role == "TH" and not _attribute(node, "/Scope"):
            yield "a header that heads nothing"
    heads = sum(1 for element in elements if element.role == "TH")
    if tables and heads < len(tables):
        yield "a table without headers"


def _links(pdf: pikepdf.Pdf) -> Iterator[str]:
    for number, page in enumerate(pdf.pages, 1):
        for annotation in page.obj.get("/Annots", []):
            if "/StructParent" not in annotation:
                yield f"page {number}: a link that is not in the tree"
            if not str(annotation.get("/Contents", "")).strip():
                yield f"page {number}: a link without words"


def _fonts(pdf: pikepdf.Pdf) -> Iterator[tuple[str, str]]:
    for found in pdf.objects:
        if not isinstance(found, pikepdf.Dictionary) or found.get("/Type") != "/Font":
            continue
        name = str(found.get("/BaseFont", found.get("/Name", "")))
        inner = found.get("/DescendantFonts")
        if inner is None and str(found.get("/Subtype")).startswith("/CIDFont"):
            continue
        if "/ToUnicode" not in found:
            yield name, "its signs have no meaning"
        described = (inner[0] if inner is not None else found).get("/FontDescriptor", {})
        if str(found.get("/Subtype")) != "/Type3" and not any(
            key in described for key in ("/FontFile", "/FontFile2", "/FontFile3")
        ):
            yield name, "is not embedded"


def _elements(pdf: pikepdf.Pdf) -> Iterator[Element]:
    root = pdf.Root.get("/StructTreeRoot")
    if root is None:
        return
    roles = {str(name)[1:]: str(role)[1:] for name, role in root.get("/RoleMap", {}).items()}

    def walk(node: Any, parent: str) -> Iterator[Element]:
        for kid in _kids(node):
            if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
                role = str(kid["/S"])[1:]
                role = roles.get(role, role)
                yield Element(role, parent, kid)
                yield from walk(kid, role)

    yield from walk(root, "")


def _kids(node: Any) -> list[Any]:
    kids = node.get("/K", [])
    return list(kids) if isinstance(kids, pikepdf.Array) else [kids]


def _marked(node: Any, own: Any) -> Iterator[tuple[Any, int]]:
    for kid in _kids(node):
        if isinstance(kid, int):
            yield own, kid
        elif isinstance(kid, pikepdf.Dictionary) and "/MCID" in kid:
            yield kid.get("/Pg", own), int(kid["/MCID"])


def _attribute(node: Any, name: str) -> Any:
    given = node.get("/A", [])
    each = list(given) if isinstance(given, pikepdf.Array) else [given]
    return next((one[name] for one in each if name in one), None)


def _numbers(tree: Any) -> Iterator[tuple[int, Any]]:
    """A number tree, flat."""
    flat = list(tree.get("/Nums", []))
    yield from ((int(key), value) for key, value in zip(flat[::2], flat[1::2], strict=True))
    for kid in tree.get("/Kids", []):
        yield from _numbers(kid)


def _mark(operands: Any) -> str | int:
    """An artifact's name, or the number of a piece of content."""
    name = str(operands[0])[1:]
    if name == "Artifact" or len(operands) < 2:
        return name
    mcid = operands[1].get("/MCID")
    return name if mcid is None else int(mcid)


def _texts(data: bytes) -> dict[tuple[int, int], str]:
    """(page, mark) -> words, by pdfminer."""
    out = io.BytesIO()
    manager = PDFResourceManager()
    interpreter = PDFPageInterpreter(manager, TagExtractor(manager, out))
    for page in PDFPage.get_pages(io.BytesIO(data)):
        interpreter.process_page(page)
    found: dict[tuple[int, int], str] = {}
    plain = re.sub(r'<Span ActualText="([^"]*)">[^<]*</Span>', r"\1", out.getvalue().decode())
    # Words from the right, drawn from the left.
    plain = re.sub(r"<ReversedChars>([^<]*)</ReversedChars>", lambda one: one[1][::-1], plain)
    pages = re.split(r"<page [^>]*>", plain)[1:]
    for number, page in enumerate(pages):
        for mcid, words in re.findall(r'<\w+ [^>]*MCID="(\d+)"[^>]*>([^<]*)', page):
            key = (number, int(mcid))
            found[key] = found.get(key, "") + html.unescape(words)
    return found

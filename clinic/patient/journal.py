"""The journal's pages: read, find, write, change, and decide who may read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from anyio import from_thread
from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.conversation import whereabouts
from clinic.conversation.turn import Turns
from clinic.conversation.typed import NotAcceptedError
from clinic.journal import entries, prompts
from clinic.journal.entries import BLANK, Entry, Journal, Written
from clinic.patient.pages import Pages, Token, back
from clinic.people import NotPossibleError
from clinic.records.models import Conversation, Record
from clinic.system import System

Text = Annotated[str, Form()]
#: What the page says after an act, by the code in its address.
SAID = (
    *("kept", "both_kept", "changed_who", "erased", "not_erased"),
    *("stays_shared", "stays_talk", "stays_danger", "not_today", "kept_today"),
)
_PAGE = 30
#: Distress from which nothing challenging is offered, and for how long (domain.md 5.3).
_HARD, _HARD_FOR = 7, timedelta(hours=24)


def router(system: System, pages: Pages, turns: Turns) -> APIRouter:
    """Routes under /journal."""
    routes = APIRouter()

    @routes.get("/journal")
    def index(
        token: Token = None,
        find: Annotated[str, Query(max_length=200)] = "",
        tag: Annotated[str, Query(max_length=60)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
        said: str = "",
    ) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            journal = Journal(system, session, conversation.patient_id)
            every = journal.entries()
            found = [e for e in every if (not tag or tag in e.tags) and (not find or e.holds(find))]
            return pages.page(
                session,
                conversation,
                "journal.html",
                "journal",
                offers=_offers(system, session, conversation, every),
                entries=found[(page - 1) * _PAGE : page * _PAGE],
                tags=sorted({t for e in every for t in e.tags}, key=str.casefold),
                any=bool(every),
                said=said if said in SAID else "",
                find=find,
                tag=tag,
                number=page,
                more=len(found) > page * _PAGE,
            )

    @routes.get("/journal/new")
    def new(token: Token = None, prompt: Annotated[str, Query(max_length=120)] = BLANK) -> Response:
        return write_page(token, prompt)

    @routes.post("/journal")
    def write(
        prompt: Text, text: Text, key: Text, sharing: Text, tags: Text = "", token: Token = None
    ) -> Response:
        conversation = mine(token)
        with system.database.read() as session:
            today = sharing == "shared" and pages.impaired(session, conversation.patient_id)
        try:
            who = "private" if today else sharing
            kept = entries.write(system, conversation, prompt, text, who, tags, key)
        except NotPossibleError:
            return back("/journal")
        except NotAcceptedError as error:
            return write_page(token, prompt, error, text=text, sharing=sharing, tags=tags)
        if today and not kept.worry:
            return back(f"/journal/{kept.entry_id}?said=kept_today")
        return after(conversation, kept)

    @routes.get("/journal/{entry_id}")
    def read(
        entry_id: str, token: Token = None, said: str = "", change: int | None = None
    ) -> Response:
        return entry_page(token, entry_id, said, change)

    @routes.post("/journal/{entry_id}/words")
    def rewrite(
        entry_id: str,
        part: Annotated[int, Form()],
        version: Annotated[int, Form()],
        text: Text,
        key: Text,
        token: Token = None,
    ) -> Response:
        conversation = mine(token)
        try:
            kept = entries.rewrite(system, conversation, entry_id, part, text, version, key)
        except NotPossibleError:
            return back("/journal")
        except NotAcceptedError as error:
            return entry_page(token, entry_id, change=part, error=error, text=text)
        return after(conversation, kept)

    @routes.post("/journal/{entry_id}/tags")
    def retag(entry_id: str, tags: Text, key: Text, token: Token = None) -> Response:
        conversation = mine(token)
        try:
            kept = entries.retag(system, conversation, entry_id, tags, key)
        except NotPossibleError:
            return back("/journal")
        except NotAcceptedError as error:
            return entry_page(token, entry_id, error=error)
        return after(conversation, kept)

    @routes.post("/journal/{entry_id}/sharing")
    def share(entry_id: str, sharing: Text, token: Token = None) -> Response:
        try:
            with system.database.write() as session:
                conversation = pages.signed_in(session, token)
                if sharing == "shared" and pages.impaired(session, conversation.patient_id):
                    return back(f"/journal/{entry_id}?said=not_today")
                Journal(system, session, conversation.patient_id).share(entry_id, sharing)
        except NotPossibleError:
            return back("/journal")
        return back(f"/journal/{entry_id}?said=changed_who")

    def mine(token: str | None) -> Conversation:
        with system.database.read() as session:
            return pages.signed_in(session, token)

    def after(conversation: Conversation, kept: Written) -> Response:
        if kept.worry:
            # Where somebody answers, and where the numbers are.
            from_thread.run_sync(turns.wake, conversation.id)
            return back("/chat")
        said = "both_kept" if kept.both_kept else "kept"
        return back(f"/journal/{kept.entry_id}?said={said}")

    def write_page(
        token: str | None,
        prompt: str,
        error: NotAcceptedError | None = None,
        text: str = "",
        sharing: str = "private",
        tags: str = "",
    ) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            every = Journal(system, session, conversation.patient_id).entries()
            known = prompt in system.words and system.words.item(prompt).topic == "prompts"
            return pages.page(
                session,
                conversation,
                "write.html",
                "journal",
                status=422 if error else 200,
                prompt=prompt if known else BLANK,
                question=system.words.item(prompt).variants[0] if known else "",
                offers=_offers(system, session, conversation, every),
                error=_says(system, error),
                text=text,
                sharing=sharing,
                tags=tags,
            )

    def entry_page(
        token: str | None,
        entry_id: str,
        said: str = "",
        change: int | None = None,
        error: NotAcceptedError | None = None,
        text: str | None = None,
    ) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            journal = Journal(system, session, conversation.patient_id)
            entry = journal.entry(entry_id)
            if entry is None:
                return back("/journal")
            return pages.page(
                session,
                conversation,
                "entry.html",
                "journal",
                status=422 if error else 200,
                entry=entry,
                history=journal.history(entry_id),
                change=change if entry.complete and entry.readable else None,
                said=said if said in SAID else "",
                error=_says(system, error),
                text=text,
            )

    return routes


def _offers(
    system: System, session: Session, conversation: Conversation, every: list[Entry]
) -> list[dict[str, Any]]:
    """Three questions with their reasons, as the pages show them."""
    now, patient_id = system.clock.now(), conversation.patient_id
    answered: dict[str, datetime] = {}
    for entry in every:
        for part in entry.parts:
            if part.state == "answered":
                answered[part.prompt] = max(entry.at, answered.get(part.prompt, entry.at))
    offers = prompts.offer(
        prompts.load(),
        whereabouts.place(session, patient_id, now).stage,
        answered,
        now,
        intention=_intention(system, session, patient_id),
        gentle=conversation.risk_level != "none" or _hard(system, session, patient_id, now),
    )
    return [
        {
            "prompt": offer.prompt.content,
            "question": system.words.item(offer.prompt.content).variants[0],
            "why": _why(system, offer),
        }
        for offer in offers
    ]


def _why(system: System, offer: prompts.Offer) -> str:
    domain = system.words.item(f"prompt.domain_{offer.prompt.domain}").variants[0]
    item = system.words.item(f"prompt.why_{offer.why}")
    return system.words.render(item.id, 0, {"domain": domain} if item.values else {})


def _intention(system: System, session: Session, patient_id: str) -> str:
    found = _newest(system, session, patient_id, "intention")
    return str(found[1]["text"]) if found else ""


def _hard(system: System, session: Session, patient_id: str, now: datetime) -> bool:
    found = _newest(system, session, patient_id, "check_in")
    if found is None or found[0].updated_at < now - _HARD_FOR:
        return False
    distress = found[1].get("distress")
    return isinstance(distress, int) and distress >= _HARD


def _newest(
    system: System, session: Session, patient_id: str, kind: str
) -> tuple[Record, Any] | None:
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == kind)
        .order_by(Record.updated_at.desc())
        .limit(1)
    )
    return next(system.vault(session).documents(rows), None)


def _says(system: System, error: NotAcceptedError | None) -> str:
    """A refusal in words: the empty page has its own."""
    if error is None:
        return ""
    return system.words.render("journal.empty_words") if error.code == "empty" else error.says

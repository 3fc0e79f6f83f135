"""The patient's own settings: how they are woken, proved with a code, and how to be left alone.

The address in a mail that stops it is not behind sign-in: it can stop one way, and nothing else. A
look at it changes nothing, since mail programs look at every address; a press does.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Form
from fastapi.responses import FileResponse, JSONResponse, Response
from sqlalchemy.orm import Session

from clinic import agreed, crisis, infusions
from clinic.conversation import delivery, whereabouts
from clinic.notify import Channels
from clinic.notify.push import public_key
from clinic.patient import history
from clinic.patient.pages import Pages, Token, back
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Patient, PatientContact
from clinic.system import System
from clinic.wake import calls, contacts
from clinic.wake.contacts import NotKeptError

Text = Annotated[str, Form()]
#: What the page says after an act, by the code in its address.
SAID = ("sent", "on", "off", "erased", "asked", "not_today", "agreed_changed", "placed")
#: Somewhere else: no numbers are known there, and none is guessed.
ELSEWHERE = "ZZ"

#: The name on a phone's screen says nothing about what it is for.
_MANIFEST = {
    "name": "Afterglow",
    "short_name": "Afterglow",
    "id": "/chat",
    "start_url": "/chat",
    "scope": "/",
    "display": "standalone",
    "background_color": "#12181c",
    "theme_color": "#12181c",
    "icons": [
        {"src": "/static/icons/afterglow-192.png", "sizes": "192x192", "type": "image/png"},
        {"src": "/static/icons/afterglow-512.png", "sizes": "512x512", "type": "image/png"},
        {
            "src": "/static/icons/afterglow-maskable-512.png",
            "sizes": "512x512",
            "type": "image/png",
            "purpose": "maskable",
        },
    ],
}


def router(system: System, pages: Pages) -> APIRouter:
    """Routes under /settings and /stop."""
    routes = APIRouter()
    channels = Channels(system)

    @routes.get("/settings")
    def index(token: Token = None, said: str = "") -> Response:
        return show(token, said)

    @routes.post("/settings/way")
    def choose(channel: Text = "", address: Text = "", token: Token = None) -> Response:
        try:
            with system.database.write() as session:
                patient = pages.signed_in(session, token).patient
                if pages.impaired(session, patient.id):
                    raise NotKeptError("not_today")
                contacts.add(system, session, channels, patient, channel, address)
        except NotKeptError as error:
            return show(token, error=error.code, channel=channel)
        return back("/settings?said=sent")

    @routes.post("/settings/way/code")
    def enter(code: Text = "", token: Token = None) -> Response:
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            if pages.impaired(session, patient.id):
                return show(token, error="not_today")
            known = contacts.confirm(system, session, patient, code)
        return back("/settings?said=on") if known else show(token, error="wrong_code")

    @routes.post("/settings/way/off")
    def off(token: Token = None) -> Response:
        """At any time, also on the day of an infusion."""
        with system.database.write() as session:
            contacts.remove(system, session, pages.signed_in(session, token).patient)
        return back("/settings?said=off")

    @routes.get(f"{calls.STOP_PATH}{{stop_link}}")
    def before_stopping(stop_link: str) -> Response:
        with system.database.read() as session:
            known = contacts.named(system, session, stop_link)
        return stopping("ask" if known else "unknown", stop_link)

    @routes.post(f"{calls.STOP_PATH}{{stop_link}}")
    def stop(stop_link: str) -> Response:
        """One press here, or in the mail program itself (RFC 8058)."""
        with system.database.write() as session:
            known = contacts.named(system, session, stop_link)
            if known is not None:
                contacts.stop(system, session, known.channel, known.address_hash, "anonymous")
        return stopping("done" if known else "unknown", stop_link)

    def stopping(state: str, given: str) -> Response:
        status = 404 if state == "unknown" else 200
        return pages.bare("stop.html", "stop", status, state=state, given=given)

    @routes.post("/settings/agreed")
    def agree(scope: Text = "", given: Text = "", token: Token = None) -> Response:
        """Say it anew. A no counts at any time, a yes not while the medicine works."""
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            if scope not in agreed.CHANGEABLE or given not in ("yes", "no"):
                return back("/settings#agreed")
            if given == "yes" and pages.impaired(session, patient.id):
                return back("/settings?said=not_today#agreed")
            agreed.change(system, session, patient.id, scope, given == "yes")
        return back("/settings?said=agreed_changed#agreed")

    @routes.post("/settings/place")
    def place(timezone: Text = "", country: Text = "", token: Token = None) -> Response:
        """Where they are now: the hours of the day and the numbers to call go by it."""
        try:
            with system.database.write() as session:
                patient = pages.signed_in(session, token).patient
                if pages.impaired(session, patient.id):
                    return back("/settings?said=not_today#place")
                actor = f"patient:{patient.id}"
                infusions.travel(system, session, patient, timezone, country or None, actor)
        except NotPossibleError:
            return show(token, error="no_place")
        return back("/settings?said=placed#place")

    # Not behind sign-in: the browser fetches these by itself, and they know nobody.
    @routes.get("/worker.js")
    def worker() -> Response:
        """The script that shows what push brings; its place says which pages it may serve."""
        return FileResponse(system.settings.static_dir / "visitor.js", media_type="text/javascript")

    @routes.get("/manifest.webmanifest")
    def manifest() -> Response:
        """What a phone needs to keep the chat beside its other programs."""
        return JSONResponse(_MANIFEST, media_type="application/manifest+json")

    @routes.get("/offline")
    def offline() -> Response:
        """What the worker keeps for a time without connection: whom to call, and nothing else."""
        with system.database.read() as session:
            known = whereabouts.settings(session.get_one(Clinic, 1))
        helps = delivery.help_lines(system, known)
        return pages.bare("offline.html", "offline", help=helps)

    def show(token: str | None, said: str = "", error: str = "", channel: str = "") -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            counting = contacts.counting(session, conversation.patient_id)
            waiting = contacts.waiting(session, conversation.patient_id)
            push = system.settings.push
            offered = contacts.offered(channels)
            return pages.page(
                session,
                conversation,
                "settings.html",
                "settings",
                status=422 if error else 200,
                counting=counting and _shown(system, session, counting),
                failing=bool(counting and counting.failing_since),
                waiting=[_shown(system, session, one) for one in waiting],
                offered=[name for name in offered if name != "push"],
                push_key=public_key(push) if "push" in offered else "",
                said=said if said in SAID else "",
                error=error,
                channel=channel,
                choices=history.of(system, session, conversation.patient),
                scopes=_scopes(system, session, conversation.patient_id),
                place=_place(conversation.patient),
            )

    return routes


def _scopes(system: System, session: Session, patient_id: str) -> list[tuple[str, bool, str]]:
    """(scope, yes or no, words it is about), of what was answered and can be changed here; and the
    one that is asked nowhere else, a no until it is a yes."""
    vault = system.vault(session)
    said = {agreed.COPY: False} | agreed.of(session, vault, patient_id)
    contact = agreed.whom_to_call(session, vault, patient_id)
    return [
        (scope, said[scope], contact if scope == agreed.CALLS else "")
        for scope in agreed.CHANGEABLE
        if scope in said
    ]


def _place(patient: Patient) -> dict[str, object]:
    """Where they are, and what they can choose from; what staff have set is always among it."""
    zones = {zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}
    abroad = patient.country or ""
    return {
        "zone": patient.timezone,
        "zones": sorted({*zones, patient.timezone}),
        "country": abroad,
        "countries": [*crisis.countries(), ELSEWHERE],
        "unlisted": abroad not in ("", ELSEWHERE, *crisis.countries()),
    }


def _shown(system: System, session: Session, contact: PatientContact) -> tuple[str, str]:
    """(channel, enough to tell it by): a page may be looked at over a shoulder."""
    if contact.channel == "push":
        return contact.channel, ""
    given = contacts.address(system, session, contact)
    name, at, place = given.partition("@")
    return contact.channel, f"{name[:2]}…{at}{place}" if at else f"…{given[-3:]}"

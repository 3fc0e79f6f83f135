"""Each channel against a provider that speaks its real protocol, on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from clinic.clock import ManualClock
from clinic.notify import (
    AccountError,
    AddressError,
    Channel,
    GoneError,
    Outgoing,
    PermanentError,
    TemporaryError,
    UnknownError,
)
from clinic.notify.apprise import AppriseChannel
from clinic.notify.pagerduty import PagerDutyChannel
from clinic.notify.push import PushChannel
from clinic.notify.sms import SmsChannel
from clinic.notify.sms.callbacks import signature
from clinic.notify.webhook import WebhookChannel
from clinic.settings import Push, Sms, Webhook
from tests.builders import NOW, free_ports
from tests.providers import HANG_UP, Browser, Providers, Reply, Twilio, providers

HOME = "http://testserver"
NUMBER = "+15550142000"


@pytest.fixture
def all_providers() -> Iterator[Providers]:
    with providers() as running:
        running.push.now = running.receiver.now = lambda: NOW
        yield running


def out(address: str, template: str = "escalation.alert", **params: object) -> Outgoing:
    given = {"number": 7, "level": "emergency"} | params
    return Outgoing("esc/a1/0/0/c1", address, template, given, 5, 1, "c1")


def nobody() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


# Text messages.


@pytest.fixture
def twilio(all_providers: Providers) -> Twilio:
    return all_providers.twilio


@pytest.fixture
def sms(twilio: Twilio) -> SmsChannel:
    return SmsChannel(twilio.settings, HOME)


def test_a_text_message_says_the_number_and_how_to_answer(sms: SmsChannel, twilio: Twilio):
    sid = sms.send(out(NUMBER))
    (text,) = twilio.texts
    assert (text.sid, text.to) == (sid, NUMBER)
    assert text.body == (
        "Afterglow alert 7: answer now. Reply ACK 7 to take it, then open http://testserver/console"
    )
    assert text.callback == "http://testserver/notify/sms/status?row=5&attempt=1"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21211, PermanentError),
        (400, 21610, PermanentError),
        (400, 21614, PermanentError),
        (400, 21606, AccountError),
        (400, 21408, AccountError),
        (401, 20003, AccountError),
        (404, 20404, AccountError),
        (429, 20429, TemporaryError),
        (503, 20503, TemporaryError),
        (500, 20500, UnknownError),
        (502, 0, UnknownError),
    ],
)
def test_twilios_refusals_are_told_apart(
    sms: SmsChannel, twilio: Twilio, status: int, code: int, error: type[Exception]
):
    twilio.act.append(twilio.error(status, code))
    with pytest.raises(error) as raised:
        sms.send(out(NUMBER))
    assert type(raised.value) is error
    assert twilio.texts == []


def test_too_many_requests_waits_as_long_as_asked(sms: SmsChannel, twilio: Twilio):
    twilio.act.append(twilio.error(429, 20429, retry_after="17"))
    with pytest.raises(TemporaryError) as raised:
        sms.send(out(NUMBER))
    assert raised.value.after == 17


def test_no_answer_after_the_message_was_taken_is_unknown(sms: SmsChannel, twilio: Twilio):
    twilio.act.append(HANG_UP)
    with pytest.raises(UnknownError):
        sms.send(out(NUMBER))
    assert len(twilio.texts) == 1, "it has arrived all the same"


def test_nobody_listening_is_temporary():
    sms = SmsChannel(Sms("AC1", "token", "+15550100000", nobody()), HOME)
    with pytest.raises(TemporaryError):
        sms.send(out(NUMBER))


def test_a_wrong_token_is_our_own_fault_and_the_doctor_says_so(twilio: Twilio):
    sms = SmsChannel(Sms(twilio.account, "wrong", twilio.number, twilio.url), HOME)
    with pytest.raises(AccountError):
        sms.send(out(NUMBER))
    assert sms.check().mark == "MEND"
    assert SmsChannel(twilio.settings, HOME).check().mark == "ok"


def test_no_callback_is_asked_for_where_none_could_arrive(twilio: Twilio):
    SmsChannel(twilio.settings, "http://127.0.0.1:8100").send(out(NUMBER))
    assert twilio.texts[0].callback == ""


def test_the_signature_is_twilios_own_example():
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, fields) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


# Web Push.


@pytest.fixture
def browser(all_providers: Providers) -> Browser:
    return Browser(all_providers.push)


@pytest.fixture
def push(all_providers: Providers) -> PushChannel:
    return PushChannel(all_providers.push.settings, HOME, ManualClock(NOW))


def test_the_double_decrypts_the_example_of_rfc_8291(browser: Browser):
    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    secret = int.from_bytes(raw("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    browser.key = ec.derive_private_key(secret, ec.SECP256R1())
    browser.auth = raw("BTBZMqHH6r4Tts7J_aSIgg")
    body = (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWA"
        "mS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxs"
        "j_Qulcy4a-fN"
    )
    assert browser.decrypt(raw(body)) == b"When I grow up, I want to be a watermelon"


def test_only_the_browser_can_read_a_push_message(
    push: PushChannel, browser: Browser, all_providers: Providers
):
    where = push.send(out(push.address(browser.subscription)))
    assert browser.shown == [
        {"title": "Afterglow", "body": "Alert 7: answer now", "tag": "alert-7"}
    ]
    assert where.startswith(all_providers.push.url)
    assert "answer now" not in all_providers.push.sent()


def test_a_resend_takes_the_place_of_the_first(
    push: PushChannel, browser: Browser, all_providers: Providers
):
    to = push.address(browser.subscription)
    push.send(out(to))
    push.send(out(to))
    first, second = (r.headers["topic"] for r in all_providers.push.requests)
    assert first == second
    assert len(first) <= 32


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, GoneError),
        (410, GoneError),
        (403, AccountError),
        (413, PermanentError),
        (429, TemporaryError),
        (500, TemporaryError),
    ],
)
def test_a_push_services_refusals_are_told_apart(
    push: PushChannel,
    browser: Browser,
    all_providers: Providers,
    status: int,
    error: type[Exception],
):
    all_providers.push.act.append(Reply(status))
    with pytest.raises(error) as raised:
        push.send(out(push.address(browser.subscription)))
    assert type(raised.value) is error


def test_a_push_signed_with_another_key_is_our_own_fault(
    browser: Browser, all_providers: Providers
):
    other = Push(b"k" * 32, "mailto:it@harbor.test", (all_providers.push.host,))
    push = PushChannel(other, HOME, ManualClock(NOW))
    with pytest.raises(AccountError):
        push.send(out(push.address(browser.subscription)))


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://push.evil.test/x",
        "http://10.0.0.1/x",
        "https://evilfcm.googleapis.com.test/",
        "https://notfcm.googleapis.com",
        "http://fcm.googleapis.com/x",
        "https://user@fcm.googleapis.com:22/x",
        "https://evil.test\\.fcm.googleapis.com/x",
    ],
)
def test_a_subscription_leads_only_to_known_push_services(browser: Browser, endpoint: str):
    push = PushChannel(Push(b"k" * 32, "mailto:it@harbor.test"), HOME, ManualClock(NOW))
    given = json.loads(browser.subscription)
    with pytest.raises(AddressError):
        push.address(json.dumps(given | {"endpoint": endpoint}))
    push.address(json.dumps(given | {"endpoint": "https://fcm.googleapis.com/fcm/send/x"}))


@pytest.mark.parametrize(
    "typed", ["", "null", "[]", "{}", '{"endpoint": 1, "keys": {}}', "x" * 500]
)
def test_a_broken_subscription_is_refused_in_words(push: PushChannel, typed: str):
    with pytest.raises(AddressError):
        push.address(typed)


# PagerDuty.


@pytest.fixture
def pagerduty(all_providers: Providers) -> PagerDutyChannel:
    return PagerDutyChannel(all_providers.pagerduty.url, HOME)


def test_an_incident_is_opened_acknowledged_and_resolved(
    pagerduty: PagerDutyChannel, all_providers: Providers
):
    key = all_providers.pagerduty.key
    name = pagerduty.send(out(key))
    assert all_providers.pagerduty.incidents == {name: "triggered"}
    pagerduty.send(out(key, "escalation.acknowledged", ref=name))
    assert all_providers.pagerduty.incidents == {name: "acknowledged"}
    pagerduty.send(out(key, "escalation.resolved", ref=name))
    assert all_providers.pagerduty.incidents == {name: "resolved"}


def test_doubt_about_an_incident_is_worth_another_try(
    pagerduty: PagerDutyChannel, all_providers: Providers
):
    all_providers.pagerduty.act.append(HANG_UP)
    with pytest.raises(TemporaryError):
        pagerduty.send(out(all_providers.pagerduty.key))
    pagerduty.send(out(all_providers.pagerduty.key))
    assert len(all_providers.pagerduty.incidents) == 1


def test_a_key_nobody_knows_can_never_work(pagerduty: PagerDutyChannel):
    with pytest.raises(PermanentError):
        pagerduty.send(out("z" * 32))


# Webhooks.


@pytest.fixture
def webhook(all_providers: Providers) -> WebhookChannel:
    return WebhookChannel(all_providers.receiver.settings, HOME, ManualClock(NOW))


def test_a_webhook_is_signed_as_the_specification_says_and_taken_once(
    webhook: WebhookChannel, all_providers: Providers
):
    to = webhook.address(f"{all_providers.receiver.url}/alerts")
    assert webhook.send(out(to)) == webhook.send(out(to))
    (taken,) = all_providers.receiver.taken.values()
    assert (taken["type"], taken["data"]["number"]) == ("escalation.alert", 7)
    assert taken["data"]["contact"] == "c1"


def test_a_receiver_that_knows_another_secret_is_our_own_fault(all_providers: Providers):
    settings = Webhook(b"x" * 32, (all_providers.receiver.host,))
    with pytest.raises(AccountError):
        WebhookChannel(settings, HOME, ManualClock(NOW)).send(out(f"{all_providers.receiver.url}/"))


def test_a_receiver_that_is_gone_for_good_says_410(
    webhook: WebhookChannel, all_providers: Providers
):
    all_providers.receiver.act.append(Reply(410))
    with pytest.raises(GoneError):
        webhook.send(out(f"{all_providers.receiver.url}/"))


def test_a_redirect_is_not_followed(webhook: WebhookChannel, all_providers: Providers):
    elsewhere = {"Location": f"{all_providers.room.url}/"}
    all_providers.receiver.act.append(Reply(307, b"", elsewhere))
    with pytest.raises(PermanentError):
        webhook.send(out(f"{all_providers.receiver.url}/"))
    assert all_providers.room.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.harbor.test/",
        "https://other.test/",
        "https://hooks.harbor.test@other.test/",
        "https://user:pass@hooks.harbor.test/",
        "https://hooks.harbor.test:8443/",
        "file:///etc/passwd",
        "https://[::1",
        "hooks.harbor.test",
        "",
    ],
)
def test_only_the_administrators_hosts_are_called(url: str):
    channel = WebhookChannel(Webhook(b"x" * 32, ("hooks.harbor.test",)), HOME, ManualClock(NOW))
    with pytest.raises(AddressError):
        channel.address(url)
    with pytest.raises(AccountError):
        channel.send(out(url))
    assert channel.address("https://hooks.harbor.test/a?b=c") == "https://hooks.harbor.test/a?b=c"


# A team's room.


def test_a_room_gets_the_text_by_its_name(all_providers: Providers):
    room = AppriseChannel({"team": f"json://{all_providers.room.host}/"}, HOME)
    room.send(out(room.address("team")))
    (post,) = all_providers.room.posts
    assert post["message"].startswith("Afterglow alert 7: answer now")
    assert room.check().mark == "ok"
    with pytest.raises(AddressError):
        room.address(f"json://{all_providers.room.host}/")


def test_a_room_that_does_not_take_it_leaves_doubt(all_providers: Providers):
    all_providers.room.act.append(Reply(500))
    with pytest.raises(UnknownError):
        AppriseChannel({"team": f"json://{all_providers.room.host}/"}, HOME).send(out("team"))


# All of them.


def test_an_unknown_template_still_calls(
    sms: SmsChannel, push: PushChannel, browser: Browser, twilio: Twilio
):
    """A new kind of notification that nobody has worded for a channel must not be held up."""
    sms.send(out(NUMBER, "something.new"))
    push.send(out(push.address(browser.subscription), "something.new"))
    assert twilio.texts[0].body == "Afterglow needs you. Open http://testserver/console"
    assert "Open" in browser.shown[0]["body"]


@pytest.mark.parametrize(
    "channel",
    [
        SmsChannel(Sms(), HOME),
        PushChannel(Push(), HOME, ManualClock(NOW)),
        PagerDutyChannel("", HOME),
        WebhookChannel(Webhook(), HOME, ManualClock(NOW)),
        AppriseChannel({}, HOME),
    ],
)
def test_a_channel_that_is_not_set_up_is_not_offered_and_sends_nothing(channel: Channel):
    assert not channel.configured
    assert channel.check().mark == "note"
    to = '{"endpoint": "https://fcm.googleapis.com/x", "p256dh": "", "auth": ""}'
    with pytest.raises(AccountError):
        channel.send(out(to))

"""Every sentence a patient can see keeps the rules of the house (domain.md 4.6, 5.3, 5.4)."""

from __future__ import annotations

import re
import statistics
from datetime import date
from pathlib import Path

import fastjsonschema
import pytest
import yaml

from bot.content import ContentError, Item, load, registry
from bot.contract import STAGES
from bot.flows import Flow, Step, flows
from bot.readability import grade
from bot.stages import QUIET, QUIET_WORDS, WORDS
from bot.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
EVERY = sorted(registry(), key=lambda item: item.id)
#: An instrument's wording stays as its authors published it, whatever its grade or length.
ITEMS = [item for item in EVERY if item.topic != "measure"]
FLOWS = list(flows().values())
STEPS = [(flow, step) for flow in FLOWS for step in flow.steps]
#: Q29 and design (look.md): what we never call ourselves or promise.
NEVER = (
    r"\btherap(?:y|ist) bot\b",
    r"\b(?:I am|I'm|as) (?:a|your) therapist\b",
    r"\bI (?:feel|understand|know how|promise|believe you)\b",
    r"\bI'?m (?:so )?(?:proud|sorry you|happy)\b",
    r"\bcalm down\b",
    r"\bamazing\b",
    r"\bjourney\b",
    r"\btreats?\b|\btreat(?:ing|ment)\b",
    r"\bcure[sd]?\b",
    r"\bdiagnos",
    r"\bguarantee",
    r"\bbreakthrough\b",
    r"\bstreak\b",
    r"\bpromise me\b",
    r"\bdon'?t kill\b",
    r"\bcommit(?:ted)? suicide\b",
    r"[\U0001F300-\U0001FAFF]",
)
#: Q10, R05: nothing that suggests what happened, or by whom, and nothing that confirms it.
SUGGESTIVE = (
    r"\b(?:abused?|molest\w*|assault\w*|raped?|repressed|traumatic|trauma)\b",
    r"\bwhat (?:happened|was done) to you\b",
    r"\bwho (?:did|hurt|harmed|touched)\b",
    r"\bdid (?:he|she|they|someone|somebody|your \w+) (?:hurt|touch|hit|harm)\b",
    r"\b(?:really|must have) happened\b",
    r"\btell me (?:more|everything) about (?:the|your) (?:memory|memories|past)\b",
)
#: One wording: what is signed is what everybody reads. Names and labels are no prompts.
SINGLE_TOPICS = {
    "pages",
    "prompts",
    "touches",
    "wake",
    "safety",
    "faq",
    "told",
    "edge",
    "page",
    "names",
    "plan",
}
SINGLE = {
    "conversation.not_ready",
    "conversation.unanswered",
    "conversation.human_has_joined",
    "conversation.human_has_left",
    "conversation.infusion_silent",
    "conversation.infusion_told",
    "conversation.recovery_unwell",
    "conversation.recovery_no_ride",
    "conversation.recovery_left",
    "conversation.recovery_human",
    "conversation.recovery_human_sent",
    *(
        f"conversation.recovery_{name}"
        for name in (
            *("team", "driving", "alcohol", "decision", "sharing", "readers", "program", "age"),
            *("patient", "language", "ask_staff"),
        )
    ),
    "conversation.driving_before_set",
    "conversation.driving_set",
    "conversation.passed_on",
    "conversation.memory",
    "conversation.under_age",
    "conversation.someone_else",
    "conversation.other_language",
    # What the clinic must hear before a visit, and a check for danger, are said in one way.
    "day_of.call_food",
    "day_of.call_medicines",
    "day_of.noted_supplements",
    "day_of.noted_which",
    "day_of.call_ill",
    "day_of.call_substances",
    "day_of.no_ride",
    "different.flags",
    "evening.tell_somebody",
    "evening.too_long",
    "session.too_long",
    "session.other_noted",
    "reflection_2.tired",
    "reflection_2.unwell",
}
LONGEST = {"words": "w " * 30, "clinic_name": "Harbor Clinic"}


def safety(item: Item) -> bool:
    return item.topic.startswith("safety")


def filled(item: Item, variant: int) -> str:
    values = {name: LONGEST.get(name, "911").strip() for name in item.values}
    return registry().render(item.id, variant, values)


def plain(item: Item, variant: int) -> str:
    return registry().render(item.id, variant, dict.fromkeys(item.values, "a word"))


def sentences() -> list[tuple[str, int]]:
    return [(item.id, number) for item in ITEMS for number in range(len(item.variants))]


@pytest.mark.parametrize("item", EVERY, ids=lambda item: item.id)
def test_every_item_has_a_source_an_approver_and_a_version(item: Item):
    assert item.source
    assert item.approver
    assert item.version >= 1


@pytest.mark.parametrize("item", EVERY, ids=lambda item: item.id)
def test_every_item_names_the_day_to_read_it_again_and_the_stages_it_is_for(item: Item):
    """At the latest two years after it was written; what names no stage is for all of them."""
    assert date(2026, 11, 22) < item.review < date(2028, 11, 22)
    assert set(item.stages) <= set(STAGES)
    quiet = item.id.startswith(("conversation.recovery", "conversation.infusion"))
    assert quiet == bool(item.stages and set(item.stages) <= set(QUIET))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("review: 2027-11-22", "stages is missing"),
        ("stages: any", "review is missing"),
        ("{review: soon, stages: any}", "review is a day"),
        ("{review: 2027-11-22, stages: [someday]}", "unknown stage"),
    ],
)
def test_a_file_that_leaves_them_out_is_refused_with_its_item(
    tmp_path: Path, line: str, problem: str
):
    said = {"source": "domain.md 5.4", "items": [{"id": "a.b", "version": 1, "text": "Hello."}]}
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "a.yml").write_text(yaml.safe_dump(said | yaml.safe_load(line)))
    with pytest.raises(ContentError, match=rf"a\.yml: a\.b: {problem}"):
        load(tmp_path)


@pytest.mark.parametrize(("name", "variant"), sentences())
def test_a_bubble_is_short_and_plain(name: str, variant: int):
    item = registry().item(name)
    text = filled(item, variant)
    quiet = item.stages and set(item.stages) <= set(QUIET)
    assert len(text.split()) <= (QUIET_WORDS if quiet else WORDS), text
    for pattern in NEVER:
        assert not re.search(pattern, text, re.IGNORECASE), (name, pattern)
    assert item.variants[variant].count("?") <= 1, "one question a turn"
    assert not item.choices or item.kind in ("ask", "card"), "buttons answer a question"


@pytest.mark.parametrize("item", [i for i in ITEMS if i.breath], ids=lambda item: item.id)
def test_a_breath_is_longer_out_than_in_and_said_as_it_is_shown(item: Item):
    assert item.breath is not None
    assert item.breath["out"] > item.breath["in"]
    for text in item.variants:
        said = [int(number) for number in re.findall(r"\d+", text)]
        assert said == [item.breath["in"], item.breath["out"]], text
        assert re.search(r"\bsix\b", text, re.IGNORECASE), text
        assert item.breath["rounds"] == 6


@pytest.mark.parametrize("item", [i for i in ITEMS if not safety(i)], ids=lambda item: item.id)
def test_nothing_suggests_or_confirms_a_memory(item: Item):
    for text in item.variants:
        for pattern in SUGGESTIVE:
            assert not re.search(pattern, text, re.IGNORECASE), pattern


@pytest.mark.parametrize(
    "text", ["Who hurt you?", "What happened to you then?", "Was it abuse or trauma?"]
)
def test_the_check_for_suggestive_questions_finds_them(text: str):
    assert any(re.search(pattern, text, re.IGNORECASE) for pattern in SUGGESTIVE)


#: E06: an infusion is never held out as help in a crisis, in any language's cards either.
INFUSION = r"\b(?:infusions?|ketamine|boosters?|this medicine|the drug)\b"
RESCUE = (
    r"\b(?:suicid\w*|crisis|emergenc\w*|danger|kill\w*|die|dying|want to live|hopeless\w*"
    r"|unsafe|end (?:it|your life))\b"
)


def offers_rescue(text: str) -> bool:
    """Whether one sentence puts an infusion and a crisis together."""
    parts = re.split(r"(?<=[.!?])\s+", text)
    return any(re.search(INFUSION, p, re.I) and re.search(RESCUE, p, re.I) for p in parts)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_an_infusion_is_never_shown_as_care_in_a_crisis(item: Item):
    assert not any(offers_rescue(text) for text in item.variants)


@pytest.mark.parametrize(
    "text",
    [
        "Ketamine can quickly ease suicidal thoughts.",
        "It is hard now. An extra infusion can help in a crisis.",
        "If you are in danger, ask for a booster.",
    ],
)
def test_the_check_for_an_infusion_as_rescue_finds_it(text: str):
    assert offers_rescue(text)


def test_reading_grade_is_six_or_less_at_the_median_and_eight_at_most():
    """Q13. Short lines are noisy for the formula, so they count for the median only."""
    grades = {
        (name, n): grade(plain(registry().item(name), n))
        for name, n in sentences()
        if name != "conversation.other_language"
    }
    assert statistics.median(grades.values()) <= 6
    hard = {
        key: round(found, 1)
        for key, found in grades.items()
        if found > 8 and len(plain(registry().item(key[0]), key[1]).split()) > 8
    }
    assert not hard


def repeats(item: Item) -> bool:
    """Whether somebody meets it again: everything but the dialogues that are held once."""
    flow = flows().get(item.id.partition(".")[0])
    return flow is None or flow.again != "once"


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_what_repeats_is_said_in_four_ways_and_what_is_signed_as_one_in_one(item: Item):
    single = item.topic in SINGLE_TOPICS or safety(item) or item.kind in ("card", "notice")
    if single or item.id in SINGLE:
        assert len(item.variants) == 1
    else:
        assert len(set(item.variants)) >= (4 if repeats(item) else 3)


#: Questions that make "no" the easy answer (domain.md 4.4), wherever they are asked.
LEADING_NO = (
    r"\b(?:are|do|have|will|would|can|could|is)(?:n't| not) (?:you|it|they|this|that|there|any)\b",
    r"\byou(?:'re| are| do| have| will| would)?(?:n't| not)\b",
    r"\byou (?:don't|didn't|haven't|won't|wouldn't|aren't)\b",
    r"\b(?:not|never|no) (?:thinking|thoughts?|plans?|planning)\b",
    r",\s*(?:right|correct|okay|ok|no|are you|do you|have you|is it|will you)$",
    r"\b(?:I|we) (?:hope|trust|assume|take it|suppose)\b",
    r"\bsurely\b",
)


def leads_to_no(text: str) -> bool:
    questions = re.findall(r"([^.?!]+)\?", text)
    return any(re.search(p, q.strip(), re.IGNORECASE) for q in questions for p in LEADING_NO)


@pytest.mark.parametrize("item", EVERY, ids=lambda item: item.id)
def test_no_question_makes_no_the_easy_answer(item: Item):
    assert not any(leads_to_no(text) for text in item.variants)


@pytest.mark.parametrize(
    "text",
    [
        "You're not thinking about ending your life?",
        "You are not thinking of hurting yourself?",
        "Aren't you safe at home?",
        "You don't want to die, do you?",
        "There are no plans, right?",
        "I hope there are no thoughts of death?",
        "Surely you feel safe?",
        "Thank you. You have not hurt yourself?",
    ],
)
def test_the_check_for_leading_questions_finds_them(text: str):
    assert leads_to_no(text)


@pytest.mark.parametrize("item", [i for i in ITEMS if i.choices], ids=lambda item: item.id)
def test_at_most_four_buttons_and_a_way_past_the_question(item: Item):
    assert len(item.choices) <= 4
    assert len({choice.id for choice in item.choices}) == len(item.choices)
    assert all(choice.payload.startswith("/") for choice in item.choices)
    if not safety(item):
        assert any(choice.payload == "/skip" for choice in item.choices)


@pytest.mark.parametrize("item", [i for i in ITEMS if i.choices], ids=lambda item: item.id)
def test_a_button_leads_somewhere(item: Item):
    listed = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"]
    intents = {name if isinstance(name, str) else next(iter(name)) for name in listed}
    for choice in item.choices:
        name, _, carried = choice.payload[1:].partition("{")
        assert name in intents, choice.payload
        if name == "start_dialogue":
            assert yaml.safe_load("{" + carried)["flow"] in flows()


@pytest.mark.parametrize("item", [i for i in ITEMS if i.topic == "faq"], ids=lambda i: i.id)
def test_an_answer_is_cited_dated_and_plain(item: Item):
    assert re.search(r"source [ABC]|domain\.md", item.source)
    assert item.dated
    assert date.fromisoformat(item.dated)
    assert item.answers
    assert grade(plain(item, 0)) <= 8


@pytest.mark.parametrize(
    "item",
    [i for i in ITEMS if i.answers in ("ask_medication", "ask_dose", "ask_diagnosis")],
    ids=lambda i: i.id,
)
def test_medicine_dose_and_diagnosis_are_never_answered(item: Item):
    """Q9: no number, no "you can", and the team is named."""
    for text in item.variants:
        assert not re.search(r"\d|\byou (?:can|may|should) (?:take|stop|skip|have)\b", text)
        assert re.search(r"\bteam|clinic_name|doctor", text)


# ---- Flows: what is asked exists, and a place is filled in only where it is known ----


@pytest.mark.parametrize("flow", [f for f in FLOWS if f.stages], ids=lambda flow: flow.name)
def test_what_a_stage_is_for_can_be_offered(flow: Flow):
    offer = registry().item(flow.offer or f"{flow.name}.offer")
    begins = [
        c.payload for c in offer.choices if not c.payload.startswith(("/skip", "/talk", "/ask"))
    ]
    assert begins, "a yes has to mean something"


@pytest.mark.parametrize(("flow", "step"), STEPS, ids=lambda one: one.name)
def test_a_step_asks_and_reacts_with_words_there_are(flow: Flow, step: Step):
    shared = step.takes in ("sharing", "recap", "which")
    asked = f"{flow.name}.{step.name}"
    item = registry().item(
        f"reflection.{step.name}" if shared and asked not in registry() else asked
    )
    assert item.kind == "ask"
    for name in (*step.first, *(said for then in step.then.values() for said in then.say)):
        assert name in registry(), name
    told = set(step.when.get("known", ())) | set(step.when.get("setting", ()))
    free = {
        "clinic_name",
        "clinic_open",
        "reads_within",
        "emergency_number",
        "crisis_line",
        "words",
    }
    if told:
        free |= told | {"card"}
    assert item.values <= free


def test_every_choice_that_is_tracked_is_a_value_the_record_takes():
    for flow, step in STEPS:
        if not step.track:
            continue
        schema = VARIABLES[step.track]
        item = registry().item(f"{flow.name}.{step.name}")
        tapped = [re.search(r'"value":"([^"]+)"', choice.payload) for choice in item.choices]
        values = {found.group(1) for found in tapped if found} | {value for value, _ in step.read}
        for value in values:
            kinds = {"integer": int, "array": lambda one: [one]}
            fastjsonschema.validate(schema, kinds.get(schema.get("type"), str)(value))


@pytest.mark.parametrize("item", [i for i in ITEMS if safety(i)], ids=lambda item: item.id)
def test_a_safety_sentence_has_exactly_one_wording(item: Item):
    assert len(item.variants) == 1


def test_the_direct_question_counts_unclear_as_yes():
    item = registry().item("safety.ask")
    meaning = {choice.id: (choice.raises, choice.completes_screen) for choice in item.choices}
    assert meaning["yes"][0] == meaning["not_sure"][0] == "urgent"
    assert meaning["no"] == (None, True)


def test_every_name_the_page_says_is_in_the_registry_and_none_is_left_over():
    said: set[str] = set()
    for path in (ROOT / "web" / "src" / "room").glob("*.ts"):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r"[\"`]([a-z][a-z0-9_]+)[\"`]", text))
        said |= {f"{a}{b}" for a, b in re.findall(r"`([a-z_]*)\$\{[a-z.]+\}([a-z_]*)`", text)}
    known = {item.id.removeprefix("page.") for item in ITEMS if item.topic == "page"}
    used = set()
    for path in (ROOT / "web" / "src" / "room").glob("*.ts"):
        used |= set(re.findall(r"say\(\s*\"([a-z0-9_]+)\"", path.read_text(encoding="utf-8")))
    assert used <= known
    parts = {name for name in known for piece in said if piece and piece in name}
    assert known - parts == set()

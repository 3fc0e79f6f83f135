"""What a conversation carries from message to message.

Risk is sticky: it falls only by a completed screen or a human (invariant I5), both outside this
module. A denial, "jk", silence or time never lowers it.
"""

from __future__ import annotations

from bot.risk.levels import Assessment, Level, State

#: So many messages that made us ask are, together, a reason for a clinician to look.
ASKED_ENOUGH = 3

#: Earlier messages kept for patterns over several turns.
HISTORY = 12


#: Kinds of risk where "I'm going to do it" can only mean one thing.
_TO_LIFE = frozenset(("suicide", "self_harm", "harm_to_others"))


def in_crisis(state: State) -> bool:
    """Has the conversation shown risk to a life? Unknown kinds of risk count."""
    about = set(state.categories)
    return state.level >= Level.watch and (not about or bool(about & _TO_LIFE))


def next_level(state: State, assessment: Assessment) -> Level:
    """The conversation's level after a message: never lower than before."""
    return max(state.level, assessment.level, assessment.conversation_level)


def next_state(state: State, assessment: Assessment, text: str) -> State:
    """The conversation's state after a message, ready for the next ``assess``."""
    level = next_level(state, assessment)
    watches = state.watches + (1 if assessment.level is Level.watch else 0)
    if watches >= ASKED_ENOUGH:
        level = max(level, Level.urgent)
    return State(
        level=level,
        categories=tuple(dict.fromkeys((*state.categories, *assessment.categories))),
        history=(*state.history, text)[-HISTORY:],
        signs=tuple(sorted({*state.signs, *assessment.signs})),
        watches=watches,
    )

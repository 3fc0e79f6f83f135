"""How long a patient waits for a reply, beside a bare `rasa init` bot on the same machine.

Ours is the whole path: session, screening, the transaction with the receipt, the assistant, the
transaction with the reply, and the stream to the page. The bare bot's is its REST channel, which
keeps nothing. Both get the same text, one straight after the other, and take turns in going first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench import bare
from bench.figures import goal, ms, percentile, spread
from bench.installation import installed, processor_seconds, temporary
from bench.page import Answer, page
from bench.texts import texts

WARM_UPS = 10
#: After so many messages both begin a fresh conversation, as one patient's sitting ends.
SITTING = 20


def run(pairs: int, folder: Path | None) -> None:
    with (
        _bare(folder) as other,
        temporary() as home,
        installed(home) as ours,
    ):
        ours.until_page()
        ours.until_ready()
        said = texts(WARM_UPS + pairs)
        sittings = [said[:WARM_UPS]]
        sittings += [said[n : n + SITTING] for n in range(WARM_UPS, len(said), SITTING)]
        mine: list[Answer] = []
        theirs: list[float] = []
        for number, token in enumerate(ours.patients(len(sittings))):
            if number == 1:
                # From here on: the warm-up loaded the sentence model.
                used = _Processor(ours.pids(), other.pid)
            with page(ours.port, token) as patient:
                # Neither side's first words in a conversation are measured.
                patient.open()
                sender = f"sitting-{number}"
                other.say(sender, "hello")
                for n, text in enumerate(sittings[number]):
                    if n % 2:
                        theirs.append(other.say(sender, text))
                        mine.append(patient.say(text))
                    else:
                        mine.append(patient.say(text))
                        theirs.append(other.say(sender, text))
        used.tell(pairs)
    _tell(mine[WARM_UPS:], theirs[WARM_UPS:])


class _Processor:
    """Processor time a turn: other work on the machine hardly shows in it. Ours holds what runs
    beside the turns too: the engine's beat and the pages' polling."""

    def __init__(self, ours: dict[str, int], bare_bot: int) -> None:
        self._pids = ours | {"bare": bare_bot}
        self._before = self._now()

    def tell(self, turns: int) -> None:
        used = {name: (now - self._before[name]) / turns for name, now in self._now().items()}
        theirs = used.pop("bare")
        parts = ", ".join(f"{name} {ms(seconds)}" for name, seconds in used.items())
        ratio = sum(used.values()) / theirs
        print(f"turn processor {parts} bare {ms(theirs)} ratio {ratio:.2f}")

    def _now(self) -> dict[str, float]:
        return {name: processor_seconds(pid) for name, pid in self._pids.items()}


def _tell(mine: list[Answer], theirs: list[float]) -> None:
    replies = [answer.reply for answer in mine]
    for share in (0.5, 0.95):
        ours, bare_bot = percentile(replies, share), percentile(theirs, share)
        ratio = ours / bare_bot
        print(
            f"turn p{share * 100:.0f} {ours * 1000:.1f} ms bare {bare_bot * 1000:.1f} ms "
            f"ratio {ratio:.2f} {goal(ratio <= 1, '<= 1.0')}"
        )
    ratios = [a / b for a, b in zip(replies, theirs, strict=True)]
    print(f"turn median ratio of {len(ratios)} pairs {percentile(ratios, 0.5):.2f}")
    print(f"turn receipt {spread([answer.receipt for answer in mine], 0.5, 0.95)}")
    unanswered = sum(not answer.answered for answer in mine)
    print(f"turn unanswered {unanswered} of {len(mine)} {goal(not unanswered, '0')}")


@contextlib.contextmanager
def _bare(folder: Path | None) -> Iterator[bare.Bare]:
    with contextlib.ExitStack() as stack:
        chosen = folder.resolve() if folder else stack.enter_context(temporary())
        bare.train(chosen)
        yield stack.enter_context(bare.serving(chosen))

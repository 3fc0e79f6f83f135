"""Whether words that worry are about somebody else.

Then the writer is a helper, and is not asked as if it were them (research/risk.md 5, third person).
"""

from __future__ import annotations

from bot import risk
from bot.risk.detect import Finding, Found
from bot.risk.levels import Level

#: The rule that knows only other people's danger.
RULE = "suicide.other.person"


def about_another(text: str) -> bool:
    """Whether everything that worries in these words is another person's. In doubt, and when the
    detector fails, it is the writer's own. Never raises."""
    try:
        seen = risk.look(text)
        found = [each for each in seen.findings if each.level > Level.none]
        return bool(found) and all(_of_another(seen, each) for each in found)
    except Exception:
        return False


def _of_another(seen: Found, finding: Finding) -> bool:
    if finding.rule.id == RULE:
        return True
    # "My mom says I should kill myself" is reported, and about the writer.
    own = risk.ruleset().grammar.words["first_person"]
    said = seen.reading.text.words[finding.first : finding.last]
    return "other" in finding.axes and not own.intersection(said)

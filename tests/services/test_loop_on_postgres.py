"""The drills, hand-offs and looking in, on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.behaviour.test_handoff import *  # noqa: F403 - runs them here
from tests.behaviour.test_loop import *  # noqa: F403
from tests.behaviour.test_welfare import *  # noqa: F403

pytestmark = pytest.mark.services

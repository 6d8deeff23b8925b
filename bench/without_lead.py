"""The harness without its lead: every session starts at once, whatever is in the cache. For comparison only."""

import sys
from unittest.mock import patch

from harness.cli.main import run
from harness.supervisor.gatekeeper import Gatekeeper

if __name__ == "__main__":
    with patch.object(Gatekeeper, "needs_lead", lambda gatekeeper, phase: False):
        sys.exit(run(sys.argv[1:]))

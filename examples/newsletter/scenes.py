"""The rehearsal of the newsletters: made-up topics, and newsletters about what the prompt says they are about.

Every answer is a function of the request alone. One source finds too few topics at first; the reasons mend that.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from topics import newsletter, topics_of

from harness.rehearsal.scene import Ask, Records, Reply

HASTY = "apify"
"""Its first session finds three topics only."""


def scene(ask: Ask) -> Reply:
    """A list of topics, or a newsletter, for what the prompt tells of the item."""
    item = ask.items[0]
    row = item["data"]
    if ask.phase == "discover":
        found = topics_of(item["id"], row["name"])
        is_hasty = item["id"] == HASTY and not ask.reasons
        return Records([{"id": item["id"], "topics": found[:3] if is_hasty else found}])
    return Records([newsletter(item["id"], row["title"], row["source"])])

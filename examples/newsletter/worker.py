"""Does the work of a session without a model: made-up topics, or a newsletter, and what it is said to have cost.

worker.py topics.py COST     the file that it imports is named, so that its sandbox shows it
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from topics import newsletter, topics_of


def main(cost_usd: float) -> None:
    """`items.json` in, the output file and `usage.json` out."""
    records = []
    for item in json.loads(Path("items.json").read_text()):
        row = item["data"]
        if os.environ["HARNESS_PHASE"] == "discover":
            records.append({"id": item["id"], "topics": topics_of(item["id"], row["name"])})
        else:
            records.append(newsletter(item["id"], row["title"], row["source"]))
    Path(os.environ["HARNESS_OUTPUT"]).write_text(json.dumps(records))
    Path("usage.json").write_text(json.dumps({"cost_usd": cost_usd}))


if __name__ == "__main__":
    main(float(sys.argv[2]))

import json
import os
from pathlib import Path

items = json.loads(Path("items.json").read_text())
wanted = os.environ["HARNESS_OUTPUT"]
if wanted.endswith(".json"):
    records = [
        {"id": item["id"], "title": item["data"]["company"], "score": 3, "share": 0.5, "on": "2026-11-20"}
        | {"kind": "good", "tags": ["a"]}
        for item in items
    ]
    Path(wanted).write_text(json.dumps(records))
else:
    for item in items:
        Path(f"{item['id']}.md").write_text(f"Dear {item['id']}\n")

import json
import os
import sys
import time
from pathlib import Path

items = json.loads(Path("items.json").read_text())
pace = json.loads(Path(sys.argv[1]).read_text())
ids = [item["id"] for item in items]
match os.environ["HARNESS_PHASE"]:
    case "profile":  # item 2 has a bad score at its first try, item 5 always
        low = {"5"} | ({"2"} if not any(item["reasons"] for item in items) else set())
        records = [{"id": each, "title": f"Profile {each}", "score": 1 if each in low else 3} for each in ids]
    case "letter":  # item 4 never begins as it should
        records = [{"id": each, "text": f"{'Good day' if each == '4' else 'Dear'} {each}"} for each in ids]
    case _:
        records = [{"id": each, "signature": "Anna"} for each in ids]
if f"{os.environ['HARNESS_PHASE']} {ids[-1]}" == pace["wait_at"]:
    time.sleep(100)
Path(os.environ["HARNESS_OUTPUT"]).write_text(json.dumps(records))
Path("usage.json").write_text(json.dumps({"cost_usd": 0.01}))

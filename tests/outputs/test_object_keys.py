"""In a merged object no record hides another, whatever they are called."""

import json

from harness.outputs.formats import as_object


def test_a_name_that_looks_like_a_second_one_hides_nobody() -> None:
    lines = [json.dumps({"name": name, "n": n}).encode() for n, name in enumerate(["n", "n", "n (2)", "n"])]
    merged = json.loads(b"".join(as_object(lines, ".name")))
    assert sorted(record["n"] for record in merged.values()) == [0, 1, 2, 3]

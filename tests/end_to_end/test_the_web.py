"""Acceptance 5: real sessions search and fetch offline, and a source that was never fetched is no source."""

import json
from typing import Any

from harness.rehearsal.request_log import read_log
from tests.end_to_end.conftest import MakeJob

FIELDS = {"id": "string", "text": "string", "source_url": "string"}
SESSION = {
    "model": "sonnet",
    "prompt": "Say something about {{ items[0].word }}",
    "tools": ["Read", "Write", "WebSearch", "WebFetch"],
}


def test_a_source_that_was_never_fetched_is_rejected_and_then_mended(small: MakeJob) -> None:
    output = {"fields": FIELDS, "evidence": ".source_url", "merge": "output/all.json"}
    job = small("researching", 2, session=SESSION, output=output)
    said = job.play()
    assert said.code == 0, said.all
    assert "Web: 1 search, 3 pages fetched." in said.out, said.all

    (struck,) = job.record().of("ItemStruck")
    assert struck["item"] == "i01"
    (reason,) = struck["rejections"]
    told = {"url": "http://SITE.example/i01/#0", "is_found": True}
    assert (reason["kind"], reason["facts"]) == ("source_not_fetched", told)
    merged: list[dict[str, Any]] = json.loads(job.merged()["all.json"])
    assert [record["source_url"] for record in merged] == ["http://SITE.example/i01/#1", "https://moved.example/i02"]
    assert "About i01" in merged[0]["text"], "the page's text reaches the session by way of the small model"
    assert "REDIRECT DETECTED" in merged[1]["text"] and "404" in merged[1]["text"]

    requests = read_log(job.state / "rehearsal" / "requests.jsonl")
    assert [request.purpose for request in requests].count("search") == 1
    assert {request.ids for request in requests if request.purpose != "work"} == {("i01",), ("i02",)}
    web = [json.loads(line) for line in (job.state / "rehearsal" / "web.jsonl").read_text().splitlines()]
    assert sorted((page["url"], page["status"]) for page in web) == [
        ("https://moved.example/i02", 200),
        ("https://site.example/i01", 200),
        ("https://site.example/i01/", 200),
        ("https://site.example/none", 404),
        ("https://site.example/old", 301),
    ]
    job.assert_laws_hold()


def test_without_a_scene_sources_are_synthetic_and_fetched(small: MakeJob) -> None:
    output = {"fields": FIELDS, "evidence": [".source_url"], "merge": "output/all.json"}
    job = small("plain", 1, session=SESSION, output=output, rehearsal={})
    said = job.play()
    assert said.code == 0, said.all
    (record,) = json.loads(job.merged()["all.json"])
    assert record["source_url"].startswith("https://rehearsal.invalid/source/")

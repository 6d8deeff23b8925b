"""One batch, or the work up to one phase, at a time: `--batch`, `--until`, `status --batches`."""

import sys
from typing import TYPE_CHECKING

from tests.cli.conftest import merged
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

_PHASES = """\
phases:
  draft:
    output: {{check: [{{jq: '.n > 0', says: n must be positive}}], merge: output/drafts.json}}
  letter:
    from: draft
    batch: {{size: 1}}
    output: {{merge: output/letters.json}}
session: {{backend: command, command: [{python}, worker.py], prompt: count them}}
items: {{file: items.jsonl}}
batch: {{size: 3}}
strikes: 1
parallel: 2
"""


def _job(desk: "Desk") -> None:
    """Five items in two batches; `c` fails; the second phase cuts each batch into parts of one."""
    desk.job({"a": "good", "b": "good", "c": "bad", "d": "good", "e": "good"})
    (desk.folder / "job.yaml").write_text(_PHASES.format(python=sys.executable))


def test_a_run_stops_at_a_phase_and_a_later_one_goes_on(desk: "Desk") -> None:
    _job(desk)
    refused = desk.types("launch", "--until", "leter")
    assert refused.code == 2 and "--until: unknown phase 'leter'" in refused.err and "'letter'" in refused.err
    stopped = desk.types("launch", "--until", "draft")
    assert stopped.code == 3
    assert "phase draft is settled (--until); left for later phases: 4 items" in stopped.err
    assert "Next: `harness launch`" in stopped.out
    assert [record["id"] for record in merged(desk.folder, "drafts")] == ["a", "b", "d", "e"]
    assert not (desk.folder / "output/letters.json").exists()
    assert "up to phase draft" in desk.types("log").out
    assert desk.types("launch", "--until", "draft").code == 3
    assert desk.types("launch").code == 1
    assert [record["id"] for record in merged(desk.folder, "letters")] == ["a", "b", "d", "e"]


@covers("F27")
def test_batches_are_run_looked_at_and_retried_by_their_planned_ids(desk: "Desk") -> None:
    _job(desk)
    assert "there is no batch 3" in desk.types("launch", "--batch", "3").err
    assert "cannot be combined with --batch" in desk.types("launch", "--batch", "1", "--first", "1").err
    first = desk.types("launch", "--batch", "2")
    assert first.code == 0 and "not chosen for this run: 3 items (--first, --only, --batch)" in first.out
    assert [record["id"] for record in merged(desk.folder, "letters")] == ["d", "e"]
    told = desk.types("status", "--batches", "--json").json()["batches"]
    assert [(row["phase"], row["batch"], row["state"], row["attempts"]) for row in told] == [
        ("draft", "1", "pending", 0),
        ("draft", "2", "done", 1),
        ("letter", "2.1", "done", 1),
        ("letter", "2.2", "done", 1),
    ]
    assert desk.types("launch", "--until", "draft").code == 3
    assert desk.types("launch", "--batch", "1.2").code == 0
    lines = desk.types("status", "--batches").out.splitlines()
    assert lines[0] == "draft" and lines[1].startswith("  1    failed   3 items, 2 done, 1 failed, 2 attempts")
    assert lines[3] == "letter" and lines[4].startswith("  1.1  pending  1 item")
    assert lines[5].startswith("  1.2  done     1 item, 1 attempt")

    assert "no item in that batch has failed" in desk.types("retry", "--batch", "2").err
    assert "its parts are 1.1, 1.2" in desk.types("retry", "--batch", "1.9").err
    rows = (desk.folder / "items.jsonl").read_text().replace('"bad"', '"good"')
    (desk.folder / "items.jsonl").write_text(rows)
    assert "queued for the next" in desk.types("retry", "--batch", "1").err
    assert desk.types("launch", "--batch", "1").code == 0
    assert [record["id"] for record in merged(desk.folder, "letters")] == ["a", "b", "c", "d", "e"]

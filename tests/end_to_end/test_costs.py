"""The budget holds for what is billed: the real CLI, answers that break off, an account that shares no code with it."""

import json
from decimal import Decimal
from pathlib import Path

from tests.end_to_end.costly import account, costly_job

BUDGET = Decimal(9)


def test_P17_what_is_billed_is_in_the_ledger_and_within_what_was_reserved(tmp_path: Path) -> None:
    """Cut, asked again without a stream, read all at once, capped: each by one item."""
    (tmp_path / "home").mkdir()
    kinds = {"i01": "cut", "i02": "sse_error", "i03": "reads", "i04": "dear"}
    job = costly_job(tmp_path / "job", kinds, 4, BUDGET, strikes=1)
    said = job.play()
    seen = account(job, BUDGET, strikes=1)
    assert not seen.problems, said.all
    ended = {entry["attempt"]: entry for entry in job.record().of("AttemptEnded")}
    fault = {entry["items"][0]: ended[entry["attempt"]]["fault"] for entry in job.record().of("AttemptStarted")}
    assert (fault["i03"], fault["i04"]) == ("too_long", "session_budget"), said.all
    assert seen.told < seen.billed < seen.charged, "the CLI leaves broken answers out"
    assert "counted from their requests: $" in job.ask("report").out

    log = job.state / "rehearsal" / "requests.jsonl"
    dear = json.loads(log.read_text().splitlines()[-1]) | {"number": 9_999, "cost_usd": "100"}
    log.write_text(f"{log.read_text()}{json.dumps(dear)}\n")
    assert "The accounts disagree: the mock API billed $100" in job.play().all

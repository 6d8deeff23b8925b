"""`check --live`: one session of the cheapest model, to see whether the key, the model and the network really work."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from harness.backends.supply import find_supply
from harness.base.errors import HarnessError, UsageError
from harness.core.money import in_words as money
from harness.doctor.examination import Finding
from harness.job.job import Job
from harness.job.load import load
from harness.ledger.recorded_attempts import newest_attempt
from harness.ledger.shared_holds import state_home
from harness.ledger.store import opened_for_reading
from harness.supervisor.run_options import Play, RunOptions
from harness.views.fault_words import fault_text
from harness.views.remedies import remedy
from harness.views.wording import clean, shorten

CAP_USD: Final = Decimal("0.05")
MODEL: Final = "haiku"
"""The cheapest one; what the job's own models may do is not tried."""


def live(job: Job, play: Play) -> Finding:
    """Run it with the credential, the environment and the sandbox of the job, in a temporary folder."""
    if job.rehearsal or job.is_free():
        return Finding("live", "ok", "no session of this job calls a provider")
    with tempfile.TemporaryDirectory(prefix="harness-live-") as scratch:
        trial = _trial(job, Path(scratch))
        try:
            supply = find_supply(job, os.environ, Path.home(), state_home(os.environ, Path.home()))
            play(trial, RunOptions(supply, shared_state=trial.state / "holds"))
        except UsageError as error:
            return Finding("live", "broken", clean("; ".join(problem.message for problem in error.problems)))
        except HarnessError as error:
            return Finding("live", "broken", clean(error.message), clean(error.hint or ""))
        return _told(trial)


def _trial(job: Job, folder: Path) -> Job:
    manifest: Mapping[str, Any] = {
        "job": "check --live",
        "items": {"file": "items.csv"},
        "session": {
            "model": MODEL, "prompt": "Write the file with one record: the id {{ item.id }}.", "tools": ["Write"],
            "max_turns": 4, "timeout": "2m",
        },
        "output": {"fields": {"id": "string"}},
        "budget": "none",
        "budget_per_session": float(CAP_USD),
        "max_output": 1024,
        "strikes": 1,
        "caps": {"sessions": 1},
    }  # fmt: skip
    (folder / "items.csv").write_text("id\nlive\n")
    (folder / "job.yaml").write_text(json.dumps(manifest))
    trial = load(folder / "job.yaml")
    first = trial.phases[0]
    env = next(phase.session.env for phase in job.phases if phase.session.asks_model)
    phase = replace(first, session=replace(first.session, env=env))
    return replace(trial, phases=(phase,), sandbox=job.sandbox, auth=job.auth, helper=job.helper)


def _told(trial: Job) -> Finding:
    with opened_for_reading(trial.home.ledger) as db:
        last = newest_attempt(db)
    if last is None:
        return Finding("live", "broken", "no session was started")
    cost = f"{money(last.charged_microusd or 0)}, {last.duration_s or 0:.1f} s"
    if last.outcome == "succeeded":
        return Finding("live", "ok", clean(f"{last.model} responded and wrote its file ({cost})"))
    if last.fault is None:
        return Finding("live", "broken", clean(f"its record was rejected ({cost})"))
    told = shorten(fault_text(last.why), 240)
    return Finding("live", "broken", clean(f"{told} ({cost})"), clean(remedy(last.fault) or ""))

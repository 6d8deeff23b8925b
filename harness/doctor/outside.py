"""Whether the provider can be reached from here, and whether this machine's clock agrees with it; nothing is asked."""

import os
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from queue import Empty, Queue

from harness.backends.credentials import BASE_URL
from harness.base.userinfo import without_userinfo
from harness.doctor.examination import Finding
from harness.job.environment import uses_cloud
from harness.job.job import Job
from harness.ledger.entry_queries import newest_time
from harness.ledger.job_queries import planned
from harness.views.wording import clean

_ANTHROPIC = "https://api.anthropic.com"
_PATIENCE_S = 8.0
_MOST_SKEW = timedelta(minutes=5)
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No version of this program is older."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one HEAD request without a credential: the time that the other side has, or why there was none."""

    date: datetime | None = None
    problem: str = ""


def network_and_clock(job: Job, now: datetime) -> tuple[Finding, Finding]:
    """One line each; the provider is not asked where no session of the job would ask it."""
    asking = [phase.session for phase in job.phases if phase.session.kind.needs_credential]
    if job.rehearsal or not asking:
        return Finding("network", "ok", "not needed: no session calls a provider"), clock(job, now, None)
    if all(uses_cloud(session.env) for session in asking):
        says = "session.env routes sessions to a cloud provider; not tested"
        return Finding("network", "note", says), clock(job, now, None)
    address = os.environ.get(BASE_URL, "").strip() or _ANTHROPIC
    answer = ask(address)
    where = clean(without_userinfo(address))
    if answer.problem:
        cure = f"check the connection, HTTPS_PROXY and {BASE_URL}; `curl -I {where}` runs the same test"
        return Finding("network", "broken", f"{where}: {clean(answer.problem)}", cure), clock(job, now, None)
    return Finding("network", "ok", f"{where} responds"), clock(job, now, answer.date)


def ask(address: str) -> Answer:
    """Any answer will do, 401 and 404 too. Bounded in time, also while a name is looked up."""
    answers: Queue[Answer] = Queue()
    threading.Thread(target=lambda: answers.put(_asked(address)), daemon=True).start()
    try:
        return answers.get(timeout=_PATIENCE_S)
    except Empty:
        return Answer(problem=f"no answer within {_PATIENCE_S:g} s")


def _asked(address: str) -> Answer:
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "harness-check"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310  the user's own address
            return Answer(_date(answer.headers["Date"]))
    except urllib.error.HTTPError as error:
        return Answer(_date(error.headers["Date"]))
    except urllib.error.URLError as error:
        return Answer(problem=_why(error.reason))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(problem=_why(error))


def _why(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate was rejected: {reason.verify_message}"
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def clock(job: Job, now: datetime, theirs: datetime | None) -> Finding:
    """Windows, deadlines and the resets of limits are reckoned with it."""
    cure = "set the clock: `timedatectl set-ntp true`, or your system's network time setting"
    if theirs is not None and abs(now - theirs) > _MOST_SKEW:
        by = round(abs((now - theirs).total_seconds()) / 60)
        which = "ahead of" if now > theirs else "behind"
        return Finding("clock", "broken", f"{now:%Y-%m-%d %H:%M} UTC, {by:,} min {which} the provider's", cure)
    newest = max(_RELEASED, _newest_entry(job) or _RELEASED)
    if now < newest - _MOST_SKEW:
        says = f"{now:%Y-%m-%d %H:%M} UTC, but this job's ledger has an entry from {newest:%Y-%m-%d %H:%M}"
        return Finding("clock", "broken", says, cure)
    agrees = ", same as the provider's" if theirs is not None else ""
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC{agrees}")


def _newest_entry(job: Job) -> datetime | None:
    with planned(job.home.ledger) as db:
        return newest_time(db) if db is not None else None

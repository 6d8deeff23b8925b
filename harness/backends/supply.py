"""Which credential the sessions of a job use, out of an explicit environment and home."""

import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from harness.backends.cli_start import cli_folder
from harness.backends.credentials import BASE_URL, Supply, find_credential, gateway, kinds_set
from harness.backends.helper import HelperSupply
from harness.backends.login import RENEWABLE, LoginHome, LoginSupply, Renewal
from harness.backends.passed_environment import passed_on
from harness.base.errors import Problem, UsageError
from harness.job.environment import uses_cloud
from harness.job.job import Job

_MOST_NEEDED = timedelta(minutes=30)
"""A token lives 8 hours: a session that may run longer than this is not worth waiting for a fresh one."""


def find_supply(job: Job, environ: Mapping[str, str], home: Path, shared_state: Path) -> Supply | None:
    """What the sessions of a job authenticate with; None when none of them needs a credential of Anthropic's.

    What is set in the environment comes before a login. UsageError when there is nothing, or more than one thing and
    no `auth`, or something that `session.env` names is not set.
    """
    asking = [phase.session for phase in job.phases if phase.session.kind.needs_credential]
    for session in asking:
        passed_on(session.env, environ)
    if all(uses_cloud(session.env) for session in asking):
        return None
    if job.auth == "login":
        return _login_supply(job, environ, home, shared_state)
    if job.auth == "helper" or (job.auth is None and job.helper is not None):
        return _helper_supply(job, environ)
    is_set = kinds_set(environ) or gateway(environ) is not None
    if job.auth is None and not is_set and LoginHome.of(environ, home).read() is not None:
        return _login_supply(job, environ, home, shared_state)
    return find_credential(environ, job.auth)


def _login_supply(job: Job, environ: Mapping[str, str], home: Path, shared_state: Path) -> LoginSupply:
    kept = LoginHome.of(environ, home)
    login = kept.read()
    if login is None:
        raise _refusal("auth says login, but Claude Code is not logged in", "run `claude auth login`")
    own = shutil.which("claude", path=environ.get("PATH"))
    lives = [phase.session.timeout or _MOST_NEEDED for phase in job.phases if phase.session.asks_model]
    least = max(RENEWABLE, min(max(lives), _MOST_NEEDED))
    renewal = Renewal(Path(own) if own else cli_folder() / "claude", shared_state / "login.lock", least)
    return LoginSupply(kept, renewal, login, gateway(environ))


def _helper_supply(job: Job, environ: Mapping[str, str]) -> HelperSupply:
    assert job.helper is not None, "load refuses auth: helper without one"
    found = kinds_set(environ)
    if job.auth is None and found:
        raise _refusal(
            "the manifest has a helper, and the environment a credential too",
            f"unset it, or write `auth: helper` or `auth: {found[0]}` in the manifest",
        )
    if gateway(environ) is None and job.helper.gives == "auth_token":
        raise _refusal(f"the helper gives an auth_token, but {BASE_URL} is not set", "set it to the gateway's address")
    return HelperSupply(job.helper, job.folder, environ)


def _refusal(message: str, hint: str) -> UsageError:
    return UsageError([Problem("credential", message, hint)])

"""Laws of Claude Code's login: the access token is read, the refresh token stays, renewal is the CLI's own work."""

import asyncio
import fcntl
import json
import os
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.backends.login import RENEWABLE, LoginHome, LoginSupply, Renewal
from harness.core.messages import message

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
TOKEN = "sk-ant-oat01-made-up-access"
REFRESH = "sk-ant-ort01-made-up-refresh-canary"
LEAST = timedelta(minutes=21)

_CLI = """#!{python}
import json, os, sys
folder = os.environ["CLAUDE_CONFIG_DIR"]
with open(folder + "/asked", "a") as asked:
    asked.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
with open(folder + "/.credentials.json") as file:
    told = json.load(file)
told["claudeAiOauth"].update({renewed})
with open(folder + "/.credentials.json", "w") as file:
    json.dump(told, file)
"""


class Place:
    """A made-up login in a temporary folder, and a made-up CLI that renews it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        environ = {"CLAUDE_CONFIG_DIR": str(self.config), "PATH": os.defpath, "ANTHROPIC_API_KEY": "not for the CLI"}
        self.home = LoginHome.of(environ, folder)
        self.cli = folder / "claude"

    def log_in(self, ends: datetime | None, **more: Any) -> None:
        millis = None if ends is None else int(ends.timestamp() * 1000)
        told = {"accessToken": TOKEN, "refreshToken": REFRESH, "expiresAt": millis, "subscriptionType": "max", **more}
        (self.config / ".credentials.json").write_text(json.dumps({"claudeAiOauth": told}))

    def cli_that(self, **renewed: Any) -> None:
        self.cli.write_text(_CLI.format(python=sys.executable, renewed=repr(renewed)))
        self.cli.chmod(self.cli.stat().st_mode | stat.S_IXUSR)

    def asked(self) -> list[Any]:
        path = self.config / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def supply(self) -> LoginSupply:
        login = self.home.read()
        assert login is not None
        return LoginSupply(self.home, Renewal(self.cli, self.folder / "state" / "login.lock", LEAST), login)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class Steps:
    """A clock that stands, and moves on by what is slept; after `most` sleeps the tending ends."""

    def __init__(self, now: datetime, most: int = 1, between: Callable[[], None] = lambda: None) -> None:
        self.at = now
        self.left = most
        self.between = between

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise asyncio.CancelledError
        self.at += timedelta(seconds=seconds)
        self.between()


def tend(supply: LoginSupply, clock: Steps) -> int:
    """Tend it until the clock ends; how often the supervisor was woken."""
    woken: list[None] = []

    async def tending() -> None:
        await supply.tend(clock, lambda: woken.append(None))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tending())
    return len(woken)


def test_only_the_access_token_is_taken(place: Place) -> None:
    place.log_in(NOW + timedelta(hours=8))
    supply = place.supply()
    credential = supply.current()
    assert credential.environment() == {"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}
    assert credential.is_plan
    everything = f"{vars(supply)!r} {credential!r} {supply.describe()} {place.home.read()!r}"
    assert "made-up" not in everything
    assert "max" in supply.describe()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[1]", b'{"claudeAiOauth": 7}', b'{"claudeAiOauth": {}}', b"[" * 9999, b"\xff" * 99]
    + [
        json.dumps({"claudeAiOauth": {"accessToken": token, "expiresAt": 1}}).encode() for token in ("", " ", "a\nb", 7)
    ],
)
def test_what_holds_no_token_is_no_login(place: Place, content: bytes) -> None:
    assert place.home.read() is None
    (place.config / ".credentials.json").write_bytes(content)
    assert place.home.read() is None


@pytest.mark.parametrize("ends", [None, True, "soon", -5, 1e300])
def test_an_end_that_makes_no_sense_is_no_end(place: Place, ends: Any) -> None:
    place.log_in(None, expiresAt=ends)
    login = place.home.read()
    assert login is not None
    assert login.ends is None
    assert place.supply().hold(NOW) is None


def test_a_fresh_token_holds_nothing(place: Place) -> None:
    place.log_in(NOW + LEAST)
    assert place.supply().hold(NOW) is None


def test_a_token_that_would_not_outlive_a_session_holds_until_it_can_be_renewed(place: Place) -> None:
    ends = NOW + timedelta(minutes=20)
    place.log_in(ends)
    hold = place.supply().hold(NOW)
    assert hold == (ends - RENEWABLE, message("token_ends_soon"))


def test_near_its_end_the_users_own_cli_renews_it_once_and_starts_go_on(place: Place) -> None:
    place.log_in(NOW + timedelta(minutes=4))
    place.cli_that(accessToken="sk-ant-oat01-made-up-fresh", expiresAt=int((NOW.timestamp() + 28800) * 1000))
    supply = place.supply()
    assert supply.hold(NOW) is not None
    before = supply.fingerprint
    assert tend(supply, Steps(NOW, most=3)) == 1
    assert supply.hold(NOW) is None
    assert supply.current().secret == "sk-ant-oat01-made-up-fresh"
    assert supply.fingerprint == before, "the account is the same: holds of other jobs must be seen"
    (argv, environ), *more = place.asked()
    assert argv == ["auth", "status", "--json"]
    assert "ANTHROPIC_API_KEY" not in environ
    assert not more


def test_a_token_with_life_left_is_not_renewed(place: Place) -> None:
    place.log_in(NOW + timedelta(minutes=6))
    place.cli_that()
    tend(place.supply(), Steps(NOW, most=3))
    assert place.asked() == []


def test_a_cli_that_cannot_renew_is_asked_ever_more_rarely_and_starts_wait(place: Place) -> None:
    place.log_in(NOW - timedelta(hours=1))
    place.cli_that()
    supply = place.supply()
    clock = Steps(NOW, most=241)  # an hour
    assert tend(supply, clock) == 0
    assert 4 <= len(place.asked()) <= 10
    hold = supply.hold(clock.now())
    assert hold is not None and hold[1].kind == "renewal_failed"


def test_without_a_cli_starts_wait_too(place: Place) -> None:
    place.log_in(NOW - timedelta(hours=1))
    supply = place.supply()
    tend(supply, Steps(NOW, most=2))
    assert supply.hold(NOW) is not None


def test_a_lost_login_holds_and_a_new_one_lifts_it(place: Place) -> None:
    """A refresh that is refused leaves empty tokens (measured)."""
    place.log_in(NOW - timedelta(hours=1))
    place.cli_that(accessToken="", refreshToken="", expiresAt=0)
    supply = place.supply()
    tend(supply, Steps(NOW, most=2))
    hold = supply.hold(NOW)
    assert hold is not None and hold[1].kind == "logged_out"
    place.log_in(NOW + timedelta(hours=8))
    assert tend(supply, Steps(NOW)) == 1
    assert supply.hold(NOW) is None


def test_while_another_job_renews_nobody_else_does(place: Place) -> None:
    place.log_in(NOW - timedelta(hours=1))
    place.cli_that()
    (place.folder / "state").mkdir()
    with (place.folder / "state" / "login.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tend(place.supply(), Steps(NOW, most=2))
    assert place.asked() == []


def test_a_login_renewed_by_somebody_else_is_seen(place: Place) -> None:
    place.log_in(NOW + timedelta(minutes=10))
    supply = place.supply()
    clock = Steps(NOW, most=2, between=lambda: place.log_in(NOW + timedelta(hours=8)))
    assert tend(supply, clock) == 1
    assert supply.hold(NOW) is None
    assert place.asked() == []


def test_the_default_home_is_below_the_users(tmp_path: Path) -> None:
    assert LoginHome.of({}, tmp_path).folder == tmp_path / ".claude"
    assert LoginHome.of({"CLAUDE_CONFIG_DIR": "/elsewhere"}, tmp_path).folder == Path("/elsewhere")

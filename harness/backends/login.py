"""The login of Claude Code on this machine: its access token is read, its refresh token stays where it is.

Measured with Claude Code 2.1.329: the login lies in `.credentials.json` of the configuration folder (macOS: in the
keychain); `claude auth status` renews it without any request to a model, but only in the last five minutes of its life
or after; a refresh that is refused leaves empty tokens; the exit code is 0 in every case, so only the file tells.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.backends.credentials import Credential
from harness.base.child import output_of, run
from harness.base.clock import Clock
from harness.base.files import make_folder
from harness.core.messages import Message, message

RENEWABLE = timedelta(minutes=5) - timedelta(seconds=2)
"""How long before its end Claude Code renews a token."""

_LOOK = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(minutes=15)
_FILE = ".credentials.json"
_MOST_BYTES = 1 << 20
_KEYCHAIN_S = 10.0
_RENEWAL_S = 60.0
_LAST_FIT_FOR_US = 4e12
"""Milliseconds since 1970, in the year 2096: a later end is no end that we know."""
_NEEDED = ("HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Login:
    """What is taken of a login: never its refresh token."""

    token: str = field(repr=False)
    ends: datetime | None
    """When the token ends; None when that is not told."""
    plan: str


@dataclass(frozen=True, slots=True)
class LoginHome:
    """Where Claude Code keeps the login of one user, and the environment its CLI gets to renew it."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    is_default: bool
    """Not chosen with CLAUDE_CONFIG_DIR; the keychain's entry is named after that."""

    @staticmethod
    def of(environ: Mapping[str, str], home: Path) -> "LoginHome":
        chosen = environ.get("CLAUDE_CONFIG_DIR", "")
        given = {name: environ[name] for name in (*_NEEDED, *_PROXIES, "CLAUDE_CONFIG_DIR") if environ.get(name)}
        return LoginHome(Path(chosen or home / ".claude"), {**given, "HOME": str(home)}, not chosen)

    def read(self) -> Login | None:
        """The login that is there now; None when there is none, or none that can be used."""
        try:
            with (self.folder / _FILE).open("rb") as file:
                content = file.read(_MOST_BYTES)
        except OSError:
            content = self._of_keychain() if sys.platform == "darwin" else b""
        return _login_in(content)

    def _of_keychain(self) -> bytes:
        """Named as in the CLI's source; not run on a Mac. What is no ASCII comes out in hexadecimal."""
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]
        service = "Claude Code-credentials" + ("" if self.is_default else f"-{digest}")
        asked = ("security", "find-generic-password", "-a", self.environ.get("USER", ""), "-w", "-s", service)
        with suppress(OSError, ValueError):
            found = run(asked, timeout_s=_KEYCHAIN_S).output.strip()
            return found if found.startswith(b"{") else bytes.fromhex(found.decode())
        return b""

    async def renew(self, program: Path, lock: Path) -> None:
        """Have the user's own CLI renew it, once at a time on this machine; `read` tells whether it did.

        Returns at once when another job is doing it.
        """
        make_folder(lock.parent)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
            argv = (str(program), "auth", "status", "--json")
            await output_of(argv, {**self.environ, **quiet}, self.folder, timeout_s=_RENEWAL_S)
        except BlockingIOError:
            return
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a login is renewed: the user's CLI, the lock that keeps it to one at a time, the life a start needs."""

    program: Path
    lock: Path
    least: timedelta


class LoginSupply:
    """The login of Claude Code: sessions get its access token, the user's own CLI renews it, starts wait meanwhile."""

    def __init__(self, home: LoginHome, renewal: Renewal, login: Login, base_url: str | None = None) -> None:
        self._home = home
        self._renewal = renewal
        self._base_url = base_url
        self._login: Login | None = login
        self._last = login
        self._failures = 0
        self._again: datetime | None = None

    @property
    def fingerprint(self) -> str:
        return self.current().fingerprint

    def current(self) -> Credential:
        account = str(self._home.folder.absolute())
        return Credential("oauth_token", self._last.token, self._base_url, account=account)

    def hold(self, now: datetime) -> tuple[datetime, Message] | None:
        login = self._login
        if login is None:
            return now + _LOOK, message("logged_out")
        if login.ends is None or login.ends - now >= self._renewal.least:
            return None
        if login.ends - now > RENEWABLE:
            return login.ends - RENEWABLE, message("token_ends_soon")
        if self._failures:
            return now + _LOOK, message("renewal_failed")
        return now + _LOOK, message("renewing_login")

    def describe(self) -> str:
        where = f" at {self._base_url}" if self._base_url else ""
        return f"the login of Claude Code (a plan: {self._last.plan}){where}"

    async def tend(self, clock: Clock, wake: Callable[[], None]) -> None:
        while True:
            await self._look(wake)
            if self._is_due(clock.now()):
                await self._renew()
                await self._look(wake)
                self._count(clock.now())
            await clock.sleep(_LOOK.total_seconds())

    async def _look(self, wake: Callable[[], None]) -> None:
        before = self._login
        self._login = await asyncio.to_thread(self._home.read)
        if self._login is not None:
            self._last = self._login
        if self._login != before:
            wake()

    def _is_due(self, now: datetime) -> bool:
        if not self._can_be_renewed(now):
            self._again = None
            return False
        return self._again is None or not now < self._again <= now + _LONGEST_PAUSE

    def _can_be_renewed(self, now: datetime) -> bool:
        login = self._login
        return login is not None and login.ends is not None and login.ends - now <= RENEWABLE

    async def _renew(self) -> None:
        with suppress(OSError):  # it shows: the token is as old as before
            await self._home.renew(self._renewal.program, self._renewal.lock)

    def _count(self, now: datetime) -> None:
        self._failures = self._failures + 1 if self._can_be_renewed(now) else 0
        self._again = now + min(_LOOK * 2 ** min(self._failures, 10), _LONGEST_PAUSE)


def _login_in(content: bytes) -> Login | None:
    try:
        told = json.loads(content)["claudeAiOauth"]
        token, ends, plan = told["accessToken"], told.get("expiresAt"), told.get("subscriptionType")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        return None
    is_moment = isinstance(ends, int | float) and not isinstance(ends, bool) and 0 < ends < _LAST_FIT_FOR_US
    end = datetime.fromtimestamp(ends / 1000, tz=UTC) if is_moment else None
    return Login(token, end, plan if isinstance(plan, str) and plan.isidentifier() else "plan")

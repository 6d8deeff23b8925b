"""What a session authenticates with: found in an explicit environment, shown by name, never by value."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from harness.base.clock import Clock
from harness.base.errors import Problem, UsageError
from harness.base.userinfo import secrets_of, userinfo, without_userinfo
from harness.core.messages import Message

Kind = Literal["api_key", "oauth_token", "auth_token"]
VARIABLE: Mapping[Kind, str] = {
    "api_key": "ANTHROPIC_API_KEY",
    "oauth_token": "CLAUDE_CODE_OAUTH_TOKEN",
    "auth_token": "ANTHROPIC_AUTH_TOKEN",
}
BASE_URL = "ANTHROPIC_BASE_URL"

_REMEDY = (
    "set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token` of your own Claude Code), "
    "or ANTHROPIC_BASE_URL with ANTHROPIC_AUTH_TOKEN, or log in with `claude auth login`"
)
_REHEARSAL_SECRETS: Mapping[Kind, str] = {
    "api_key": "sk-ant-api03-rehearsal-not-a-key",
    "oauth_token": "sk-ant-oat01-rehearsal-not-a-token",
    "auth_token": "rehearsal-not-a-token",
}


class Supply(Protocol):
    """Where every start gets its credential from, for the length of a run."""

    @property
    def fingerprint(self) -> str:
        """Names the account in shared state (usage limits); no secret can be computed from it."""
        ...

    def current(self) -> "Credential":
        """For a session that starts now; asked only while nothing holds."""
        ...

    def hold(self, now: datetime) -> tuple[datetime, Message] | None:
        """Until when nothing may start for want of a credential, and why; looked at before every start."""
        ...

    def describe(self) -> str:
        """For `doctor` and the report: which one, and where it goes; never its value."""
        ...

    async def tend(self, clock: Clock, wake: Callable[[], None]) -> None:
        """Keep it fresh for as long as the run lasts; `wake` is called when it has changed."""
        ...


@dataclass(frozen=True, slots=True)
class RehearsedWeb:
    """The way to a rehearsal's pages: a proxy on loopback, its secret, and the certificate (PEM) that it signs with."""

    port: int
    secret: str = field(repr=False)
    authority: str = field(repr=False)

    def environment(self, session: str, authority: str) -> dict[str, str]:
        """The variables of a session; `authority` is the file with the certificate, as the session sees it."""
        proxy = f"http://{session}:{self.secret}@127.0.0.1:{self.port}"
        return {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost", "NODE_EXTRA_CA_CERTS": authority}


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential; the supply of itself when it never changes. There is never a refresh token among them."""

    kind: Kind
    secret: str = field(repr=False)
    base_url: str | None = None
    rehearsal: bool = False
    account: str = ""
    """What stays the same when the secret is renewed; by default the secret itself."""
    web: RehearsedWeb | None = None
    """What sessions of a rehearsal have in place of the web."""

    @property
    def is_plan(self) -> bool:
        """Sessions run on a plan: dollars are estimates, usage limits come with a stated reset."""
        return self.kind == "oauth_token"

    @property
    def fingerprint(self) -> str:
        named = f"{self.kind}\0{self.base_url or ''}\0{self.account or self.secret}"
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    def current(self) -> "Credential":
        return self

    def hold(self, now: datetime) -> None:
        return None

    async def tend(self, clock: Clock, wake: Callable[[], None]) -> None:
        return

    def environment(self) -> dict[str, str]:
        """The variables a session gets."""
        variables = {VARIABLE[self.kind]: self.secret}
        if self.base_url:
            variables[BASE_URL] = self.base_url
        return variables

    def secrets(self) -> tuple[str, ...]:
        """What must not be written anywhere."""
        own = (self.web.secret,) if self.web else ()
        return (self.secret, *own, *secrets_of(self.base_url or ""))

    def describe(self) -> str:
        where = f" at {without_userinfo(self.base_url)}" if self.base_url else ""
        what = "a plan" if self.is_plan else "an account billed by use" if self.kind == "api_key" else "a gateway"
        return f"{VARIABLE[self.kind]} ({what}){where}{', rehearsal' if self.rehearsal else ''}"


def find_credential(environ: Mapping[str, str], auth: Kind | None) -> Credential:
    """The credential that `environ` holds. UsageError when there is none, or two and no `auth`.

    Empty variables count as not set. ANTHROPIC_AUTH_TOKEN needs ANTHROPIC_BASE_URL: it is for gateways.
    """
    found = kinds_set(environ)
    if auth is not None:
        if auth not in found:
            raise _refusal(f"auth says {auth}, but {VARIABLE[auth]} is not set", _REMEDY)
        kind = auth
    elif len(found) > 1:
        names = " and ".join(VARIABLE[kind] for kind in found)
        raise _refusal(f"{names} are both set" if len(found) == 2 else f"{names} are all set", _choice(found))
    elif not found:
        raise _refusal("no credential is set", _REMEDY)
    else:
        kind = found[0]
    base_url = gateway(environ)
    if kind == "auth_token" and base_url is None:
        raise _refusal(f"{VARIABLE[kind]} is set without {BASE_URL}", f"set {BASE_URL} to the gateway's address")
    return Credential(kind, environ[VARIABLE[kind]].strip(), base_url)


def gateway(environ: Mapping[str, str]) -> str | None:
    """The address that sessions ask in place of Anthropic's. UsageError when it holds a user or a password: an address
    is shown, and stands in logs and ledgers."""
    address = environ.get(BASE_URL, "").strip()
    if userinfo(address):
        cure = f"set {BASE_URL}={without_userinfo(address)} and put the key into {VARIABLE['auth_token']}"
        raise _refusal(f"{BASE_URL} holds a user or a password", cure)
    return address or None


def kinds_set(environ: Mapping[str, str]) -> list[Kind]:
    """Which credentials the environment holds."""
    return [kind for kind, name in VARIABLE.items() if environ.get(name, "").strip()]


def rehearsal_credential(base_url: str, kind: Kind = "oauth_token", web: RehearsedWeb | None = None) -> Credential:
    """Opens nothing: for sessions against the local stand-in. An OAuth-like token shows usage limits as plans do."""
    return Credential(kind, _REHEARSAL_SECRETS[kind], base_url, rehearsal=True, web=web)


def _choice(found: list[Kind]) -> str:
    return f"unset one of them, or write `auth: {found[0]}` or `auth: {found[1]}` in the manifest"


def _refusal(message: str, hint: str) -> UsageError:
    return UsageError([Problem("credential", message, hint)])

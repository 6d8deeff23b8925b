"""A credential that a program of the user prints; it runs beside the sessions, never inside one."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from harness.backends.credentials import Credential, gateway
from harness.base.child import output_of
from harness.base.clock import Clock
from harness.core.messages import Message, message
from harness.job.job import HelperSpec

_LOOK = timedelta(seconds=15)
_HELPER_S = 60.0
_MOST_KEY_CHARS = 16384
_ALWAYS = ("PATH", "HOME", "LANG")


class HelperSupply:
    """What a program of the user prints: asked again when the key has lived its time; starts wait meanwhile."""

    def __init__(self, helper: HelperSpec, folder: Path, environ: Mapping[str, str]) -> None:
        self._helper = helper
        self._folder = folder
        self._environ = environ
        self._key = ""
        self._since: datetime | None = None
        self._failure: Message | None = None

    @property
    def fingerprint(self) -> str:
        return self.current().fingerprint

    def current(self) -> Credential:
        return Credential(
            self._helper.gives, self._key, gateway(self._environ), account="\0".join(self._helper.command)
        )

    def hold(self, now: datetime) -> tuple[datetime, Message] | None:
        if self._age(now) < self._helper.lifetime:
            return None
        return now + _LOOK, self._failure or message("asking_helper")

    def describe(self) -> str:
        where = f" at {base_url}" if (base_url := self.current().base_url) else ""
        return f"what {Path(self._helper.command[0]).name} prints ({self._helper.gives}){where}"

    async def tend(self, clock: Clock, wake: Callable[[], None]) -> None:
        while True:
            if self._age(clock.now()) >= self._helper.lifetime * 0.8:
                await self.ask(clock.now())
                wake()
            await clock.sleep(_LOOK.total_seconds())

    async def ask(self, now: datetime) -> Message | None:
        """Run it; why that gave no key, or None. A key that still lives stays in use."""
        try:
            printed = await output_of(self._helper.command, self._variables(), self._folder, timeout_s=_HELPER_S)
        except OSError as error:
            self._failure = message("helper_not_started", error=str(error))
            return self._failure
        key = printed.output.decode(errors="replace").strip()
        if printed.code is None:
            self._failure = message("helper_timed_out", seconds=int(_HELPER_S))
        elif printed.code != 0:
            self._failure = message("helper_failed", exit_code=printed.code)
        elif not key or not key.isascii() or not key.isprintable() or len(key) > _MOST_KEY_CHARS:
            self._failure = message("helper_gave_no_key")
        else:
            self._key, self._since, self._failure = key, now, None
        return self._failure

    def _variables(self) -> dict[str, str]:
        """Of the environment, little and what the manifest names: no key of another account is among it."""
        names = (*_ALWAYS, *self._helper.env)
        return {name: self._environ[name] for name in names if name in self._environ}

    def _age(self, now: datetime) -> timedelta:
        """Of the key; as old as can be without one, or when the clock went back."""
        return now - self._since if self._since is not None and self._since <= now else timedelta.max

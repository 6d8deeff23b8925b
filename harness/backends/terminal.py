"""Backend `terminal`: a fresh interactive Claude Code at a terminal of its own, for plans that cover nothing else.

The CLI is started as a person starts it, on a pseudo terminal that pexpect reads and pyte paints. The prompt comes into
the input box the way of Ctrl-G, with a program as the editor that copies it there: a paste of more than a few lines
would reach the model within `<pasted_content>` tags and with blanks for its tabs (measured with 2.1.332). Its end is
told by a Stop hook and by its transcript, in which the CLI also writes what it costs and what went wrong; the screen
tells neither.
"""

import asyncio
import errno
import fcntl
import json
import os
import re
import shlex
import struct
import termios
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.backends import model_switches
from harness.backends.cli_start import Outfit
from harness.backends.cli_stream import StreamReading
from harness.backends.passed_environment import Passed
from harness.backends.screen import COLUMNS, ROWS, Screen
from harness.backends.session import SessionStart
from harness.backends.session_record import Drain, Recorder, Redactor
from harness.backends.start_request import Launch
from harness.backends.transcript import Transcript, Translation, account_of
from harness.backends.transport import Line
from harness.backends.usage_count import Count
from harness.base.files import write_private
from harness.base.folder_watch import FolderWatch
from harness.base.termination import wait_gone
from harness.core.faults import STATUS_OF_A_BROKEN_SCENE
from harness.core.messages import Message, message
from harness.core.models import full_name
from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts

SCREEN_FILE: Final = "screen.txt"
"""In the folder of an attempt that ended badly: what stood on its screen last."""

PUZZLED_S: Final = 15.0
"""A start that stands still for so long, with something on its screen that is neither a box nor a known question."""

_PROMPT: Final = "prompt.txt"
_ENDED: Final = "ended.json"
_EDIT, _ENTER, _ESCAPE = b"\x07", b"\r", b"\x1b"
_ONCE_MORE_S: Final = 1.0
"""After this a key that had no effect is hit again: a key that comes too early is lost."""

_CATCH_UP_S: Final = 3.0
"""The transcript is written up to 0.1 s after the hook was called."""

_INTERRUPT_S: Final = 3.0
_GRACE_S: Final = 5.0
_LAST_WORDS_S: Final = 3.0
_MOST_SCREEN_BYTES: Final = 256 * 1024 * 1024
_HEAD_BYTES, _TAIL_BYTES = 128 * 1024 * 1024, 8 * 1024 * 1024
_ERRORS_BYTES: Final = 1024 * 1024
_MOST_QUESTION: Final = 2000
_EVERYTHING = re.compile(rb".+", re.DOTALL)


class TerminalSession:
    """One session. Everything that can go wrong in it ends as symptoms."""

    def __init__(self, start: SessionStart) -> None:
        spec = start.spec
        self._spec = spec
        self._paths = start.paths
        self._starter = start.starter
        self._pulse = start.pulse
        self._outfit = Outfit.of(start)
        self._count = Count.of(spec)
        self._reading = StreamReading.of(spec, start.pulse, self._count)
        self._translation = Translation(spec.session_id, full_name(spec.session.model) if spec.session.model else None)
        self._transcript = Transcript(start.paths.config, spec.session_id)
        self._symptoms = Symptoms()
        self._notes: list[Message] = []
        self._stirred = asyncio.Event()
        """Something was painted, written or asked for."""
        self._is_to_stop = False
        self._is_gone = False
        self._screen_bytes = 0

    async def run(self) -> None:
        """Start it, give it the prompt, wait for its end, end its process."""
        try:
            await self._play()
        except OSError as error:
            self._symptoms = Symptoms(errno=error.errno or errno.EIO, text=str(error))
        if self._count.has_reached_nobody() and not await self._outfit.may_be_reached():
            self._count.nobody_was_there()

    async def interrupt(self) -> None:
        """Esc, as a person would; `run` then ends it."""
        self._is_to_stop = True
        self._stirred.set()

    def facts(self) -> SessionFacts:
        return self._reading.facts()

    def symptoms(self) -> Symptoms:
        if self._symptoms != Symptoms():
            return self._symptoms
        seen = self._reading.symptoms()
        if self._spec.rehearsal and seen.api_error_status == STATUS_OF_A_BROKEN_SCENE:
            seen = replace(seen, used_tools=False)  # the server is ours: no provider says that, and no session here
        return replace(seen, excess=self._excess)

    def notes(self) -> tuple[Message, ...]:
        return tuple(self._notes)

    @property
    def _excess(self) -> Message | None:
        if self._screen_bytes > _MOST_SCREEN_BYTES:
            return message("screen_too_long", limit_mib=_MOST_SCREEN_BYTES >> 20)
        return self._transcript.excess

    async def _play(self) -> None:
        from pexpect.fdpexpect import fdspawn

        passed = self._outfit.passed()
        self._redactor = Redactor(self._outfit.secrets(passed))
        self._outfit.lay_out()
        self._lay_out_first_start()
        master, slave = _terminal()
        try:
            process = await self._starter.start(self._launch(passed, slave))
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._stream = Recorder(self._paths.stream, self._redactor, head_bytes=_HEAD_BYTES, tail_bytes=_TAIL_BYTES)
        self._screen, self._child = Screen(), fdspawn(master, maxread=65536)
        stopping = asyncio.Event()
        watching = [
            asyncio.create_task(self._watch_screen()),
            asyncio.create_task(self._watch_errors(process)),
            asyncio.create_task(self._watch_transcript(stopping)),
            asyncio.create_task(self._watch_process(process)),
        ]
        try:
            why = await self._lead()
            self._last_screen = "" if self._is_gone else self._screen.text
            await self._starter.end(_GRACE_S)
            stopping.set()
            await asyncio.wait(watching, timeout=_LAST_WORDS_S)
            self._take_entries()
            await self._sum_up(process, why)
        finally:
            for task in watching:
                task.cancel()
            self._stream.close()

    async def _lead(self) -> str:
        """From its first screen to its end; returns why it ended, as a result line names it, empty for a process that
        ended by itself."""
        if not await self._answer_questions() or not await self._hand_over_prompt():
            return "aborted_streaming" if self._is_to_stop else ""
        await self._until(lambda: self._is_over or bool(self._is_beyond))
        if self._is_to_stop:
            self._child.send(_ESCAPE)
            await self._until(self._has_let_go, _INTERRUPT_S, stop=False)
            return "aborted_streaming"
        if self._hook_has_spoken:
            await self._until(lambda: self._translation.is_over, _CATCH_UP_S)
        return self._is_beyond or ("completed" if self._is_over else "")

    async def _answer_questions(self) -> bool:
        """True once the input box is there. Each key is hit for what is seen at that moment."""
        while not self._is_gone and not self._is_to_stop:
            dialog = self._screen.dialog()
            key = self._screen.keys_for(dialog) if dialog else None
            if key is None and self._screen.box is not None:
                return True
            seen = self._screen.text
            if key is not None:
                self._child.send(key)
            if not await self._until(lambda seen=seen: self._screen.text != seen, PUZZLED_S) and seen:  # type: ignore[misc]
                self._is_puzzled_by(seen)
                return False
        return False

    async def _hand_over_prompt(self) -> bool:
        """True once it was sent: it stands in the transcript."""
        await self._press(_EDIT, lambda: self._screen.box is not None, self._is_in_the_box)
        await self._press(_ENTER, self._is_in_the_box, lambda: self._translation.prompt is not None)
        sent = self._translation.prompt
        if sent is None:
            return False
        wanted = self._spec.rendered.prompt.replace("\r\n", "\n").rstrip().removeprefix("\n")
        if sent.rstrip().removeprefix("\n") != wanted:
            self._notes.append(message("prompt_cut", characters=len(wanted), sent=len(sent)))
        return True

    def _is_in_the_box(self) -> bool:
        return self._screen.holds(self._spec.rendered.prompt)

    async def _press(self, key: bytes, may: Callable[[], bool], has_worked: Callable[[], bool]) -> None:
        """Until it has, and only while it `may`; the session's own clocks bound that."""
        while not has_worked() and not self._is_gone and not self._is_to_stop:
            if may():
                self._child.send(key)
            await self._until(has_worked, _ONCE_MORE_S)

    async def _until(self, is_so: Callable[[], bool], most_s: float | None = None, *, stop: bool = True) -> bool:
        """Wait until it is, the process is gone or (`stop`) an interrupt was asked for; False when time ran out."""
        try:
            async with asyncio.timeout(most_s):
                while not (is_so() or self._is_gone or (stop and self._is_to_stop)):
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:  # or this process stood still for that long
            return is_so()
        return True

    @property
    def _is_over(self) -> bool:
        return self._translation.is_over or self._hook_has_spoken

    def _has_let_go(self) -> bool:
        """The transcript says so; of a request that nothing came of, the prompt is back in the box."""
        return self._translation.was_interrupted or self._is_in_the_box()

    @property
    def _hook_has_spoken(self) -> bool:
        return (self._paths.tmp / _ENDED).exists()

    @property
    def _is_beyond(self) -> str:
        """Which of its bounds it has reached with more to come; the interactive CLI knows of none."""
        spec = self._spec
        if self._excess:
            return "excess"
        most = spec.caps.turns
        if most is not None and self._translation.turns >= most and self._translation.stop_reason == "tool_use":
            return "max_turns"
        if spec.caps.cost_usd is not None and self._count.goes_on and self._count.completed() >= spec.caps.cost_usd:
            return "budget_exhausted"
        return ""

    async def _sum_up(self, process: Process, why: str) -> None:
        """What a session in JSON says at its end, and the evidence of a bad one."""
        if why:
            subtype = _SUBTYPES.get(why, "success")
            account = account_of(self._paths.config, self._starter.view.work, self._spec.session_id)
            if self._translation.prompt is None:
                account = {"lastCost": 0}  # nothing was asked
            self._take(self._translation.result(subtype=subtype, reason=why, account=account))
        elif self._symptoms == Symptoms():
            code = await process.wait()
            self._symptoms = replace(
                self._reading.symptoms(), exit_code=code, signal=-code if code < 0 else None, excess=self._excess
            )
        if self.symptoms().is_error is not False:
            text = (self._last_screen or self._screen.text).encode(errors="replace")
            write_private(self._paths.stream.with_name(SCREEN_FILE), self._redactor.clean(text))
            self._notes.append(message("last_screen", file=SCREEN_FILE))
        if self._stream.failure is not None:
            self._symptoms = Symptoms(errno=self._stream.failure.errno)

    def _is_puzzled_by(self, text: str) -> None:
        shown = self._redactor.clean(" ".join(text.split()).encode(errors="replace")).decode(errors="replace")
        self._symptoms = Symptoms(question=shown[:_MOST_QUESTION])

    async def _watch_screen(self) -> None:
        """Read what is painted until nobody can paint any more."""
        import pexpect

        child, told = self._child, self._screen.told()
        try:
            while await child.expect([_EVERYTHING, pexpect.EOF], timeout=None, async_=True) == 0:
                chunk = child.match.group()
                self._screen_bytes += len(chunk)
                self._screen.feed(chunk)
                if self._translation.prompt is not None and told != (told := self._screen.told()):
                    self._pulse.beat()
                self._stirred.set()
        finally:
            if child.async_pw_transport:
                child.async_pw_transport[1].close()
            else:
                child.close()

    async def _watch_errors(self, process: Process) -> None:
        recorder = Recorder(self._paths.errors, self._redactor, head_bytes=_ERRORS_BYTES, tail_bytes=_ERRORS_BYTES)
        drain = Drain(recorder)
        try:
            while process.stderr is not None and (chunk := await process.stderr.read(65536)):
                drain.feed(chunk)
            drain.flush()
        finally:
            recorder.close()

    async def _watch_transcript(self, stop: asyncio.Event) -> None:
        with FolderWatch() as watch:
            while not stop.is_set():
                is_new = watch.watch((self._paths.tmp, *self._transcript.folders))
                self._take_entries()
                self._stirred.set()
                if not is_new:
                    await watch.changed(stop)

    async def _watch_process(self, process: Process) -> None:
        await wait_gone([process.pid], None)
        self._is_gone = True
        self._stirred.set()

    def _take_entries(self) -> None:
        for entry in self._transcript.entries():
            for line in self._translation.lines(entry):
                self._take(line)

    def _take(self, line: Line) -> None:
        raw = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._stream.write(raw)
        self._reading.take(json.loads(self._redactor.clean(raw)))

    def _lay_out_first_start(self) -> None:
        """What a person has answered and set before: nothing of it is a secret."""
        known = {
            "hasCompletedOnboarding": True,
            "projects": {self._starter.view.work: {"hasTrustDialogAccepted": True}},
        }
        write_private(self._paths.config / ".claude.json", json.dumps(known).encode())
        prompt = self._spec.rendered.prompt.encode(errors="replace")
        is_command = prompt.startswith(b"/")  # a line before it makes it text
        write_private(self._paths.config / _PROMPT, b"\n" + prompt if is_command else prompt)

    def _launch(self, passed: Passed, terminal: int) -> Launch:
        view = self._starter.view
        hook = [{"hooks": [{"type": "command", "command": f"cat > {shlex.quote(f'{view.tmp}/{_ENDED}')}"}]}]
        settings = {
            **model_switches.settings(self._spec.session),
            "hooks": {"Stop": hook, "StopFailure": hook},
            "skipDangerousModePermissionPrompt": True,
            "spinnerTipsEnabled": False,
            "prefersReducedMotion": True,
        }
        switches = {
            "TERM": "xterm-256color",
            "EDITOR": f"/bin/cp ../{Path(view.config).name}/{_PROMPT}",  # from its work folder; it is cut at blanks
            "CLAUDE_CODE_DISABLE_FILE_MENTIONS": "1",
        }
        launch = self._outfit.launch(passed, model_switches.settings_argument(settings), switches)
        return replace(launch, terminal=terminal)


_SUBTYPES: Final[Mapping[str, str]] = {
    "aborted_streaming": "error_during_execution",
    "excess": "error_during_execution",
    "max_turns": "error_max_turns",
    "budget_exhausted": "error_max_budget_usd",
}
"""As sessions in JSON end for these reasons; all others end in `success`, whatever it was."""


def _terminal() -> tuple[int, int]:
    """Both ends of a new pseudo terminal, ours first. OSError when this machine has none left."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return master, slave

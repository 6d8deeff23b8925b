"""Backend `terminal`: a fresh interactive Claude Code at a terminal of its own, for plans that cover nothing else.

The CLI is started as a person starts it, on a pseudo terminal that pexpect reads and pyte paints. The prompt comes into
the input box the way of Ctrl-G, with a program as the editor that copies it there: a paste of more than a few lines
would reach the model within `<pasted_content>` tags and with blanks for its tabs (measured with 2.1.332). Its end is
told by a Stop hook and by its transcript, in which the CLI also writes what it costs and what went wrong; the screen
tells neither.
"""

import asyncio
import errno
import os
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.backends.cli_start import Outfit
from harness.backends.followed_transcript import FollowedTranscript
from harness.backends.passed_environment import Passed
from harness.backends.session import SessionStart
from harness.backends.session_record import Drain, Recorder, Redactor
from harness.backends.terminal_start import ENDED, launch_of, lay_out_first_start
from harness.backends.terminal_window import TerminalWindow, new_terminal
from harness.backends.transcript import account_of
from harness.base.files import write_private
from harness.core.faults import STATUS_OF_A_BROKEN_SCENE
from harness.core.messages import Message, message
from harness.core.symptoms import Symptoms
from harness.core.types import SessionFacts

SCREEN_FILE: Final = "screen.txt"
"""In the folder of an attempt that ended badly: what stood on its screen last."""

_EDIT, _ENTER, _ESCAPE = b"\x07", b"\r", b"\x1b"

_CATCH_UP_S: Final = 3.0
"""The transcript is written up to 0.1 s after the hook was called."""

_INTERRUPT_S: Final = 3.0
_GRACE_S: Final = 5.0
_LAST_WORDS_S: Final = 3.0
_MOST_SCREEN_BYTES: Final = 256 * 1024 * 1024
_HEAD_BYTES, _TAIL_BYTES = 128 * 1024 * 1024, 8 * 1024 * 1024
_ERRORS_BYTES: Final = 1024 * 1024
_MOST_QUESTION: Final = 2000


class TerminalSession:
    """One session. Everything that can go wrong in it ends as symptoms."""

    def __init__(self, start: SessionStart) -> None:
        self._start = start
        self._spec = start.spec
        self._outfit = Outfit.of(start)
        self._transcript = FollowedTranscript(start)
        self._window = TerminalWindow()
        self._symptoms = Symptoms()
        self._notes: list[Message] = []

    async def run(self) -> None:
        """Start it, give it the prompt, wait for its end, end its process."""
        try:
            await self._play()
        except OSError as error:
            self._symptoms = Symptoms(errno=error.errno or errno.EIO, text=str(error))
        charges = self._transcript.count.charges
        if charges.reached_nobody() and not await self._outfit.may_be_reached():
            charges.nobody_was_there()

    async def interrupt(self) -> None:
        """Esc, as a person would; `run` then ends it."""
        self._window.stop()

    def facts(self) -> SessionFacts:
        return self._transcript.reading.facts()

    def symptoms(self) -> Symptoms:
        if self._symptoms != Symptoms():
            return self._symptoms
        seen = self._transcript.reading.symptoms()
        if self._spec.rehearsal and seen.api_error_status == STATUS_OF_A_BROKEN_SCENE:
            seen = replace(seen, used_tools=False)  # the server is ours: no provider says that, and no session here
        return replace(seen, excess=self._excess)

    def notes(self) -> tuple[Message, ...]:
        return tuple(self._notes)

    @property
    def _excess(self) -> Message | None:
        if self._window.painted_bytes > _MOST_SCREEN_BYTES:
            return message("screen_too_long", limit_mib=_MOST_SCREEN_BYTES >> 20)
        return self._transcript.excess

    async def _play(self) -> None:
        paths, window, transcript = self._start.paths, self._window, self._transcript
        passed = self._outfit.passed()
        self._redactor = Redactor(self._outfit.secrets(passed))
        self._outfit.lay_out()
        lay_out_first_start(self._start)
        process = await self._begin(passed)
        stream = Recorder(paths.stream, self._redactor, head_bytes=_HEAD_BYTES, tail_bytes=_TAIL_BYTES)
        transcript.open(stream, self._redactor)
        stopping = asyncio.Event()
        watching = [
            asyncio.create_task(window.watch(self._is_asked, self._start.pulse.beat)),
            asyncio.create_task(keep_errors(process, paths.errors, self._redactor)),
            asyncio.create_task(transcript.watch(paths.tmp, window.stir, stopping)),
            asyncio.create_task(window.watch_process(process.pid)),
        ]
        try:
            why = await self._lead()
            last_screen = "" if window.is_gone else window.screen.text
            await self._start.starter.end(_GRACE_S)
            stopping.set()
            await asyncio.wait(watching, timeout=_LAST_WORDS_S)
            transcript.take_entries()
            await self._sum_up(process, why)
            self._keep_evidence(last_screen or window.screen.text)
            if stream.failure is not None:
                self._symptoms = Symptoms(errno=stream.failure.errno)
        finally:
            for task in watching:
                task.cancel()
            stream.close()

    async def _begin(self, passed: Passed) -> Process:
        """Its process, at a new terminal."""
        master, slave = new_terminal()
        try:
            process = await self._start.starter.start(launch_of(self._start, self._outfit, passed, slave))
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._window.open(master)
        return process

    async def _lead(self) -> str:
        """From its first screen to its end; returns why it ended, as a result line names it, empty for a process that
        ended by itself."""
        window, translation = self._window, self._transcript.translation
        puzzled_by = await window.answer_questions()
        if puzzled_by:
            seen = self._redactor.clean(" ".join(puzzled_by.split()).encode(errors="replace"))
            self._symptoms = Symptoms(question=seen.decode(errors="replace")[:_MOST_QUESTION])
        if puzzled_by is not None or not await self._hand_over_prompt():
            return "aborted_streaming" if window.is_to_stop else ""
        await window.until(lambda: self._is_over or bool(self._is_beyond))
        if window.is_to_stop:
            window.hit(_ESCAPE)
            await window.until(self._has_let_go, _INTERRUPT_S, stop=False)
            return "aborted_streaming"
        if self._hook_has_spoken:
            await window.until(lambda: translation.is_over, _CATCH_UP_S)
        return self._is_beyond or ("completed" if self._is_over else "")

    async def _hand_over_prompt(self) -> bool:
        """True once it was sent: it stands in the transcript."""
        await self._window.press(_EDIT, lambda: self._window.screen.box is not None, self._is_in_the_box)
        await self._window.press(_ENTER, self._is_in_the_box, self._is_asked)
        sent = self._transcript.translation.prompt
        if sent is None:
            return False
        wanted = self._spec.rendered.prompt.replace("\r\n", "\n").rstrip().removeprefix("\n")
        if sent.rstrip().removeprefix("\n") != wanted:
            self._notes.append(message("prompt_cut", characters=len(wanted), sent=len(sent)))
        return True

    def _is_asked(self) -> bool:
        return self._transcript.translation.prompt is not None

    def _is_in_the_box(self) -> bool:
        return self._window.screen.holds(self._spec.rendered.prompt)

    @property
    def _is_over(self) -> bool:
        return self._transcript.translation.is_over or self._hook_has_spoken

    def _has_let_go(self) -> bool:
        """The transcript says so; of a request that nothing came of, the prompt is back in the box."""
        return self._transcript.translation.was_interrupted or self._is_in_the_box()

    @property
    def _hook_has_spoken(self) -> bool:
        return (self._start.paths.tmp / ENDED).exists()

    @property
    def _is_beyond(self) -> str:
        """Which of its bounds it has reached with more to come; the interactive CLI knows of none."""
        caps, translation, count = self._spec.caps, self._transcript.translation, self._transcript.count
        if self._excess:
            return "excess"
        if caps.turns is not None and translation.turns >= caps.turns and translation.stop_reason == "tool_use":
            return "max_turns"
        if caps.cost_usd is not None and count.goes_on and count.charges.complete >= caps.cost_usd:
            return "budget_exhausted"
        return ""

    async def _sum_up(self, process: Process, why: str) -> None:
        """What a session in JSON says at its end."""
        if why:
            config, work = self._start.paths.config, self._start.starter.view.work
            account = account_of(config, work, self._spec.session_id) if self._is_asked() else {"lastCost": 0}
            subtype = _SUBTYPES.get(why, "success")
            self._transcript.take(self._transcript.translation.result(subtype=subtype, reason=why, account=account))
        elif self._symptoms == Symptoms():
            code, seen = await process.wait(), self._transcript.reading.symptoms()
            self._symptoms = replace(seen, exit_code=code, signal=-code if code < 0 else None, excess=self._excess)

    def _keep_evidence(self, screen: str) -> None:
        """Of a bad end: what stood on its screen last."""
        if self.symptoms().is_error is not False:
            text = self._redactor.clean(screen.encode(errors="replace"))
            write_private(self._start.paths.stream.with_name(SCREEN_FILE), text)
            self._notes.append(message("last_screen", file=SCREEN_FILE))


_SUBTYPES: Final[Mapping[str, str]] = {
    "aborted_streaming": "error_during_execution",
    "excess": "error_during_execution",
    "max_turns": "error_max_turns",
    "budget_exhausted": "error_max_budget_usd",
}
"""As sessions in JSON end for these reasons; all others end in `success`, whatever it was."""


async def keep_errors(process: Process, path: Path, redactor: Redactor) -> None:
    """What it prints as errors, redacted and bounded, until its end."""
    recorder = Recorder(path, redactor, head_bytes=_ERRORS_BYTES, tail_bytes=_ERRORS_BYTES)
    drain = Drain(recorder)
    try:
        while process.stderr is not None and (chunk := await process.stderr.read(65536)):
            drain.feed(chunk)
        drain.flush()
    finally:
        recorder.close()

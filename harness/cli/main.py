"""The command `harness`: answers `--version` at once, else runs the command and turns errors into words."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TextIO

from harness import __version__
from harness.backends.lean_sdk import without_mcp
from harness.base.errors import HarnessError, UsageError


def entry() -> None:
    """What the installed command calls."""
    _open_standard_streams()
    sys.stderr = Talk(sys.stderr)
    without_mcp()
    sys.exit(run(sys.argv[1:]))


def _open_standard_streams() -> None:
    """One that is closed leads nowhere: else the next file that is opened, such as the ledger, would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


class Talk:
    """Standard error that nobody has to hear: a full disk under a log ends no run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code of design section 10. Errors go to stderr, never as a traceback."""
    if list(arguments) in (["--version"], ["-V"]):
        return _say_version()
    from harness.cli.app import app  # after the version, because typer takes 60 ms

    try:
        app(args=list(arguments), prog_name="harness", standalone_mode=True)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except HarnessError as error:
        return tell(error)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return 130
    except BrokenPipeError:
        return _nobody_reads()
    except (OSError, MemoryError) as error:
        return _machine_refused(error)
    return 0


def _say_version() -> int:
    try:
        sys.stdout.write(f"harness {__version__}\n")
        sys.stdout.flush()
    except OSError:
        return 1
    return 0


def tell(error: HarnessError) -> int:
    """Say what went wrong and what to do, on stderr; the exit code it carries."""
    from harness.views.change_text import worded
    from harness.views.wording import clean_lines

    if isinstance(error, UsageError):
        for problem in map(worded, error.problems):
            sys.stderr.write(clean_lines(f"error: {problem.where}: {problem.message}") + "\n")
            if problem.hint:
                sys.stderr.write(clean_lines(f"  hint: {problem.hint}") + "\n")
        if len(error.problems) > 1:
            sys.stderr.write(f"{len(error.problems)} problems; nothing was started\n")
    else:
        sys.stderr.write(clean_lines(f"error: {error.message}") + "\n")
        if error.hint:
            sys.stderr.write(clean_lines(f"  hint: {error.hint}") + "\n")
    return error.exit_code


def _machine_refused(error: OSError | MemoryError) -> int:
    """A full or broken disk under any command, or no memory for it."""
    from pathlib import Path

    from harness.base.host_errors import in_words

    return tell(in_words(error, Path.cwd()))


def _nobody_reads() -> int:
    """`harness log | head`: the reader went away, which is its right."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

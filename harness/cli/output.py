"""What commands print: data on standard output, talk on standard error."""

import os
import sys
from collections.abc import Iterable

from harness.base.errors import BrokenSetupError
from harness.views.wording import as_json


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print_lines([as_json(value, indent=2)])


def print_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, seen at once. They must be clean already."""
    try:
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BrokenSetupError(
            f"standard output cannot be written: {error.strerror}", hint="see where it goes"
        ) from None


def print_last(lines: Iterable[str]) -> None:
    """The same at the end of a run, whose exit code counts more than whether its words can be written."""
    try:
        print_lines(lines)
    except (OSError, BrokenSetupError):  # nobody reads, or the disk under a log is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One line of talk on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

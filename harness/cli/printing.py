"""What commands print: data on standard output, talk on standard error."""

import json
import sys
from collections.abc import Iterable


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def print_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, seen at once. They must be clean already."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line of talk on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

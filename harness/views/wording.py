"""How things are said to people: text made harmless for a terminal, counts with their noun, times in local time."""

import json
import re
from datetime import datetime
from typing import Any

from harness.base.nouns import plural
from harness.base.texts import first_of

_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONE = re.compile(r"[\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What a string of JSON may hold as it is although a terminal acts on it (C1), hides it, or cannot print it."""


def clean(text: str) -> str:
    """One line without control characters, escape sequences or direction marks: safe to print on a terminal."""
    return _LONE.sub("\ufffd", _HARMFUL.sub("", _SPACES.sub(" ", _SEQUENCES.sub("", text))))


def clean_lines(text: str) -> str:
    """The same for text of several lines; line ends stay."""
    return "\n".join(clean(line) for line in text.splitlines())


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON for terminals and programs: the same value, with control characters and direction marks as escapes."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False, indent=indent))


def shorten(text: str, most: int) -> str:
    """Clean, and cut to `most` characters with an ellipsis."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def shorten_id(id_: str, most: int) -> str:
    """Clean, and cut in the middle: addresses and paths begin alike, what tells them apart stands at the end."""
    text = clean(id_)
    tail = most // 2
    return text if len(text) <= most else f"{text[: most - 1 - tail].rstrip()}…{text[-tail:].lstrip()}"


def counted(number: int, noun: str) -> str:
    """`1 school`, `24 schools`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def listed(names: list[str], most: int = 3) -> str:
    """`A, B, C and 4 more`."""
    return first_of([shorten_id(name, 40) for name in names], most)


def clock_time(moment: datetime) -> str:
    """`22:15:03`, local."""
    return moment.astimezone().strftime("%H:%M:%S")


def date_time(moment: datetime) -> str:
    """`2026-11-20 22:15:03`, local."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def day_time(moment: datetime, now: datetime) -> str:
    """`22:15` today, else `Sat 21 Nov 06:30`; local."""
    here, today = moment.astimezone(), now.astimezone()
    return here.strftime("%H:%M") if here.date() == today.date() else here.strftime("%a %d %b %H:%M")


def at_moment(moment: datetime, now: datetime) -> str:
    """`at 22:15` today, `tomorrow at 06:30`, else `on Sat 21 Nov at 06:30`; local."""
    here, today = moment.astimezone(), now.astimezone()
    days = (here.date() - today.date()).days
    day = {0: "", 1: "tomorrow "}.get(days, f"{here:on %a %d %b} ")
    return f"{day}at {here:%H:%M}"

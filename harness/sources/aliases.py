"""Canonical names: `{canonical: [alias, ...]}`, matched without regard to case, composition and typography."""

import re
import unicodedata
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from harness.base.texts import TextError, read_text
from harness.sources.json_file import kind_of, parsed
from harness.sources.rows import refuse

_MOST_BYTES = 8 * 1024 * 1024
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u02bb\u02bc\u2032\u0060\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u200b\u200c\u200d\u00ad\ufeff", None)
    | {"\u2026": "..."}
)


class UnknownAliasError(ValueError):
    """No canonical name, or more than one, goes by this name; the message lists candidates."""


def plainly(name: str) -> str:
    """The name as it is compared: composed, case folded, plain dashes, quotes and spaces."""
    text = unicodedata.normalize("NFC", name).translate(_TYPOGRAPHY)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text).strip().casefold())


@dataclass(frozen=True, slots=True)
class Aliases:
    """An alias file, ready to be asked."""

    canonical: dict[str, str]
    """Plain form -> canonical name."""
    by_alias: dict[str, list[str]] = field(default_factory=dict)
    """Plain form of an alias -> the canonical names that have it, in the order of the file."""

    def name_of(self, name: str) -> str:
        """The canonical name, or UnknownNameError. A canonical name is itself, whoever else has it as an alias."""
        plain = plainly(name)
        if plain in self.canonical:
            return self.canonical[plain]
        candidates = self.by_alias.get(plain, [])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise UnknownAliasError(f"{name!r} is ambiguous: it may be {_listed(candidates, 'or')}")
        near = self._near(plain)
        raise UnknownAliasError(
            f"{name!r} is not among the known names" + (f"; close are {_listed(near)}" if near else "")
        )

    def _near(self, plain: str) -> list[str]:
        names: list[str] = []
        for close in get_close_matches(plain, [*self.canonical, *self.by_alias], n=5, cutoff=0.6):
            names += [self.canonical[close]] if close in self.canonical else self.by_alias[close]
        return list(dict.fromkeys(names))[:3]


def read_aliases(file: Path) -> Aliases:
    """The alias file. Keys that start with `_` are comments. SourceError when it has another shape."""
    try:
        text = read_text(file, most_bytes=_MOST_BYTES)
    except TextError as error:
        refuse(file, error.message, line=error.line, column=error.column)
    content = parsed(file, text)
    if not isinstance(content, dict):
        refuse(file, f"expected an object {{canonical name: [alias, ...]}}, got {kind_of(content)}")
    names = {name: aliases for name, aliases in content.items() if not name.startswith("_")}
    canonical: dict[str, str] = {}
    by_alias: dict[str, list[str]] = {}
    for name, aliases in names.items():
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            refuse(file, f"the aliases of {name!r} must be a list of text")
        if plainly(name) in canonical:
            refuse(file, f"{canonical[plainly(name)]!r} and {name!r} are the same name")
        canonical[plainly(name)] = name
        for alias in dict.fromkeys(map(plainly, aliases)):
            by_alias.setdefault(alias, []).append(name)
    return Aliases(canonical, by_alias)


def _listed(names: list[str], word: str = "and") -> str:
    quoted = [repr(name) for name in names[:8]]
    if len(names) > 8:
        quoted.append(f"{len(names) - 8} more")
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {word} {quoted[-1]}"

"""What of a job's values a session was told: looked for in the request, and in nothing else.

A prompt may write a value in another form than the row has it: as JSON, escaped, in capitals, shortened, with other
white space, a number with separators. So texts are compared word by word, without case and punctuation, and a long
text counts as far as its beginning or its end can be found. A short one (`1`, `yes`) is found in nearly every text: it
has to stand in the task itself as a word of its own, and the template has to name its field.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn
from urllib.parse import unquote_plus

_SHORT: Final = 4
"""Below so many ASCII letters and digits a value has to be a word, or several, of its own."""
_UNMISTAKABLE: Final = 6
"""From so many letters and digits a value is believed where no template put it: in what was read, in instructions."""
_LONG: Final = 80
"""From so many characters a part of a text is enough."""
_LEAST_PART: Final = 40
_WINDOWS: Final = 8
_MOST_WORDS: Final = 12
"""Up to so many words may come back in another order: a date written day first."""
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|[\"\\/bfnrt])")
_NOT_A_WORD: Final = re.compile(r"[\W_]+")
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class UntoldError(LookupError):
    """A scene asks for something that the session was not told."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is not in the request, so the session does not know it")
        self.place = place


class ToldValue(dict[str, Any]):
    """An object as far as it was told; what is withheld raises UntoldError when it is looked up."""

    def __init__(self, told: Mapping[str, Any], withheld: Iterable[str], place: str) -> None:
        super().__init__(told)
        self._withheld = frozenset(withheld)
        self._place = place

    def __missing__(self, key: str) -> NoReturn:
        raise UntoldError(f"{self._place}.{key}") if key in self._withheld else KeyError(key)


class Untold:
    """Stands in a list for what was not told, so that the others keep their places; any use raises UntoldError."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        object.__setattr__(self, "_place", place)

    def __reduce__(self) -> tuple[type["Untold"], tuple[str]]:
        """For its way to the scene's process."""
        return Untold, (object.__getattribute__(self, "_place"),)

    def __repr__(self) -> str:
        return f"<not in the request: {object.__getattribute__(self, '_place')}>"

    def _refuse(self, *_: object) -> NoReturn:
        raise UntoldError(object.__getattribute__(self, "_place"))

    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = __contains__ = __call__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __str__ = __format__ = __int__ = __float__ = __index__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = _refuse


class Telling:
    """What one request says: the `task`, which is the prompt above the output contract, and what else it carries.

    `others` are the system prompt with the phase's instructions, and what tools have given back.
    """

    def __init__(self, task: str, others: Iterable[str]) -> None:
        self._task = task
        self._others = tuple(others)

    def says_path(self, path: str) -> bool:
        """A path has to be there to the letter; JSON may have escaped it."""
        return any(path in text or path in unescaped(text) for text in (self._task, *self._others))

    def part_told(self, value: Any, place: str, *, named: bool) -> Any:
        """The part of a JSON value that is told, or an Untold. `named`: the template looks the field up."""
        match value:
            case dict() if value:
                parts = {key: self.part_told(part, f"{place}.{key}", named=named) for key, part in value.items()}
                told = {key: part for key, part in parts.items() if not isinstance(part, Untold)}
                return ToldValue(told, value.keys() - told.keys(), place) if told else Untold(place)
            case list() | tuple() if value:
                elements = [self.part_told(part, f"{place}[{at}]", named=named) for at, part in enumerate(value)]
                return Untold(place) if all(isinstance(part, Untold) for part in elements) else elements
            case str() if value.strip():
                part = self._part_of_text(value, named=named)
                return Untold(place) if part is None else part
            case int() | float() if not isinstance(value, bool):
                return value if any(self._has(form, named=named) for form in _forms(value)) else Untold(place)
        return value if named else Untold(place)  # true, null, "": nothing that could be looked for

    def _part_of_text(self, text: str, *, named: bool) -> str | None:
        if self._has(text, named=named):
            return text
        if named and _PLAIN_NUMBER.fullmatch(text.strip()):
            return text if any(self._has(form, named=True) for form in _forms(float(text))) else None
        if len(text) < _LONG:
            return text if named and self._has_all_words(text) else None
        return next((part for said in self._said(named) if (part := _found_part(text, said.text)) is not None), None)

    def _has(self, text: str, *, named: bool) -> bool:
        words = _words(text)
        if not words:  # signs only
            return named and text.strip() in self._task
        length = len(words.replace(" ", ""))
        if length < _SHORT and words.isascii():
            return named and any(said.has_words(words) for said in _variants(self._task))
        return any(said.has_words(words) or said.has(words) for said in self._said(named, length))

    def _has_all_words(self, text: str) -> bool:
        words = _words(text).split()
        return 1 < len(words) <= _MOST_WORDS and any(said.places.keys() >= set(words) for said in _variants(self._task))

    def _said(self, named: bool, length: int = _LONG) -> Iterator["_Said"]:
        """The texts in which a value of this length is proof."""
        if named:
            yield from _variants(self._task)
        if length >= _UNMISTAKABLE:
            for text in self._others:
                yield from _variants(text)


def leaves(value: Any) -> Iterator[Any]:
    """Every part of a JSON value that could be looked for in a text, and every Untold."""
    if isinstance(value, Untold):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    elif value is not None and not isinstance(value, bool) and str(value).strip():
        yield value


def unescaped(text: str) -> str:
    r"""A text with the escapes of JSON undone, `\n` and `ü` among them."""
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


def _meant(escape: re.Match[str]) -> str:
    sign = escape[1]
    if sign[0] == "u":
        return chr(int(sign[1:], 16))
    return sign if sign in '"\\/' else " "


def _forms(number: float) -> Iterator[str]:
    """A number as templates write it: `1234.5`, `1,234.5`, `1234`, `1234.50`."""
    yield str(number)
    if number == int(number):
        yield str(int(number))
        yield f"{int(number):,}"
    for digits in range(5):
        yield f"{number:.{digits}f}"
        yield f"{number:,.{digits}f}"


@dataclass(frozen=True, slots=True)
class _Said:
    """A text in words, and where each stands: a context of thousands of values is looked up word by word."""

    text: str
    words: list[str]
    places: Mapping[str, list[int]]

    @classmethod
    def of(cls, text: str) -> "_Said":
        words = text.split(" ")
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            places.setdefault(word, []).append(place)
        return cls(text, words, places)

    def has_words(self, words: str) -> bool:
        """They stand beside each other, none of them as a part of another word."""
        wanted = words.split(" ")
        rarest = min(range(len(wanted)), key=lambda at: len(self.places.get(wanted[at], ())))
        starts = (place - rarest for place in self.places.get(wanted[rarest], ()))
        return any(start >= 0 and self.words[start : start + len(wanted)] == wanted for start in starts)

    def has(self, words: str) -> bool:
        """They are there, the first and the last perhaps as parts of longer words."""
        return all(word in self.places for word in words.split(" ")[1:-1]) and words in self.text


@lru_cache(maxsize=32)
def _variants(text: str) -> tuple[_Said, ...]:
    """The text as it is, and with the escapes of JSON, of HTML and of addresses undone."""
    plain = unescaped(text)
    forms = (text, plain, html.unescape(plain) if "&" in plain else plain, unquote_plus(text) if "%" in text else text)
    return tuple(_Said.of(said) for said in dict.fromkeys(map(_words, forms)))


def _words(text: str) -> str:
    """Letters and digits only, without case, one space between words."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _NOT_A_WORD.sub(" ", text.casefold()).strip()


def _found_part(text: str, said: str) -> str | None:
    """As much of a long text as `said` has of its beginning, else of its end; the whole when most of it is there."""
    if (most := _longest(text, said, from_end=False)) >= _LEAST_PART:
        return text[:most]
    if (most := _longest(text, said, from_end=True)) >= _LEAST_PART:
        return text[-most:]
    words = _words(text)
    starts = [len(words) * at // _WINDOWS for at in range(_WINDOWS)]
    return text if sum(words[start : start + _LEAST_PART] in said for start in starts) * 2 >= _WINDOWS else None


def _longest(text: str, said: str, *, from_end: bool) -> int:
    """How many characters of the beginning, or of the end, of `text` are in `said`."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        part = text[-middle:] if from_end else text[:middle]
        low, high = (middle, high) if _words(part) in said else (low, middle - 1)
    return low

"""What of this machine a program needs to be seen to run: its installation, and nothing of anybody's around it.

A folder is an installation only when something in it says so (`pyvenv.cfg`, `lib/python3*`, `conda-meta`,
`lib/node_modules`, ...). Never shown whole is one that holds a job, a state folder, a repository or somebody's home:
then only those parts of it that hold none of them. Files that look like credentials are hidden in all that is shown.
"""

import os
import pwd
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.base.job_home import HARNESS

_EVIDENCE = (
    "pyvenv.cfg",
    "conda-meta",
    "lib/python3*",
    "lib64/python3*",
    "lib/node_modules",
    "lib/ruby",
    "lib/perl5",
    "lib/jvm.cfg",
    "lib/R",
    "libexec/pyenv",
    "libexec/rbenv",
    "libexec/nodenv",
)
_PARTS = (
    *("bin", "lib", "lib32", "lib64", "libexec", "include", "share", "ssl", "conda-meta", "pyvenv.cfg"),
    *("shims", "versions", "plugins", "version"),
)
_PROGRAMS = ("bin", "sbin", "shims")
NEVER = (".git", ".hg", ".svn", ".jj", HARNESS)
_SYSTEM = ("/usr/", "/bin", "/sbin", "/dev", "/run", "/var/cache", "/var/spool")
_CREDENTIALS = re.compile(
    r"\.?credentials(\.(json|toml|ya?ml|ini|db|txt|tdb))?|\.env(\..+)?|\.netrc|\.pypirc|\.?npmrc|pip\.conf|\.condarc"
    r"|\.git-credentials|\.pgpass|\.ssh|\.aws|\.gnupg|\.docker|\.kube|id_(rsa|dsa|ecdsa|ed25519)",
    re.IGNORECASE,
)
LINKED_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM = ("/usr", *LINKED_FOLDERS)
SECRETS_OF_THE_SYSTEM = tuple(
    f"/usr/{place}etc/{name}" for place in ("", "local/") for name in ("npmrc", "pip.conf", "gitconfig", "netrc")
)
"""Settings in /usr that may hold a key."""

_MOST_LINKS = 40
_MOST_ENTRIES = 20_000
_LEVELS = 3
"""Of an installation. Deeper lie its libraries, which may have a package `credentials` themselves."""
MOST_NAMED_ENTRIES = 200_000
"""Of a folder that the manifest names: about a second."""
_MOST_HIDDEN = 1_000
"""In one folder: bubblewrap takes 9,000 arguments."""
_SHEBANG_BYTES = 256
_FIRST_PERSON = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """`paths` are shown read-only where they are; `hidden` (path, is it a folder) lie within them and are covered.

    `unsearched`: named folders with more than MOST_NAMED_ENTRIES in them, or more to hide than can be covered.
    """

    paths: frozenset[Path] = frozenset()
    hidden: frozenset[tuple[Path, bool]] = frozenset()
    unsearched: frozenset[Path] = frozenset()


def needed_by(program: Path, kept_out: Sequence[Path]) -> frozenset[Path]:
    """What the program needs, wherever links, a virtual environment or its `#!` line lead.

    `kept_out`: folders that must not be seen, beside the homes of this machine's users. Programs that need no
    installation (a file in `~/bin`, of cargo or go) are shown alone.
    """
    places = (place for place in _places(program) if not is_of_the_system(place))
    return frozenset(path for place in places for path in _installation(place, kept_out))


def is_of_the_system(path: Path) -> bool:
    """Shown to every session."""
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def covered(paths: Iterable[Path], named: Iterable[Path] = ()) -> Shown:
    """These paths, the outermost of them, with repositories, state folders and credentials in them hidden, unless one
    is `named` itself. What is named is looked through however deep it is."""
    every, wanted = frozenset(paths), frozenset(named)
    shown = frozenset(path for path in every if every.isdisjoint(path.parents))
    searches = [_private_in(path, _LEVELS, _MOST_ENTRIES) for path in shown - wanted]
    by_name = {path: _private_in(path, None, MOST_NAMED_ENTRIES) for path in wanted if not is_of_the_system(path)}
    hidden = {found for search in (*searches, *by_name.values()) for found in search.found}
    return Shown(
        shown,
        frozenset(found for found in hidden if found[0] not in wanted),
        frozenset(path for path, search in by_name.items() if search.is_cut),
    )


def forbidden_in(folder: Path, kept_out: Sequence[Path]) -> Iterator[Path]:
    """Those of `kept_out`, and the homes of this machine's users, that lie in this folder or are it."""
    real = folder.resolve()
    for forbidden in (*(path.resolve() for path in kept_out), *homes()):
        if forbidden.is_relative_to(real):
            yield folder / forbidden.relative_to(real)


@cache
def homes() -> tuple[Path, ...]:
    """Homes of users, by the list of users and not only by $HOME; not those that are folders of the system.

    They are not looked at: one may lie on a disk that is mounted when it is.
    """
    found = [Path(os.path.expanduser("~"))]  # noqa: PTH111  Path.home() raises where there is no home
    for user in pwd.getpwall():
        is_persons = user.pw_uid == 0 or user.pw_uid >= _FIRST_PERSON
        if is_persons or not user.pw_dir.startswith(_SYSTEM):
            found.append(Path(user.pw_dir))
    real = [home.parent.resolve() / home.name for home in found if home.is_absolute() and len(home.parts) > 1]
    return tuple(dict.fromkeys(home for home in real if home != Path("/nonexistent")))


def _places(program: Path) -> Iterator[Path]:
    """Where the program lies: itself, each link on the way, its interpreter, the home of its virtual environment."""
    waiting, seen = [program], set[Path]()
    while waiting and len(seen) < _MOST_LINKS:
        path = waiting.pop()
        if path in seen or not path.is_absolute():
            continue
        seen.add(path)
        yield path
        with suppress(OSError):
            waiting.append(path.resolve())
            if path.is_symlink():
                waiting.append(Path(os.path.normpath(path.parent / path.readlink())))
        waiting += [*_interpreter(path), *_base(path)]


def _interpreter(program: Path) -> Iterator[Path]:
    """What the first line of a script names by its path."""
    with suppress(OSError):
        descriptor = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            line = os.read(descriptor, _SHEBANG_BYTES).partition(b"\n")[0] if is_file else b""
        finally:
            os.close(descriptor)
        words = line[2:].split() if line.startswith(b"#!") else []
        if words and words[0].startswith(b"/"):
            yield Path(os.fsdecode(words[0]))


def _base(program: Path) -> Iterator[Path]:
    """The interpreter that a virtual environment was made with: the libraries are there."""
    with suppress(OSError, UnicodeDecodeError):
        for line in (program.parent.parent / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home" and value.strip().startswith("/"):
                yield Path(value.strip(), "python3")


def _installation(program: Path, kept_out: Sequence[Path]) -> set[Path]:
    prefix = program.parent.parent
    if program.parent.name not in _PROGRAMS or prefix.name == ".local" or not _is_installation(prefix):
        return {program} if program.exists() else set()
    if not _holds(prefix, kept_out) and not any((prefix / name).exists() for name in NEVER):
        return {prefix}
    parts = [prefix / part for part in _PARTS]
    return {program, *(part for part in parts if part.exists() and not _holds(part, kept_out))}


def _holds(folder: Path, kept_out: Sequence[Path]) -> bool:
    return next(forbidden_in(folder, kept_out), None) is not None


def _is_installation(prefix: Path) -> bool:
    return len(prefix.parts) > 1 and any(next(prefix.glob(sign), None) is not None for sign in _EVIDENCE)


@dataclass(frozen=True, slots=True)
class _Search:
    found: list[tuple[Path, bool]]
    is_cut: bool


def _private_in(path: Path, levels: int | None, most_entries: int) -> _Search:
    """Repositories, state folders and credentials below what is shown, the upper ones first."""
    found: list[tuple[Path, bool]] = []
    left, level, depth = most_entries, [path], 0
    while level and depth != levels:
        below: list[Path] = []
        for folder in level:
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    left -= 1
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if entry.name in NEVER or _CREDENTIALS.fullmatch(entry.name):
                        if not entry.is_symlink():  # what it leads to is not shown
                            found.append((Path(entry.path), is_folder))
                    elif is_folder:
                        below.append(Path(entry.path))
            if left <= 0 or len(found) > _MOST_HIDDEN:
                return _Search(found[:_MOST_HIDDEN], is_cut=True)
        level, depth = below, depth + 1
    return _Search(found, is_cut=False)

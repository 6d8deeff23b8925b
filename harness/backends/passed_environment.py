"""What a session is given of the user's environment: proxies, and what `session.env` names; nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.base.errors import Problem, UsageError
from harness.base.userinfo import secrets_of, userinfo
from harness.job.environment import ALLOWED

PROXIES = frozenset({"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"})
_ALWAYS = ("TZ", *sorted(PROXIES), "NO_PROXY", "no_proxy")


@dataclass(frozen=True, slots=True)
class Passed:
    """Variables, the files they name, and what of it must not be written anywhere."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[Path, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def passed_on(env: Mapping[str, str], environ: Mapping[str, str]) -> Passed:
    """What `env` (as `job.environment.resolve_env` gives it) comes to in `environ`.

    UsageError when a `$NAME` is not set there, or names a file that is not there.
    """
    wanted = {name: f"${name}" for name in _ALWAYS if environ.get(name)} | dict(env)
    problems: list[Problem] = []
    variables: dict[str, str] = {}
    for name, value in wanted.items():
        variables[name] = environ.get(value[1:], "") if value.startswith("$") else value
        if not variables[name]:
            problems.append(Problem(f"session.env.{name}", f"{value} is not set", f"set {value[1:]} and launch again"))
        if name.endswith("_BASE_URL") and userinfo(variables[name]):
            cure = "leave them out of it, and name the variable that carries the key in session.env"
            problems.append(Problem(f"session.env.{name}", "the address holds a user or a password", cure))
    files = tuple(Path(value) for name, value in variables.items() if value and ALLOWED.get(name) == "file")
    for file in files:
        if not file.is_absolute() or not file.is_file():
            problems.append(Problem("session.env", f"{str(file)!r} is not the absolute path of a file"))
    if problems:
        raise UsageError(problems)
    return Passed(variables, files, tuple(_secrets(variables)))


def _secrets(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        match ALLOWED.get(name.upper()):
            case "secret":
                yield value
                yield from (line.partition(":")[2].strip() for line in value.splitlines() if ":" in line)
            case "address":
                yield from secrets_of(value)

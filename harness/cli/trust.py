"""Before anything of a folder runs: the list of what it would run is shown and asked about, once for each folder.

    $XDG_STATE_HOME/harness/trust/<hash of the real path>.json      {"folder", "trusts": ["check checks.py", ...]}

The hash is of the folder's real path; a folder that is moved or copied is asked about again. Removing the file takes
the trust back.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import typer

import harness
from harness.base.commands import NextCommand
from harness.base.errors import Problem, UsageError
from harness.base.files import make_folder, write_atomic
from harness.base.texts import shown
from harness.cli.output import say
from harness.executors.bubblewrap import why_not
from harness.job.grants import Grant, grants_of
from harness.job.job import Job
from harness.job.load import load
from harness.ledger.shared_holds import state_home
from harness.views.wording import clean, counted

VARIABLE = "HARNESS_TRUST"
_MOST_BYTES = 1024 * 1024


def must_be_trusted(job: Job, settings: Sequence[str], command: NextCommand, *, trust: bool) -> None:
    """Return when a person has said that this folder may do what its manifest asks for; `command` is what was typed.

    UsageError, with the list and the one command, for a no and where nobody can be asked. `trust` says yes for good,
    HARNESS_TRUST=1 says it for this once.
    """
    if is_trusted(job):
        return
    known = _trusted(job.folder)
    wanted = grants_of([job, *_read_otherwise(job, settings)])
    if trust:
        _remember(job.folder, known, wanted)
        return
    if not sys.stdin.isatty():
        raise UsageError([_refusal(job, wanted, known, command)])
    for line in _asked(job, wanted, known):
        say(line)
    if not typer.confirm("Trust this folder?", err=True):
        raise UsageError([Problem(shown(job.manifest), "its folder is not trusted; nothing was started")])
    _remember(job.folder, known, wanted)


def is_trusted(job: Job) -> bool:
    """A person has said that its folder may do what it asks for."""
    if os.environ.get(VARIABLE) == "1" or _is_of_this_program(job.folder):
        return True
    known = _trusted(job.folder)
    return all(grant.key in known for grant in grants_of([job]))


def trust_own(manifest: Path) -> None:
    """For a job that this program has just written for the user: there is nothing in it to ask about."""
    with suppress(UsageError):
        job = load(manifest, rehearsal=True)
        _remember(job.folder, _trusted(job.folder), grants_of([job, *_read_otherwise(job, ())]))


def _is_of_this_program(folder: Path) -> bool:
    """The jobs that come with the checkout that this program runs from: whoever wrote them wrote what runs already."""
    root = Path(harness.__file__).resolve().parent.parent
    if not (root / "pyproject.toml").is_file():
        return False
    return folder in (root, root / ".demo") or folder.parent == root / "examples"


def _read_otherwise(job: Job, settings: Sequence[str]) -> list[Job]:
    """The same manifest read for a real run, or for a rehearsal: one question is enough for both."""
    try:
        laid_over = [*job.settings, *settings]
        return [load(job.manifest, settings=laid_over, rehearsal=not job.rehearsal, instance=job.instance)]
    except UsageError:
        return []


def _asked(job: Job, wanted: Sequence[Grant], known: set[str]) -> Iterator[str]:
    new = [grant for grant in wanted if grant.key not in known]
    if known:
        yield f"{clean(str(job.folder))} needs trust for {counted(len(new), 'more thing')}:"
    else:
        yield f"{clean(str(job.folder))} has not been trusted yet. Its job {clean(job.name)!r}"
    has_sandbox = not why_not()
    for grant in new:
        yield f"  {clean(grant.in_words(has_sandbox=has_sandbox))}"


def _refusal(job: Job, wanted: Sequence[Grant], known: set[str], command: NextCommand) -> Problem:
    lines = "\n".join(_asked(job, wanted, known))
    hint = f"if you trust these files, run `{command.plus('--trust')}` once; in scripts, set {VARIABLE}=1"
    return Problem(shown(job.manifest), f"stdin is not a terminal, so nothing was started\n{lines}", hint)


def _path(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return state_home(os.environ, Path.home()) / "trust" / f"{name}.json"


def _trusted(folder: Path) -> set[str]:
    """Keys of grants. What cannot be read is no trust: it is asked about again."""
    try:
        with _path(folder).open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        return set(map(str, told["trusts"])) if told["folder"] == str(folder) else set()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _remember(folder: Path, known: set[str], wanted: Sequence[Grant]) -> None:
    """Where that cannot be written, this once is trusted, and the next time is asked again."""
    content = {"folder": str(folder), "trusts": sorted({*known, *(grant.key for grant in wanted)})}
    try:
        path = _path(folder)
        make_folder(path.parent)
        write_atomic(path, json.dumps(content, indent=1).encode(errors="surrogatepass"))
    except OSError as error:
        say(f"the trust in this folder cannot be saved: {clean(str(error))}")

"""Arguments and options that several commands share, and where a manifest keeps its state."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base.home import at_home
from harness.base.instances import complaint_about, state_folder
from harness.base.job_home import JobHome

if TYPE_CHECKING:
    from harness.base.commands import NextCommand
    from harness.job.job import Job


def expanded(path: Path | None) -> Path | None:
    """A path as it was typed, with `~` expanded where no shell has done so: `--to=~/reports`."""
    try:
        return Path(at_home(str(path))) if path is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _each_expanded(paths: list[Path] | None) -> list[Path] | None:
    return [each for path in paths if (each := expanded(path))] if paths else paths


Manifest = Annotated[
    Path,
    typer.Argument(metavar="[MANIFEST]", help="The job's manifest.", show_default=True, callback=expanded),
]
Manifests = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[MANIFEST]...", help="One or more manifests, run in order.", callback=_each_expanded),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a manifest value, such as vars.seeds=100."),
]
UnusedRehearsal = Annotated[bool, typer.Option("--rehearsal", hidden=True)]
"""For the command that is about the rehearsal anyway."""
UnusedSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", hidden=True),
]
"""For commands that read the ledger, which knows what was launched: a repeated command line may keep its --set."""


def _instance(name: str | None) -> str | None:
    if name is not None and (complaint := complaint_about(name)):
        raise typer.BadParameter(complaint)
    return name


As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Select an instance of this manifest (a client, a week); {as} in the manifest is its name.",
        callback=_instance,
    ),
]
OfRehearsal = Annotated[bool, typer.Option("--rehearsal", help="Act on this job's rehearsal, not on the job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
First = Annotated[
    int | None, typer.Option("--first", min=1, metavar="N", help="Process only the first N items in this run.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="ID", help="Process only this item in this run; repeatable.")
]
MostSessions = Annotated[
    int | None,
    typer.Option(
        "--max-iterations", min=1, metavar="N", help="Maximum number of sessions; same as --set caps.sessions=N."
    ),
]
Batch = Annotated[
    list[str] | None,
    typer.Option(
        "--batch", metavar="N", help="Process only these batches in this run: 2, or 2,4-6, or 2.1 for a part."
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="PHASE", help="Stop when this phase is settled; a later launch continues."),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Continue although the job has changed; done records stay as they are.")
]
Add = Annotated[bool, typer.Option("--add", help="Append new source items to the job; done records stay as they are.")]
Changed = Annotated[
    bool,
    typer.Option("--changed", help="Redo items whose row was edited, done ones too, with today's rows."),
]
Reset = Annotated[bool, typer.Option("--reset", help="Start over; the ledger and outputs move to a backup folder.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Trust the programs that this folder's job runs; without it, you are asked once."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Print one line per event instead of a live display.")]

DEFAULT_MANIFEST = Path("job.yaml")


@dataclass(frozen=True, slots=True)
class Place:
    """A manifest as the user named it, and the state folder of its job or instance, or of the rehearsal of that."""

    manifest: Path
    rehearsal: bool
    instance: str | None = None

    @property
    def named(self) -> str:
        """How the next command names it."""
        return str(self.manifest)

    @property
    def state(self) -> Path:
        """BrokenSetupError when it, or a folder of it, is a link."""
        return state_folder(self.manifest, self.instance, rehearsal=self.rehearsal)

    @property
    def home(self) -> JobHome:
        """The paths in the state folder."""
        return JobHome(self.state)

    @property
    def real(self) -> "Place":
        """Of the job itself, or of its instance."""
        return replace(self, rehearsal=False)

    @property
    def rehearsed(self) -> "Place":
        """Of the rehearsal of this."""
        return replace(self, rehearsal=True)

    def load(self, settings: Sequence[str] | None, *, without_plan: bool = False) -> "Job":
        """The job of this place, with these settings over those that its instance was planned with."""
        from harness.job.load import load
        from harness.planning.kept_settings import settings_of_instance

        kept = settings_of_instance(self.manifest, self.instance, rehearsal=self.rehearsal)
        if kept.is_of_the_other:
            _say_taken(kept.settings, tuple(settings or ()), "as launched" if self.rehearsal else "as rehearsed")
        laid_over = [*kept.settings, *(settings or ())]
        return load(
            self.manifest,
            settings=laid_over,
            rehearsal=self.rehearsal,
            instance=self.instance,
            without_plan=without_plan,
        )

    def command(self, verb: str, *words: str) -> "NextCommand":
        """A command about the same job."""
        from harness.base.commands import NextCommand

        return NextCommand(verb, words, self.named, self.instance, self.rehearsal)


def _say_taken(kept: tuple[str, ...], said: tuple[str, ...], where: str) -> None:
    """What is said anew holds, and is not taken over."""
    from harness.cli.output import say
    from harness.views.wording import clean

    anew = {setting.partition("=")[0].strip() for setting in said}
    taken = [setting for setting in kept if setting.partition("=")[0].strip() not in anew]
    if taken:
        say(f"with {clean(shlex.join(words_of(taken)))}, {where}")


def words_of(settings: list[str] | None) -> list[str]:
    """Settings as they were typed."""
    return [word for setting in settings or () for word in ("--set", setting)]


def again_at(place: Place, settings: list[str] | None) -> "NextCommand":
    """A launch with its settings, but without switches: what the next one needs too."""
    return place.command("launch", *words_of(settings))

"""Arguments and options that several commands share, and where a manifest keeps its state."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from harness.base.home import at_home
from harness.base.state import refuse_linked


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
    typer.Argument(
        metavar="[MANIFEST]...", help="The jobs' manifests, run one after the other.", callback=_each_expanded
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Lay a value over the manifest, such as vars.seeds=100."),
]
UnusedSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", hidden=True),
]
"""For commands that read the ledger, which knows what was launched: a repeated command line may keep its --set."""
OfRehearsal = Annotated[bool, typer.Option("--rehearsal", help="Look at the rehearsal of this job, not at the job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
First = Annotated[
    int | None, typer.Option("--first", min=1, metavar="N", help="Look at the first N items only, this time.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="ID", help="Look at this item only, this time; may be repeated.")
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Go on although the job has changed; done records stay as they are.")
]
Add = Annotated[
    bool, typer.Option("--add", help="Plan new items of the source behind the others; done records stay as they are.")
]
Changed = Annotated[
    bool,
    typer.Option("--changed", help="Make items whose row was edited again, done ones too, with their rows of today."),
]
Reset = Annotated[bool, typer.Option("--reset", help="Start anew; ledger and outputs move to a backup folder.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Trust this folder with all that its job runs; without it you are asked once.")
]
Plain = Annotated[bool, typer.Option("--plain", help="One line per event, no live display.")]

DEFAULT_MANIFEST = Path("job.yaml")


@dataclass(frozen=True, slots=True)
class Place:
    """A manifest as the user named it, and the state folder of its job or of its rehearsal."""

    manifest: Path
    rehearsal: bool

    @property
    def named(self) -> str:
        """How the next command names it."""
        return str(self.manifest)

    @property
    def state(self) -> Path:
        """BrokenSetupError when it, or a folder of it, is a link."""
        stem = self.manifest.stem
        name = f"{stem}.rehearsal" if self.rehearsal else stem
        return refuse_linked(self.manifest.absolute().parent.resolve() / ".harness" / name)

    def command(self, verb: str, *words: str) -> str:
        """What to type next, with back quotes around it."""
        from harness.base.commands import command_line

        return f"`{command_line(verb, self.named, *words, rehearsal=self.rehearsal)}`"


def words_of(settings: list[str] | None) -> list[str]:
    """Settings as they were typed."""
    return [word for setting in settings or () for word in ("--set", setting)]


def typed(place: Place, settings: list[str] | None) -> str:
    """A launch with its settings, but without switches: what the next one needs too."""
    return place.command("launch", *words_of(settings)).strip("`")

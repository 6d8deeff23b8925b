"""Instances of a manifest: one client, one week; and which state folder belongs to which.

<job folder>/.harness/
    <stem>/  <stem>.rehearsal/                  the job of <stem>.yaml
    <stem>@<name>/  <stem>@<name>.rehearsal/    its instance `--as <name>`
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from harness.base.job_home import HARNESS, LEDGER
from harness.base.state import refuse_linked

VAR = "as"
"""The var that holds the name of the instance."""
_REHEARSAL = ".rehearsal"
_MOST_BYTES = 60
_NAME = re.compile(r"[^\W_][\w-]*")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
_OF_AN_INSTANCE = re.compile(r"(.+?)@([\w-]+)")


@dataclass(frozen=True, slots=True)
class StateOrigin:
    """What a state folder belongs to. `manifest` need not exist any more."""

    manifest: Path
    instance: str | None
    rehearsal: bool


def complaint_about(name: str) -> str | None:
    """What keeps a text from being the name of an instance; None when it is one."""
    is_name = _NAME.fullmatch(name) and not _RESERVED.fullmatch(name) and unicodedata.is_normalized("NFC", name)
    if is_name and len(name.encode()) <= _MOST_BYTES:
        return None
    return f"expected a name such as acme or 2026-w49 (letters, digits, - and _), got {name!r:.80}"


def state_folder(manifest: Path, instance: str | None, *, rehearsal: bool) -> Path:
    """Absolute. BrokenSetupError when it, or a folder of it, is a link."""
    name = manifest.stem if instance is None else f"{manifest.stem}@{instance}"
    state = manifest.absolute().parent.resolve() / HARNESS / (f"{name}{_REHEARSAL}" if rehearsal else name)
    return refuse_linked(state)


def with_instance(path: Path, instance: str) -> Path:
    """`output/posts.json` -> `output/posts@acme.json`."""
    return path.with_name(f"{path.stem}@{instance}{path.suffix}")


def origin_of(state: Path) -> StateOrigin:
    """Of a state folder. One that is called like a manifest that is there belongs to that, whatever its name."""
    name, folder = state.name.removesuffix(_REHEARSAL), state.absolute().parent.parent
    rehearsal = state.name != name
    found, split = _manifest(folder, name), _OF_AN_INSTANCE.fullmatch(name)
    if found is None and split is not None:
        stem, instance = split.groups()
        return StateOrigin(_manifest(folder, stem) or folder / f"{stem}.yaml", instance, rehearsal)
    return StateOrigin(found or folder / f"{name}.yaml", None, rehearsal)


def instances_of(manifest: Path, *, rehearsal: bool = False) -> list[str]:
    """Names of the instances with a ledger, or of those whose rehearsal has one; in order."""
    here = manifest.absolute().parent.resolve()
    origins = [origin_of(ledger.parent) for ledger in (here / HARNESS).glob(f"*@*/{LEDGER}")]
    return sorted(
        each.instance
        for each in origins
        if each.instance is not None and each.manifest.stem == manifest.stem and each.rehearsal == rehearsal
    )


def _manifest(folder: Path, stem: str) -> Path | None:
    return next((path for end in ("yaml", "yml") if (path := folder / f"{stem}.{end}").exists()), None)

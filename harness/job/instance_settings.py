"""An instance of a manifest, `--as NAME`: its name, what is written under that name, and which settings it keeps."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.base.errors import Problem, UsageError
from harness.base.instances import VAR, complaint_about, instances_of, with_instance
from harness.base.texts import shown
from harness.job.checker import ManifestChecker
from harness.job.manifest import Manifest

_PLACE = "--as"
_OPERATING = frozenset(
    {"budget", "budget_per_session", "strikes", "parallel", "max_output", "rate", "window", "deadline", "stop_at"}
    | {"overage", "caps", "pilot", "grace", "sandbox", "auth", "helper", "rehearsal"}
)
"""Keys of the manifest that shape no record: they are said anew with each launch."""


def refuse_no_name(instance: str | None) -> None:
    """UsageError for what cannot be the name of an instance: no path can be made of it."""
    if instance is not None and (complaint := complaint_about(instance)):
        raise UsageError([Problem(_PLACE, complaint)])


def check_instance(checker: ManifestChecker, manifest: Manifest, path: Path, instance: str) -> None:
    """Complain about a name that means something else here already."""
    alike = [name for name in instances_of(path) if name.casefold() == instance.casefold() and name != instance]
    if alike:
        message = f"there is an instance {alike[0]!r} already, which differs from {instance!r} in case only"
        checker.note(Problem(_PLACE, message, f"type --as {alike[0]}, or choose another name"))
    for end in ("yaml", "yml"):
        if (other := path.with_name(f"{path.stem}@{instance}.{end}")).exists():
            message = f"the state folder of {instance!r} would be that of the manifest {shown(other)}"
            checker.note(Problem(_PLACE, message, "choose another name"))
    if VAR in manifest.vars:
        hint = "give the var another name"
        checker.complain(("vars", VAR), "is the name of the instance, which --as gives", hint, of_key=True)


def name_of_instance(written: str, name: str, instance: str | None) -> str:
    """What the job is called: its name as written where that holds `{as}`, else with the instance behind it."""
    return name if instance is None or f"{{{VAR}}}" in written else f"{name} ({instance})"


def kept_settings(settings: Sequence[str], instance: str | None) -> tuple[str, ...]:
    """Those `KEY=VALUE` that shape an instance, the last one of each key."""
    last = {setting.partition("=")[0].strip(): setting for setting in settings}
    return tuple(last[key] for key in last if key.split(".")[0] not in _OPERATING) if instance is not None else ()


def targets_of_others(checker: ManifestChecker, manifest: Manifest, path: Path, instance: str | None) -> Iterator[Path]:
    """Where the other instances, and the job itself, merge to: what they make are no items of this one."""
    outputs = [manifest.output, *(phase.output for phase in manifest.phases.values())]
    texts = [output.merge for output in outputs if output is not None and output.merge is not None]
    for text in texts:
        for other in instances_of(path):
            if other != instance:
                target = checker.folder / checker.fill_known(text.replace(f"{{{VAR}}}", other))
                yield target if f"{{{VAR}}}" in text else with_instance(target, other)
        if instance is not None and f"{{{VAR}}}" not in text:
            yield checker.folder / checker.fill_known(text)

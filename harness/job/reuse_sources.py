"""Which state folders a job may take records over from: other instances of its manifest, and the job without a name."""

from pathlib import Path

from harness.base.instances import complaint_about, instances_of, state_folder
from harness.job.checker import ManifestChecker
from harness.job.job import ReuseSpec
from harness.job.manifest import Manifest


def resolve_reuse(checker: ManifestChecker, manifest: Manifest, file: Path, *, rehearsal: bool) -> ReuseSpec | None:
    """None where nothing is taken over. `file` is the manifest."""
    reuse = manifest.reuse
    if reuse is None:
        return None
    for number, name in enumerate(reuse.from_ or ()):
        if name != file.stem and (complaint := complaint_about(name)):
            checker.complain(("reuse", "from", number), complaint)
    if reuse.from_ is not None and not reuse.from_:
        checker.complain(
            ("reuse", "from"), "names no instance, so nothing could be taken over", "leave it out: all are"
        )
    if rehearsal:
        return None
    names = reuse.from_ if reuse.from_ is not None else [file.stem, *instances_of(file)]
    states = [state_folder(file, None if name == file.stem else name, rehearsal=False) for name in names if name]
    return ReuseSpec(reuse.within, tuple(states))

"""The folder of one attempt.

    attempts/000123-p1-b007/     named by numbers, never by the user's data
      spec.json                  what the attempt was given; the rehearsal reads it too
      prompt.md                  the prompt, as sent
      stream.jsonl               every line the session printed, secrets redacted
      stderr.log                 its errors, head and tail
      work/                      the session's working folder: its workspace makes it and collects the output from it
        input -> ../input
        items.json context.json  for backend `command`
      input/                     read-only copies of the items' files; removed when it is over
      config/                    CLAUDE_CONFIG_DIR and HOME of a Claude session; removed when it is over
      tmp/                       its TMPDIR; removed when it is over
      glance/                    big outputs that were looked at while it lived; removed when it is over

Everything but config/, tmp/, glance/ and input/ is kept, of failed attempts too, until a job keeps too much
(`keeping`): then work/ of the oldest goes, but never that of a batch's last try. Folders 0700, files 0600.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends.session import Paths
from harness.backends.start_request import View
from harness.base.files import make_folder, write_private
from harness.base.ids import ItemId
from harness.base.removal import remove_tree
from harness.core.input_hash import INPUT_FOLDER, hash_of_input, input_paths
from harness.core.messages import Message, message
from harness.core.names import file_name_for
from harness.core.seam import CONTEXT_FILE, GIVEN, ITEMS_FILE, Workspace, WorkspaceMount
from harness.core.types import Item
from harness.core.work import AttemptSpec, Work
from harness.executors.input_copies import copy_input
from harness.job.job import Job
from harness.workspaces.kinds import workspace_of

_LAST_BYTES = 300


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """Paths within one attempt's folder, and the little that is done to it."""

    root: Path
    workspace: Workspace

    @staticmethod
    def of(job: Job, root: Path) -> "AttemptFolder":
        """With the workspace that the job's sessions get."""
        return AttemptFolder(root, workspace_of(job))

    @property
    def spec(self) -> Path:
        return self.root / "spec.json"

    @property
    def prompt(self) -> Path:
        return self.of_session.prompt

    @property
    def stream(self) -> Path:
        return self.of_session.stream

    @property
    def errors(self) -> Path:
        return self.of_session.errors

    @property
    def work(self) -> Path:
        return self.of_session.work

    @property
    def input(self) -> Path:
        return self.root / INPUT_FOLDER

    @property
    def config(self) -> Path:
        return self.of_session.config

    @property
    def glance(self) -> Path:
        """Copies of output that is looked at while the session lives."""
        return self.root / "glance"

    @property
    def tmp(self) -> Path:
        return self.of_session.tmp

    @property
    def mounts(self) -> Sequence[WorkspaceMount]:
        """What the session sees of its workspace."""
        return self.workspace.mounts(self.work)

    @property
    def working_folder(self) -> Path:
        """Where the session works, as its workspace says."""
        return self.mounts[0].source

    @property
    def own_folders(self) -> list[Path]:
        """The folders of its workspace that belong to the session."""
        return [mount.source for mount in self.mounts if mount.is_writable]

    @property
    def writable(self) -> tuple[Path, ...]:
        """All folders that belong to the session."""
        return (*self.own_folders, self.config, self.tmp)

    @property
    def given(self) -> tuple[Path, ...]:
        """What the attempt is given in its working folder."""
        return tuple(self.work / name for name in GIVEN)

    @property
    def of_session(self) -> Paths:
        """What a backend reads and writes."""
        return Paths.of(self.root)

    def view(self) -> View:
        """The folders under their own paths, for a session that sees what we see."""
        return View(str(self.work), str(self.config), str(self.tmp), str(self.input))

    def prepare(self, spec: AttemptSpec, view: View, vars_: Mapping[str, Any], top: Path) -> list[Message]:
        """Lay out everything the session needs; returns notes about it. Not durable: an attempt that is lost is run
        again. OSError with the item's file as its name when that cannot be copied, or lies behind a link below `top`.
        """
        own = (self.config,) if spec.session.kind.wants_config else ()
        for folder in (self.root, self.tmp, *own):
            make_folder(folder)
        output, ids = spec.output, [item.id for item in spec.items]
        files = [file_name_for(output.file, id_) for id_ in ids] if output.shape == "files" else ()
        self.workspace.prepare(self.work, files)
        inputs = input_paths(spec.items)
        notes = self._copy_inputs(spec.items, inputs, top) if inputs else []
        write_private(self.prompt, spec.rendered.prompt.encode(errors="replace"))
        write_private(self.spec, _json(_spec_document(spec, inputs, view, vars_)))
        if spec.session.kind.gets_items_file:
            write_private(self.work / ITEMS_FILE, _json(_items_document(spec.work, inputs)))
            if spec.work.context:
                write_private(
                    self.work / CONTEXT_FILE, _json({name: list(rows) for name, rows in spec.work.context.items()})
                )
        return notes

    def last_error(self) -> str:
        """The last line of stderr.log, cut; empty when there is none."""
        try:
            with self.errors.open("rb") as file:
                file.seek(-min(_LAST_BYTES, self.errors.stat().st_size), os.SEEK_END)
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def is_tidy(self) -> bool:
        """What only a living session needs is gone."""
        there = (self.config, self.tmp, self.glance, self.input)
        return not any(folder.exists() for folder in there)

    def tidy(self) -> None:
        """Remove what only a living session needs, but for its inputs, at which the watch has to look once more."""
        remove_tree(self.config)
        remove_tree(self.tmp)
        remove_tree(self.glance)

    def put_away(self) -> None:
        """Remove the copies of its inputs too: the originals are the user's, and a copy for each try fills a disk."""
        self.tidy()
        remove_tree(self.input)
        link = self.work / INPUT_FOLDER
        if link.is_symlink():
            link.unlink()

    def _copy_inputs(self, items: tuple[Item, ...], inputs: Mapping[ItemId, str], top: Path) -> list[Message]:
        make_folder(self.input)
        notes = []
        for item in items:
            if item.file is not None:
                sha = copy_input(item.file, top, self.root / inputs[item.id])
                if item.sha and hash_of_input(item, sha) != item.sha:
                    notes.append(message("input_changed", item=str(item.id)))
        link = self.work / INPUT_FOLDER
        if not link.is_symlink():
            link.symlink_to(f"../{INPUT_FOLDER}")
        return notes


def _json(document: Any) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair somewhere: only escapes can carry it
        return json.dumps(document, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not plain data: {value!r}")


def _items_document(work: Work, inputs: Mapping[ItemId, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "data": item.data,
            "file": inputs.get(item.id),
            "records": item.records,
            "reasons": list(work.reasons.get(item.id, ())),
            **({"output": file_name_for(work.output.file, item.id)} if work.output.shape == "files" else {}),
        }
        for item in work.items
    ]


def _spec_document(
    spec: AttemptSpec, inputs: Mapping[ItemId, str], view: View, vars_: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "attempt": spec.id,
        "token": spec.token,
        "phase": spec.work.phase.name,
        "phase_number": spec.work.batch.phase,
        "batch": spec.work.batch.label,
        "tries": spec.work.tries,
        "session_id": spec.session_id,
        "items": [
            {"id": item.id, "data": item.data, "file": inputs.get(item.id), "records": item.records}
            for item in spec.items
        ],
        "reasons": {id_: list(reasons) for id_, reasons in spec.work.reasons.items()},
        "vars": vars_,
        "output": {
            "file": spec.output.file,
            "shape": spec.output.shape,
            "key": spec.output.key,
            "item": spec.output.item,
            "schema": spec.output.schema,
            **({"evidence": list(spec.output.evidence)} if spec.output.evidence else {}),
        },
        "context": {name: list(records) for name, records in spec.work.context.items()},
        "cwd": view.work,
        "model": spec.session.model,
        "backend": spec.session.backend,
    }

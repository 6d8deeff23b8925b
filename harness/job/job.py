"""A job as the rest of the program sees it: resolved, absolute, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from harness.base.job_home import JobHome
from harness.evaluation.check_sandbox import NOTHING, Allowed
from harness.job.backend_kinds import KINDS, Backend, BackendKind
from harness.job.batch_plan import BatchPlan
from harness.job.bounds import Bounds

EXACT_ID = "{exact_id}"
"""What `{id}` in an output's name becomes with `ids: exact`: names that differ in case only are one file on many
machines."""

PLACEHOLDERS = ("{id}", "{relpath}", "{dir}", "{name}", "{basename}", "{stem}", "{ext}")
"""What `output.file` may have in it for shape `files`, here and nowhere else; all but the id are parts of a path."""

TELLING_APART = ("{id}", "{relpath}", "{name}", "{basename}", "{stem}")
"""Those of which a name needs one."""

Shape = Literal["array", "object", "one", "files"]
Needs = Literal["own", "earlier", "previous"]
SandboxChoice = Literal["auto", "bubblewrap", "permissions", "off"]
CredentialKind = Literal["api_key", "oauth_token", "auth_token", "login", "helper"]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One test of the records. `schema` is the schema itself; `python` is `(file, function)`; words of `command` that
    exist in the job folder are absolute. Of kind `evidence`, `jq` yields the addresses of a record's sources."""

    kind: Literal["schema", "jq", "python", "command", "evidence"]
    says: str | None
    schema: Mapping[str, Any] | None = None
    jq: str | None = None
    python: tuple[Path, str] | None = None
    command: tuple[str, ...] | None = None
    allow: Allowed = NOTHING
    """What of this machine it may use, where sessions are in a kernel sandbox and so is it."""


@dataclass(frozen=True, slots=True)
class WriteBackSpec:
    """Columns of a sheet into which statuses and results are written: in the copy `to`, or in the workbook itself."""

    source: Path
    sheet: str | None
    header: int | None
    key: str
    """Path of the id in a row, or `$row`."""
    columns: Mapping[str, str]
    """Name -> path; `.state`, `.reason`, `.attempts` and `.id` are the item's, any other is in its record."""
    to: Path
    in_place: bool
    match: Path | None = None
    """The alias file of the items."""


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What a session must leave behind. `key` and `item` are plain paths; `merge` is absolute."""

    file: str
    shape: Shape
    key: str
    item: str
    checks: tuple[CheckSpec, ...]
    schema: Mapping[str, Any] | None
    """Of one record: from `schema`, or made of `fields`; the first check."""
    merge: Path | None
    limit: int = 8 * 2**20
    """Most bytes of the file, or of each one for shape `files`."""
    known: frozenset[str] | None = None
    """The members of a record that are kept; others are dropped. None = all."""
    extra: Literal["drop", "keep", "refuse"] | None = None
    """As it is written in the manifest; `known` and `schema` follow from it."""
    fields: Mapping[str, str] | None = None
    """As they were written; `schema` is derived from them."""
    evidence: tuple[str, ...] = ()
    """jq over one record, each yielding addresses of pages that the session must have fetched."""
    write_back: WriteBackSpec | None = None


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """How one session is run. `prompt` and `instructions` are texts, already read."""

    backend: Backend
    model: str | None
    prompt: str
    prompt_name: str
    """The file the prompt came from, or `<prompt>`; names it in messages."""
    instructions: str
    tools: tuple[str, ...]
    command: tuple[str, ...]
    timeout: timedelta | None
    first_event: timedelta | None
    silence: timedelta | None
    idle_after_output: timedelta
    max_turns: int | None
    env: Mapping[str, str] = field(default_factory=dict)
    """What is passed on to a Claude session, as `job.environment.resolve_env` gives it."""
    fallback: tuple[str, ...] = ()
    """Models that may answer instead when `model` refuses."""

    @property
    def kind(self) -> BackendKind:
        """The facts of its backend."""
        return KINDS[self.backend]

    @property
    def asks_model(self) -> bool:
        """It is a session of Claude Code, whichever way it is spoken to: with a model, a credential and tools."""
        return self.kind.asks_model

    @property
    def is_interactive(self) -> bool:
        return self.kind.is_interactive


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """As `Category`."""

    path: str
    words: Mapping[str, tuple[str, ...]] | None
    default: str | None
    by_substring: bool


@dataclass(frozen=True, slots=True)
class SelectSpec:
    """As `Select`. `not_in` is a pattern below the job's folder; `as_written` is what the manifest says."""

    top: int | None
    by: str | None
    is_lowest_best: bool
    category: CategorySpec | None
    min_categories: int | None
    not_in: str | None
    as_written: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PhaseSpec:
    """One phase. `number` counts from 1 in the order of the manifest; `rows` is set when it makes its own items."""

    number: int
    name: str
    noun: str
    from_: int | None
    needs: Needs
    rows: str | None
    id: str | None
    batch_size: int
    session: SessionSpec
    output: OutputSpec
    exact: bool = False
    """As `ItemsSpec.exact`."""
    most: int = 1000
    """Most items that one record may make."""
    join: "ItemsSpec | None" = None
    """The source whose rows the results name by their ids."""
    takes_all: bool = True
    """A record that leaves out rows of `join` is rejected."""
    plan: str | None = None
    """Plain path of the batch plan in the record that gives the items."""
    plans: "ItemsSpec | None" = None
    """The source whose rows the batch plan in its own records has to name, each once; nothing is made of them here."""
    planned_noun: str = "lead"
    """What one of those rows is called."""
    select: SelectSpec | None = None
    """Which of the items that it makes are worked on."""


def top_of(pattern: str, folder: Path) -> Path:
    """That of the job, or for a pattern that is absolute the part of it before the first wildcard."""
    if not pattern.startswith("/"):
        return folder
    return Path(*takewhile(lambda part: not set(part) & set("*?["), Path(pattern).parent.parts))


def below(pattern: str, top: Path) -> str:
    """A pattern for files, as it is below `top_of` it."""
    return str(Path(pattern).relative_to(top)) if pattern.startswith("/") else pattern


@dataclass(frozen=True, slots=True)
class ItemsSpec:
    """Where the first phase's items come from; exactly one of `file` and `files`. `id` is a plain path or `$row`.

    A `file` that is a workbook has a `sheet` (None: the only one) and the row of its `header` (None: it is found).
    """

    file: Path | None
    files: str | None
    rows: str
    id: str
    match: Path | None
    order: tuple[str, ...]
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...] = ()
    exact: bool = False
    """`ids: exact`: ids that differ in case only are different ones, in every phase."""
    first_only: bool = False
    """`unique: first`: of rows with one id the first is taken."""
    sheet: str | None = None
    header: int | None = None
    without: frozenset[str] = frozenset()
    """Columns of the sheet that results are written into: no part of an item."""
    trusted: str | None = None
    """`files` with `{as}` in place of the instance: who trusts a folder trusts it for all its instances."""
    select: SelectSpec | None = None
    """Which of them are worked on."""

    def top(self, folder: Path) -> Path:
        """For items that are files: the folder below which no link is followed."""
        return folder if self.files is None else top_of(self.files, folder)


@dataclass(frozen=True, slots=True)
class KeysSpec:
    """Names of variables that programs of the job get; a Claude session does not."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def missing(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """The required ones that are not set; empty counts as not set."""
        return tuple(name for name in self.required if not environ.get(name, "").strip())

    def set_in(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Name -> value of all that are set."""
        names = (*self.required, *self.optional)
        return {name: environ[name] for name in names if environ.get(name, "").strip()}


@dataclass(frozen=True, slots=True)
class HelperSpec:
    """A program that prints a key; words of `command` that exist in the job folder are absolute."""

    command: tuple[str, ...]
    lifetime: timedelta
    gives: Literal["api_key", "auth_token"]
    env: tuple[str, ...] = ()
    """Variables of the user's environment that it gets, beside PATH, HOME and LANG."""


@dataclass(frozen=True, slots=True)
class CellRead:
    """A value that came out of a workbook: of the field `vars.strategy`, at `inputs.xlsx:Inputs!B2`."""

    field: str
    place: str
    value: Any


@dataclass(frozen=True, slots=True)
class ReuseSpec:
    """Which records are taken over: not older than `within`, of these state folders; that of the job may be one."""

    within: timedelta
    states: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Samples:
    """Records to rehearse with, by the name of their phase."""

    file: Path
    by_phase: Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Job:
    """What one manifest asks for."""

    name: str
    noun: str
    manifest: Path
    folder: Path
    state: Path
    """`.harness/<stem>/`, or as `base.instances` says; `home` has the paths in it."""
    rehearsal: bool
    scene: Path | None
    vars: Mapping[str, Any]
    items: ItemsSpec
    phases: tuple[PhaseSpec, ...]
    strikes: int
    parallel: int
    budget: Decimal | None
    budget_per_session: Decimal | None
    max_output: int
    grace: timedelta
    sandbox: SandboxChoice
    auth: CredentialKind | None
    readable: tuple[Path, ...]
    """Files that `command` and the checks name; a session may read them."""
    pilot: int | None = None
    bounds: Bounds = field(default_factory=Bounds)
    helper: HelperSpec | None = None
    keys: KeysSpec = KeysSpec()
    named: tuple[Path, ...] = ()
    """Every file that the manifest names, by its path as written below the folder; links are not followed."""
    strict: bool = True
    """In a rehearsal: what a scene is asked is what the session was told."""
    reuse: ReuseSpec | None = None
    """Never in a rehearsal, which is there to play everything."""
    samples: Samples | None = None
    """In place of a scene."""
    plan: BatchPlan | None = None
    """The given batches of the first phase; `parallel` and `bounds` are at its pace already."""
    plan_file: Path | None = None
    cells: tuple[CellRead, ...] = ()
    """What was read out of workbooks, but for items."""
    instance: str | None = None
    """`--as NAME`: one of several jobs of this manifest."""
    settings: tuple[str, ...] = ()
    """Of an instance: the `--set` that shape it, which its later commands need not repeat."""
    others: tuple[Path, ...] = ()
    """Where the other instances of this manifest merge to."""
    scene_allow: Allowed = NOTHING
    """As of a check."""
    old_words: tuple[str, ...] = ()
    """A line for each word of an earlier version that the manifest holds."""

    @property
    def home(self) -> JobHome:
        """The paths in the state folder."""
        return JobHome(self.state)

    @property
    def gate(self) -> Bounds:
        """The bounds on when sessions start: a rehearsal keeps the caps and waits for no time, rate or window."""
        return Bounds(overage=self.bounds.overage, caps=self.bounds.caps) if self.rehearsal else self.bounds

    def id_path(self, number: int) -> str | None:
        """Where the id of an item of this phase lies in its row; None for items that are files."""
        phase = self.phase(number)
        while phase.rows is None and phase.from_ is not None:
            phase = self.phase(phase.from_)
        if phase.rows is not None:
            return phase.join.id if phase.join is not None else phase.id or ".id"
        return self.items.id if self.items.file is not None else None

    def derived_from(self, phase: int) -> tuple[PhaseSpec, ...]:
        """The phases whose items are made out of the records of this one."""
        return tuple(later for later in self.phases if later.from_ == phase and later.rows is not None)

    def phase(self, number: int) -> PhaseSpec:
        return self.phases[number - 1]

    @property
    def written(self) -> tuple[Path, ...]:
        """The files and folders that belong to this job: what it merges, and copies of workbooks that it writes."""
        outputs = [phase.output for phase in self.phases]
        merged = [output.merge for output in outputs if output.merge is not None]
        copies = [o.write_back.to for o in outputs if o.write_back is not None and not o.write_back.in_place]
        return (*merged, *copies)

    @property
    def answers_are_synthetic(self) -> bool:
        """A rehearsal by neither a scene nor samples."""
        return self.rehearsal and self.scene is None and self.samples is None and not self.is_free()

    def is_free(self) -> bool:
        """True when no phase can cost money by itself (`command` only)."""
        return not any(phase.session.kind.costs_money for phase in self.phases)

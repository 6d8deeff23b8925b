"""What a user may write in job.yaml: every field, its place, its type and its default."""

import codecs
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from harness.base.sizes import parse_size
from harness.evaluation.check_sandbox import Freedom
from harness.job.backend_kinds import Backend
from harness.job.bounds import parse_deadline, parse_rate, parse_share, parse_window
from harness.job.cell_words import TextOrCell, WriteBack
from harness.job.fields import FIELD_SCHEMA, parse_field
from harness.job.model import STRICT, Duration, Whole, none_word
from harness.job.reuse_words import REUSE_SCHEMA, Reuse, as_reuse
from harness.job.select_words import Keys, Select


def _dollars(value: object) -> object:
    if isinstance(value, str):
        try:
            return Decimal(value.strip().removeprefix("$").replace(",", ""))
        except InvalidOperation:
            raise ValueError(f"expected dollars such as $40 or 0.50, or none, got {value!r:.80}") from None
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as(parse: Callable[[Any], object]) -> Callable[[str], str]:
    """A validator that keeps the text as it was written."""

    def checked(text: str) -> str:
        parse(text)
        return text

    return checked


def _encoding(text: str) -> str:
    try:
        info = codecs.lookup(text)
        info.decode(b"")
    except (LookupError, ValueError):
        raise ValueError(f"expected an encoding such as utf-8, windows-1252 or utf-16, got {text!r:.80}") from None
    return text


def _delimiter(text: str) -> str:
    mark = "\t" if text == "tab" else text
    if len(mark) != 1 or mark in "\"'\r\n\0":
        raise ValueError(f'expected one character such as ";", or the word tab, got {text!r:.80}')
    return mark


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _of_old(value: object) -> object:
    """`permissions` was called `guardian`."""
    return "permissions" if value == "guardian" else value


_DOLLARS_SCHEMA: dict[str, Any] = {"type": ["string", "number"], "examples": ["$40", 0.5]}


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str | int | float) else value


_WORDS_SCHEMA: dict[str, Any] = {"type": ["string", "array"], "items": {"type": "string"}}
_SIZE_SCHEMA: dict[str, Any] = {"type": ["string", "integer"], "examples": ["8 MiB", "512 KB"]}
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=1024, le=64 * 2**20),
    WithJsonSchema(_SIZE_SCHEMA, mode="validation"),
]
Dollars = Annotated[
    Decimal,
    BeforeValidator(_dollars),
    Field(ge=Decimal("0.000001"), le=1_000_000_000),
    WithJsonSchema(_DOLLARS_SCHEMA, mode="validation"),
]
FieldText = Annotated[str, BeforeValidator(_as(parse_field)), WithJsonSchema(dict(FIELD_SCHEMA), mode="validation")]
Bound = BeforeValidator(none_word)
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,40}$")]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Allow = Annotated[list[Freedom], BeforeValidator(_listed)]


class Model(BaseModel):
    """Strict on keys, frozen, documented by field docstrings."""

    model_config = STRICT


class Items(Model):
    """Where the items come from: one `file` of rows, `files` by glob, or a sheet of a workbook (`xlsx`)."""

    file: str | None = None
    """A .json, .jsonl, .csv, .tsv or .txt file (one item a line), relative to the manifest."""
    files: str | None = None
    """A glob such as `inbox/*.pdf`: every file is an item, its relative path is the id."""
    xlsx: str | None = None
    """A workbook (.xlsx, .xlsm): every row of a sheet below its header is an item."""
    sheet: str | None = None
    """Name of the sheet of a workbook; not needed where it has only one."""
    header: Annotated[int, Field(ge=1, le=1_048_576), Whole] | None = None
    """Number of the row of a sheet that names the columns; by default the first one that is about as wide as the
    table."""
    rows: str = ".[]"
    """jq stream that yields the items of the file, which is a list of rows unless it is JSON of another shape."""
    id: str = ".id"
    """Path of the id within a row, `.name` or `.["Review ID"]`: a text or a whole number; `$row` numbers the rows from
    1. By default `.id`, in a .txt file the line, for files the path (`.name` is the file's name)."""
    ids: Literal["any_case", "exact"] = "any_case"
    """`exact`: ids that differ in case only are different items; otherwise they are refused as the same."""
    unique: Literal["refuse", "first"] = "refuse"
    """What becomes of rows with the id of an earlier one: refused, or left out with a warning (`first`)."""
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """Of a file that is neither UTF-8 nor marked as UTF-16: `windows-1252`, `latin-1`, ..."""
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None
    """What stands between the columns of a table, where that is not plain: `";"`, `tab`, ..."""
    columns: list[str] | None = None
    """Names of the columns of a table or a sheet without a header."""
    match: str | None = None
    """Alias file {canonical: [alias, ...]}: ids become canonical names; unknown or ambiguous ones are refused."""
    select: Select | None = None
    """Which of them are worked on."""


class DerivedItems(Model):
    """Items that a phase makes out of the accepted records of the phase before."""

    rows: str
    """jq stream over one accepted record; each result is one item."""
    id: str = ".id"
    """Path of the id within a result."""
    most: Annotated[int, Field(ge=1, le=100_000), Whole] = 1000
    """Most items that one record may make; a record that makes more is rejected."""
    join: Items | None = None
    """A source of rows: each result names one of them by its id, and that row is the item. A record that names one
    that is not there is rejected."""
    left_out: Literal["refuse", "allow"] = "refuse"
    """Whether a record may leave out rows of `join`."""
    noun: str | None = None
    """What one such item is called."""
    select: Select | None = None
    """Which of them are worked on, once everything that makes them is settled."""


class Batch(Model):
    """How items are put together."""

    size: Annotated[int, Field(ge=1, le=10_000), Whole] = 1
    """Items in one batch."""
    plan: str | None = None
    """Batches that are given. For the job's own items a JSON file, as `harness plan --write plan.json` makes it; in a
    phase with `items.join` the path of the plan in the record that gives the items, `.batch_plan`."""


class Session(Model):
    """How one session is run. In a phase: the fields that differ from the job's."""

    backend: Backend = "claude"
    """`claude`: a Claude Code session; `terminal`: the same at a terminal, for plans that cover interactive use only;
    `command`: the user's own program."""
    model: str | None = None
    """Model name or alias; must be written for real runs."""
    fallback: Annotated[list[str], Field(max_length=3), BeforeValidator(_listed)] = []
    """Models that may answer instead when `model` refuses, `opus-4-8` for instance; without one no other model ever
    does. Each must have a price."""
    prompt: TextOrCell | None = None
    """A template: the path of a file, the text itself, or a cell of a workbook."""
    instructions: list[TextOrCell] = []
    """Files (or cells) of standing instructions, the same in every session of a phase (they are cached)."""
    tools: list[str] = ["Read", "Write"]
    """Built-in tools a session may use."""
    env: dict[str, str | int | bool] = {}
    """Variables passed on to sessions, from a closed list (docs/authentication.md): a value, or $NAME for that of your
    environment; secrets only as $NAME. Not used in a rehearsal."""
    command: list[str] | None = None
    """For `backend: command`: the program and its arguments."""
    timeout: Annotated[Duration | None, Bound] = timedelta(minutes=20)
    """Longest life of one session."""
    first_event: Annotated[Duration | None, Bound] = timedelta(seconds=90)
    """Longest wait for the first sign of life."""
    silence: Annotated[Duration | None, Bound] = timedelta(seconds=600)
    """Longest silence while no tool runs. The CLI heals a stalled answer after 300 s by itself."""
    idle_after_output: Duration = timedelta(seconds=30)
    """A session whose items are all there and good is ended after this much silence."""
    max_turns: Annotated[Annotated[int, Field(ge=1, le=100_000), Whole] | None, Bound] = None
    """Most model turns in one session."""


class Check(Model):
    """One test that every record must pass; exactly one of the four kinds."""

    schema_: str | None = Field(default=None, alias="schema")
    """A JSON Schema file; one record must match it."""
    jq: str | None = None
    """A jq expression over one record that must yield true."""
    python: str | None = None
    """`checks.py:function`, called as function(items, records, context) -> {id: [reason]}."""
    command: list[str] | None = None
    """A program: JSON on standard input; exit 0 accepts, 1 rejects, anything else is a broken check."""
    says: str | None = None
    """The reason given to the model when this check rejects a record."""
    allow: Allow = []
    """What a `python` or `command` check needs beyond reading the job's folder: `network`, `write` (into that folder),
    `everything` (no sandbox at all)."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Output(Model):
    """What a session must leave behind, how it is judged, and where it is merged."""

    file: str = "output.json"
    """The file a session writes, relative to its work folder. For shape `files` with `{id}`, or parts of the item's
    path: `{relpath}`, `{dir}`, `{name}`, `{basename}` or `{stem}`, `{ext}`."""
    shape: Literal["array", "object", "one", "files"] = "array"
    """array of records; object keyed by the record's key; one record; or one file per item."""
    key: str = ".id"
    """Path of a record's own name."""
    item: str | None = None
    """Path of the id of the item a record belongs to; by default the key."""
    fields: dict[str, FieldText] | None = None
    """Short form of a schema: every field is required and not empty. A type, `integer 1..5`, or `good | bad`; with a
    question mark, `string?` or `(good | bad)?`, it may be empty, null or missing."""
    schema_: str | None = Field(default=None, alias="schema")
    """A JSON Schema file for one record."""
    check: list[Check] = []
    """Further tests, in order."""
    evidence: Annotated[list[str], BeforeValidator(_listed), WithJsonSchema(_WORDS_SCHEMA, mode="validation")] = []
    """jq over one record, `.source_url` or `.coaches[].career[].source_url`: each address that it yields must be of a
    page that the attempt's session has fetched with WebFetch, and there must be one."""
    extra: Literal["drop", "keep", "refuse"] | None = None
    """What becomes of members of a record that neither `fields` nor a check names: dropped with a note, by default;
    kept; or the record is refused."""
    limit: Size | None = None
    """Most bytes of the file, `8 MiB` by default; of each file for shape `files`, by default 64 MiB."""
    merge: str | None = None
    """The merged file (.json, .jsonl, .csv) or, for shape `files`, the merged folder."""
    write_back: WriteBack | None = None
    """Statuses and results in columns of a copy of a workbook."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Phase(Model):
    """One pass through one kind of work."""

    from_: str | None = Field(default=None, alias="from")
    """The phase whose accepted records this one works on; the first phase has none."""
    needs: Literal["own", "earlier", "previous"] = "own"
    """What batch N waits for: batch N of `from`; batches 1 to N of it; or also batch N-1 of this phase."""
    items: DerivedItems | None = None
    """Makes this phase's own items out of the records of `from`; without it the items stay the same."""
    batch: Batch | None = None
    """Cuts batch N into N.1, N.2, ... above this size; by default the job's."""
    session: Session | None = None
    """Fields that differ from the job's session."""
    output: Output = Output()
    """What a session of this phase must leave behind."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Caps(Model):
    """Hard caps over the whole job. On a plan, where dollars are estimates, these are what holds."""

    sessions: Annotated[Annotated[int, Field(ge=1, le=10**9), Whole] | None, Bound] = None
    """Most sessions, in all."""
    turns: Annotated[Annotated[int, Field(ge=1, le=10**9), Whole] | None, Bound] = None
    """Most model turns, in all; each session may use a tenth unless `max_turns` says otherwise."""
    tokens: Annotated[Annotated[int, Field(ge=1, le=10**15), Whole] | None, Bound] = None
    """Most tokens, in all, cache reads aside; looked at before each start, so what runs may go beyond it."""


class Helper(Model):
    """A program that prints a key."""

    command: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments; it runs in the job's folder and prints one line."""
    env: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = []
    """Names of variables of your environment that it gets; beside them only PATH, HOME and LANG."""
    lifetime: Duration = timedelta(minutes=5)
    """How long a printed key is used for new sessions."""
    gives: Literal["api_key", "auth_token"] = "api_key"
    """What it prints: a key of Anthropic's, or a token for the gateway at ANTHROPIC_BASE_URL."""


class Rehearsal(Model):
    """How the job is played without a model."""

    scene: str | None = None
    """A Python file with `scene(ask)`; without it, records are synthetic from fields or schema."""
    records: str | None = None
    """A .json or .jsonl file of sample records to answer with, in place of a scene: a list of records, or for several
    phases an object of phase names, each with its list. Each item gets those that name it, or one of the list with its
    id put in."""
    allow: Allow = []
    """What the scene needs beyond reading the job's folder; as of a check."""
    strict: bool = True
    """A rehearsal fails when the prompt passes nothing of an item but its id, or not what the scene asks for. `false`
    for sessions that need no more than the id."""
    session: Session | None = None
    """Fields of the session that differ in a rehearsal."""


class Manifest(Model):
    """A job."""

    job: str | None = None
    """What the job is called; by default the folder's name."""
    noun: str = "item"
    """What one item is called in messages."""
    vars: dict[str, Any] = {}
    """Values for `{{ vars.x }}` in prompts, `{x}` in paths, `$x` in jq; `{xlsx: inputs.xlsx, cell: Sheet!B2}` takes
    one from a workbook."""
    items: Items
    """Where the items come from."""
    order: list[str] = []
    """Paths to sort the items by; `-.score` is descending; stable."""
    batch: Batch = Batch()
    """How items are put together."""
    session: Session = Session()
    """How one session is run."""
    output: Output | None = None
    """For a job of one phase."""
    phases: dict[Name, Phase] = {}
    """For a job of several phases, in order."""
    strikes: Annotated[int, Field(ge=1, le=20), Whole] = 3
    """An item fails at its Nth failure."""
    parallel: Annotated[int, Field(ge=1, le=256), Whole] = 1
    """Most sessions at once."""
    budget: Annotated[Dollars | None, Bound] = None
    """Dollars that may be spent in all. Must be written for real runs that cost: a number or none."""
    budget_per_session: Annotated[Dollars | None, Bound] = None
    """Dollars that one session may spend; by default a tenth of the budget."""
    max_output: Annotated[int, Field(ge=256, le=128_000), Whole] = 16_000
    """Most tokens of one answer; passed on to the model."""
    rate: Annotated[str, AfterValidator(_as(parse_rate))] | None = None
    """Most sessions started in a span of time: `10/min`, `30/h`."""
    window: Annotated[str, AfterValidator(_as(parse_window))] | None = None
    """Time of day in which sessions start: `22:00-07:00`. Running ones end in their own time."""
    deadline: Annotated[str, BeforeValidator(_text), AfterValidator(_as(parse_deadline))] | None = None
    """The end of a run: `8h` after its start, `07:00`, or a date and time."""
    stop_at: Annotated[str, BeforeValidator(_text), AfterValidator(_as(parse_share))] | None = None
    """Share of a plan's usage window above which nothing starts, `90%`: the rest is left to people."""
    overage: Literal["stop", "allow"] = "stop"
    """May a plan's paid overage be used?"""
    caps: Caps = Caps()
    """Hard caps over the whole job."""
    pilot: Annotated[Annotated[int, Field(ge=1, le=100), Whole] | None, Bound] = None
    """Batches that run ahead (first, middle, last, ...): then a verdict on cost, time and success, and the rest."""
    grace: Duration = timedelta(seconds=30)
    """What running sessions get to finish after the first Ctrl-C."""
    sandbox: Annotated[Literal["auto", "bubblewrap", "permissions", "off"], BeforeValidator(_of_old)] = "auto"
    """auto: bubblewrap where the kernel allows it, else permissions, the CLI's rules alone; off must be typed out, in
    quotes."""
    auth: Literal["api_key", "oauth_token", "auth_token", "login", "helper"] | None = None
    """Which credential sessions use when more than one is set; `login` is that of Claude Code on this machine."""
    helper: Helper | None = None
    """A program of yours that prints the key; it runs beside the sessions, never inside one."""
    reuse: Annotated[Reuse | None, BeforeValidator(as_reuse), WithJsonSchema(REUSE_SCHEMA, mode="validation")] = None
    """Records of other jobs of this manifest, not older than this (`30d`), are taken over instead of made again."""
    keys: Keys = Keys()
    """Variables of your environment that programs of the job need."""
    rehearsal: Rehearsal = Rehearsal()
    """How the job is played without a model."""

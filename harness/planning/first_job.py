"""The files that `init` writes: a commented manifest, its schema, a prompt, and example items where there are none."""

import json
from dataclasses import dataclass

from harness.job.schema import manifest_schema

_EXAMPLES = ("Ada Lovelace", "Alan Turing", "Grace Hopper")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the items would come from, in the words of `items` in a manifest; None and empty where it needs none."""

    count: int
    file: str | None = None
    files: str | None = None
    xlsx: str | None = None
    sheet: str | None = None
    header: int | None = None
    status: str | None = None
    """The column of a workbook that is for it."""
    rows: str | None = None
    id: str | None = None
    noun: str = "item"
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...] = ()
    is_exact: bool = False
    notes: tuple[str, ...] = ()
    """What a person should know of it."""

    @property
    def where(self) -> str:
        """The file, the pattern, or the workbook with its sheet."""
        if self.xlsx is not None:
            return self.xlsx if self.sheet is None else f"{self.xlsx}:{self.sheet}"
        return self.file or self.files or ""

    def in_yaml(self) -> str:
        """The value of `items`, in one line."""
        words = {"file": self.file, "files": self.files, "xlsx": self.xlsx, "sheet": self.sheet}
        words |= {"header": self.header}  # type: ignore[dict-item]
        words |= {"encoding": self.encoding, "delimiter": self.delimiter}
        words |= {"columns": list(self.columns) or None, "rows": self.rows, "id": self.id}  # type: ignore[dict-item]
        words |= {"ids": "exact" if self.is_exact else None}
        written = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in words.items() if value)
        return f"{{{', '.join(written)}}}"


def first_job(source: Source | None) -> dict[str, str]:
    """Path relative to the job's folder -> content. Without a source, three example items are among them."""
    files = {}
    if source is None:
        source = Source(len(_EXAMPLES), file="items.csv", id=".name", noun="person")
        files["items.csv"] = "name\n" + "".join(f"{name}\n" for name in _EXAMPLES)
    return {
        "job.yaml": _manifest(source),
        "job.schema.json": json.dumps(manifest_schema(), indent=2) + "\n",
        "prompts/task.md": _prompt(source),
        **files,
    }


def _manifest(source: Source) -> str:
    return f"""\
# yaml-language-server: $schema=./job.schema.json
# `harness check` validates this file, `harness rehearse` runs it against a mock API, `harness launch` runs it for real.
noun: {json.dumps(source.noun, ensure_ascii=False)} # the word for one item in messages
items: {_items(source)}
batch: {{size: 1}} # items per session; use about 20 for small items
session:
  model: sonnet
  prompt: prompts/task.md
  tools: [Read, Write] # add WebSearch, WebFetch, ... if the task needs them
  timeout: 20m
output:
  file: output.json # the file that each session must write
  fields: {{summary: string, confident: boolean}} # required in every record; an incomplete record is retried
  # check:
  #   - {{jq: ".summary | length < 400", says: keep the summary below 400 characters}}
  merge: output/results.json # all accepted records; .jsonl and .csv work too
{_write_back(source)}strikes: 3 # an item fails after three failures of its own
parallel: 2 # concurrent sessions
budget: $5 # no session starts that this cannot pay for
"""


def _write_back(source: Source) -> str:
    if source.status is None:
        return ""
    written = json.dumps(source.status, ensure_ascii=False)
    return f"  # write_back: {{columns: {{{written}: .state}}}} # in a copy of the workbook, next to the merged file\n"


def _items(source: Source) -> str:
    return f"{source.in_yaml()}{' # each file is one item; its path is its id' if source.files is not None else ''}"


def _prompt(source: Source) -> str:
    if source.files is not None:
        task, each = "Read each file below and summarize it in one sentence:", "{{ item.path }}"
    else:
        task = f"Describe each {source.noun} below in one sentence:"
        each = "{{ item.id }}: {{ item.data | tojson }}"
    return f"""\
{task}

{{% for item in items %}}
- {each}
{{% endfor %}}

Put the sentence in `summary`. Set `confident` to true only if you are sure of it.
"""

"""Twenty prompts for a reader who has nothing else: does what the contract and the retry section say suffice?

python -m tests.prompts.sheets DIR           writes DIR/01/prompt.md ...; the reader writes what each asks for
python -m tests.prompts.sheets --judge DIR   judges what is there with the production judge; exit 1 below 19 of 20
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.types import Accepted, BatchRef, Item
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.job import CheckSpec, OutputSpec, PhaseSpec, SessionSpec
from harness.outputs.checks import Checker
from harness.outputs.judge import judge
from harness.prompts.render import render
from harness.prompts.retry_words import words_of
from harness.views.reason_words import reasons_text
from harness.workspaces.freeze import freeze

ENOUGH = 19
SESSION = SessionSpec(
    "claude", "sonnet", "", "<prompt>", "", ("Read", "Write"), (), None, None, None, timedelta(seconds=1), None
)  # fmt: skip
TASK = """Give each city a `summary`: one English sentence. What is known of them:

{% for item in items %}{{ item.id | tojson }}: {{ item.data | tojson }}
{% endfor %}"""
SCHEMA = {
    "type": "object",
    "required": ["id", "summary"],
    "properties": {"id": {"type": "string"}, "summary": {"type": "string", "minLength": 10}},
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Sheet:
    """One prompt. `why` is what an earlier attempt was rejected for."""

    about: str
    output: OutputSpec
    ids: Sequence[str] = ("c1", "c2", "c3")
    task: str = TASK
    why: dict[str, Reason] = field(default_factory=dict)
    makes: Sequence[PhaseSpec] = ()

    def work(self) -> Work:
        items = tuple(Item(ItemId(id_), {"name": f"Place {id_}", "known": "a port on a river"}) for id_ in self.ids)
        phase = _phase(self.output, self.task)
        reasons = {ItemId(id_): (words_of(reason),) for id_, reason in self.why.items()}
        return Work(phase, BatchRef(1, 1), items, (1, len(items)), reasons=reasons)


def _phase(output: OutputSpec, task: str = "", **fields: Any) -> PhaseSpec:
    session = replace(SESSION, prompt=task)
    return replace(PhaseSpec(1, "main", "city", None, "own", None, None, 20, session, output), **fields)


def _output(**fields: Any) -> OutputSpec:
    return replace(OutputSpec("output.json", "array", ".id", ".id", (), None, None), **fields)


def _jq(program: str, says: str | None = None) -> CheckSpec:
    return CheckSpec("jq", says, jq=program)


DISTRICTS = _phase(_output(), number=2, name="districts", noun="district", from_=1, rows=".districts[]", id=".name")
FILES = _output(shape="files", file="notes/{id}.md")
MADE_UP = "Invented names are wanted here."
LONG_ENOUGH = "valid JSON, an object with a summary of at least ten characters"
UNEXPECTED = "Additional properties are not allowed ('name' was unexpected)"
RIVER = "the summary names the river"
LINE = f"List two made-up landmarks of each city, one record each, with a `name`. {MADE_UP}"
SHEETS = (
    Sheet("array", _output()),
    Sheet("array of one", _output(), ("c1",)),
    Sheet("array with a schema", _output(schema=SCHEMA)),
    Sheet("array with checks", _output(checks=(_jq('.summary | endswith("!")', "the summary ends with !"),))),
    Sheet("ids that look like numbers", _output(schema=SCHEMA), ("007", "7", "1.50")),
    Sheet("ids with spaces and accents", _output(), ("São Paulo", "St. John's", "a/b")),
    Sheet("id deep in the record", _output(key=".of.id", item=".of.id")),
    Sheet("records that are arrays", _output(key=".[0]", item=".[0]")),
    Sheet("several records of one item", _output(key=".name", item=".city"), task=LINE),
    Sheet("object", _output(shape="object")),
    Sheet("object with a schema", _output(shape="object", schema={**SCHEMA, "required": ["summary"]})),
    Sheet("object, several records of one item", _output(shape="object", key=".name", item=".city"), task=LINE),
    Sheet("one", _output(shape="one"), ("c1",)),
    Sheet("one, with its key elsewhere", _output(shape="one", key=".meta.city", item=".meta.city"), ("c1",)),
    Sheet("text files", FILES),
    Sheet("JSON files", replace(
        FILES, file="{id}.json", checks=(_jq(".text | fromjson | .summary | length > 9", LONG_ENOUGH),)
    )),
    Sheet("CSV merge", _output(merge=Path("/nowhere/all.csv"), schema=SCHEMA)),
    Sheet("derived items", _output(), makes=(DISTRICTS,), task=f"""
        Describe each city and invent two districts of it, each with a `name` and a `size`. {MADE_UP}"""),
    Sheet("retry: not JSON, wrong shape", _output(), why={
        "c1": Reason("not_json", {"file": "output.json", "problem": "text after the JSON value at byte 90"}),
        "c2": Reason("wrong_shape", {"file": "output.json", "shape": "array", "key": ".id", "got": "object"}),
    }),
    Sheet("retry: records", _output(schema=SCHEMA, checks=(_jq('.summary | test("river")', RIVER),)), why={
        "c1": Reason("id_misspelled", {"id": "c1", "path": ".id", "got": "C1"}),
        "c2": Reason("schema", {"at": "$", "message": UNEXPECTED}, "."),
        "c3": Reason("jq_false", {"program": '.summary | test("river")', "says": RIVER}),
    }),
)  # fmt: skip


def prompt_of(sheet: Sheet, folder: Path) -> str:
    """The full prompt, as a session in that folder gets it."""
    return render(sheet.work(), {}, f"{folder / 'work'}/{sheet.output.file}", sheet.makes).prompt


def write(folder: Path) -> None:
    """A folder for each sheet, with nothing but its prompt."""
    for number, sheet in enumerate(SHEETS, 1):
        own = folder / f"{number:02}"
        (own / "work").mkdir(parents=True)
        (own / "prompt.md").write_text(prompt_of(sheet, own), encoding="utf-8")


def verdict_on(sheet: Sheet, folder: Path) -> str:
    """Empty when every item is accepted; else what was wrong."""
    with closing(Bounded()) as bounded:
        store = ArtifactStore(folder / "artifacts")
        store.root.mkdir(exist_ok=True)
        work = sheet.work()
        frozen = freeze(folder / "work", sheet.output, list(sheet.ids), store)
        checker = Checker(work, bounded, {})
        judged = asyncio.run(judge(work, frozen.artifacts, frozen.output_faults, store, checker, sheet.makes))
    if judged.broken_check or judged.raised_check or judged.invented:
        return str(judged.broken_check or judged.raised_check or f"invented: {judged.invented}")
    bad = {id_: each for id_, each in judged.verdicts.items() if not isinstance(each, Accepted)}
    return "; ".join(f"{id_}: {reasons_text(each.reasons)}" for id_, each in bad.items())


def main(arguments: Sequence[str]) -> int:
    """Exit code: 1 when too few of the sheets pass."""
    if arguments[:1] != ["--judge"]:
        write(Path(arguments[0]).absolute())
        return 0
    found = {n: verdict_on(s, Path(arguments[1]).absolute() / f"{n:02}") for n, s in enumerate(SHEETS, 1)}
    for number, problem in found.items():
        print(f"{number:02} {SHEETS[number - 1].about}: {problem or 'passes'}")
    passed = sum(not problem for problem in found.values())
    print(json.dumps({"passed": passed, "of": len(SHEETS)}))
    return 0 if passed >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

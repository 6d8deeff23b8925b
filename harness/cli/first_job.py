"""The files that `init` writes: a commented manifest, its schema, a prompt, and example items where there are none."""

import json

from harness.cli.blueprint import Source
from harness.job.schema import manifest_schema

_EXAMPLES = ("Ada Lovelace", "Alan Turing", "Grace Hopper")


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
# `harness check` tells what this asks for, `harness rehearse` plays it without a model, `harness launch` runs it.
noun: {json.dumps(source.noun, ensure_ascii=False)} # what one item is called in messages
items: {_items(source)}
batch: {{size: 1}} # items that one fresh session works on; small things go well by 20
session:
  model: sonnet
  prompt: prompts/task.md
  tools: [Read, Write] # add WebSearch, WebFetch, ... as the work needs them
  timeout: 20m
output:
  file: output.json # what each session has to write
  fields: {{summary: string, confident: boolean}} # what every record must have; a record without is tried again
  # check:
  #   - {{jq: ".summary | length < 400", says: keep the summary below 400 characters}}
  merge: output/results.json # all accepted records in one file; .jsonl and .csv work too
strikes: 3 # an item fails at its third failure of its own
parallel: 2 # sessions at once
budget: $5 # nothing starts that this could not pay for
"""


def _items(source: Source) -> str:
    if source.files is not None:
        return f"{{files: {json.dumps(source.files, ensure_ascii=False)}}} # each file is an item, its path is the id"
    parts = [f"file: {json.dumps(source.file, ensure_ascii=False)}"]
    if source.rows is not None:
        parts.append(f"rows: {json.dumps(source.rows, ensure_ascii=False)}")
    parts.append(f"id: {json.dumps(source.id, ensure_ascii=False)}")
    return f"{{{', '.join(parts)}}}"


def _prompt(source: Source) -> str:
    if source.files is not None:
        task = "Read the file {{ item.path }} and say in one sentence what it is about."
    else:
        task = f"This is the {source.noun} {{{{ item.id }}}}:\n\n{{{{ item.data | tojson }}}}\n\n"
        task += "Say in one sentence what it is."
    return f"""\
{task}

Write your sentence into `summary`, and into `confident` whether you are sure of it.
"""

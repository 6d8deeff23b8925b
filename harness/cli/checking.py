"""Commands that look before anything runs: check, plan, schema."""

from typing import Annotated

import typer

from harness.cli.options import DEFAULT_MANIFEST, AsJson, Manifest, OfRehearsal, Settings
from harness.cli.printing import print_json, print_lines, say


def check(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    rehearsal: OfRehearsal = False,
    as_json: AsJson = False,
) -> None:
    """Check the manifest, every file it names, the items and the prompts; start nothing."""
    from harness.cli.outline import outline, outline_as_json
    from harness.cli.preview import read_items
    from harness.job.load import load
    from harness.supervisor.opening import refuse_bad_prompts
    from harness.views.wording import clean

    job = load(manifest, settings=settings or (), rehearsal=rehearsal)
    found = read_items(job)
    refuse_bad_prompts(job, found.items)
    for warning in found.warnings:
        say(f"warning: {clean(warning)}")
    if as_json:
        print_json(outline_as_json(job, found))
    else:
        print_lines(outline(job, found.items))
    say(f"{clean(str(manifest))} is fine")


def plan(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    rehearsal: OfRehearsal = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print what the next session would be told.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what would run and why, and what it may cost; start nothing."""
    from harness.cli import preview
    from harness.cli.outline import money_line
    from harness.job.load import load

    job = load(manifest, settings=settings or (), rehearsal=rehearsal)
    items = preview.read_items(job).items
    if prompt:
        _print_prompt(preview.first_prompt(job, items))
        return
    groups = preview.planned_groups(job, items)
    if as_json:
        print_json(preview.plan_as_json(job, groups))
        return
    print_lines([*preview.plan_lines(job, groups), f"  {money_line(job)}"])


def _print_prompt(told: object) -> None:
    from harness.core.types import AttemptSpec
    from harness.prompts.render import Rendered
    from harness.views.wording import clean_lines

    if not isinstance(told, AttemptSpec | Rendered):
        say("nothing is ready to run")
        return
    if told.instructions:
        say("--- standing instructions, the same in every session of the phase ---")
        print_lines([clean_lines(told.instructions)])
        say("--- prompt ---")
    print_lines([clean_lines(told.prompt)])


def schema() -> None:
    """Print the JSON Schema of a manifest, for editors."""
    from harness.job.schema import manifest_schema

    print_json(manifest_schema())

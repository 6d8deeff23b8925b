"""The command that examines this machine, and prints the fault table."""

from typing import Annotated

import typer

from harness.cli.options import DEFAULT_MANIFEST, As, AsJson, Manifest, Place, Settings, Trust, words_of
from harness.cli.output import print_json, print_lines

_BROKEN_SETUP = 4


def doctor(
    manifest: Manifest = DEFAULT_MANIFEST,
    settings: Settings = None,
    instance: As = None,
    faults: Annotated[bool, typer.Option("--faults", help="Print every kind of fault and its consequence.")] = False,
    helper: Annotated[bool, typer.Option("--helper", help="Run the job's key helper to test it.")] = False,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Run a session that does ordinary work in the sandbox: git, pip, make, ..."),
    ] = False,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Test what a run needs on this machine: CLI, sandbox, credential, disk. Exit code 4: something is broken."""
    import asyncio
    from dataclasses import asdict
    from functools import partial

    if faults:
        _print_faults(as_json=as_json)
        return
    from harness.cli.rehearse import mock_api
    from harness.cli.run_to_end import run_to_end
    from harness.doctor.examination import Finding, examine
    from harness.doctor.ordinary_work import examine_work

    place = Place(manifest, False, instance)
    found: list[Finding] = []
    if helper:
        _must_be_trusted(place, settings, trust=trust)

    def note(finding: Finding) -> None:
        found.append(finding)
        if not as_json:
            print_lines(finding.lines())

    async def look() -> None:
        async for finding in examine(place.manifest, partial(place.load, settings), run_helper=helper):
            note(finding)

    asyncio.run(look())
    for finding in examine_work(mock_api, run_to_end) if sandbox else ():
        note(finding)
    if as_json:
        print_json({"schema_version": 1, "findings": [asdict(finding) for finding in found]})
    if any(finding.grade == "broken" for finding in found):
        raise typer.Exit(_BROKEN_SETUP)


def _must_be_trusted(place: Place, settings: list[str] | None, *, trust: bool) -> None:
    from harness.cli.trust import must_be_trusted

    asked = place.command("doctor", "--helper", *words_of(settings))
    must_be_trusted(place.load(settings), settings or (), asked, trust=trust)


def _print_faults(*, as_json: bool) -> None:
    from harness.core.faults import ALL_ROWS
    from harness.core.messages import Message
    from harness.views.fault_words import fault_text

    rows = [(row.kind, row.blame, row.then, fault_text([Message(row.sign)])) for row in ALL_ROWS]
    if as_json:
        names = ("kind", "blame", "then", "says")
        print_json({"schema_version": 1, "faults": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    print_lines(["fault            blame     then    meaning"])
    print_lines(f"{kind:<16} {blame:<9} {then:<7} {says}" for kind, blame, then, says in dict.fromkeys(rows))

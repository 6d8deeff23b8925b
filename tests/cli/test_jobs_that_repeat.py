"""`--as NAME`: several jobs of one manifest, each with its own state, outputs, progress and settings."""

import inspect
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from harness.cli.app import app
from harness.job.grants import grants_of
from harness.job.load import load
from tests.covers import covers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

_ROWS = 'items: {file: "clients/{as}.jsonl"}'


def _clients(desk: "Desk", **clients: dict[str, str]) -> None:
    """A job whose items, prompt and check have the name of the instance in them."""
    desk.job({"plain": "good"})
    text = (desk.folder / "job.yaml").read_text()
    text = text.replace("items: {file: items.jsonl}", _ROWS).replace("count them", "'{{ as }}: {{ vars.who }}'")
    text = text.replace("'.n > 0'", '\'.n > 0 and $as != "" and $who != "nobody"\'')
    (desk.folder / "job.yaml").write_text(f"{text}vars: {{who: nobody}}\nstrikes: 1\n")
    (desk.folder / "clients").mkdir()
    for name, items in clients.items():
        rows = "".join(json.dumps({"id": id_, "how": how}) + "\n" for id_, how in items.items())
        (desk.folder / f"clients/{name}.jsonl").write_text(rows)


def _next(out: str) -> list[str]:
    """What is told to be typed next, as words behind `harness`."""
    told = re.findall(r"^Next: `(harness [^`]+)`", out, re.MULTILINE)
    assert told, out
    return shlex.split(told[-1])[1:]


def _merged(path: "Path") -> list[str]:
    return [record["id"] for record in json.loads(path.read_bytes())]


@covers("F22")
def test_two_clients_of_one_manifest_run_beside_each_other(desk: "Desk") -> None:
    _clients(desk, acme={"a": "good", "b": "bad"}, beta={"a": "good"})
    desk.has_typed("launch", "--as", "acme", "--set", "vars.who=Ann", code=1)
    assert desk.types("launch", "--as", "beta", "--set", "vars.who=Bea").code == 0
    output, states = desk.folder / "output", desk.folder / ".harness"
    assert _merged(output / "job@acme.json") == _merged(output / "job@beta.json") == ["a"]
    assert sorted(path.name for path in desk.folder.glob("*.json*")) == ["items.jsonl"]
    progress = json.loads((states / "job@acme/batch_progress.json").read_bytes())
    assert (progress["batch_name"], len(progress["failed"])) == ("Numbers (acme)", 1)
    prompts = [path.read_text() for path in states.glob("*/attempts/*/prompt.md")]
    assert {"acme: Ann", "beta: Bea"} == {line for text in prompts for line in text.splitlines() if ": " in line[:7]}

    said = desk.types("status")
    assert said.out.splitlines()[0] == "acme  finished: 1 of 2 numbers done, 1 failed"
    told = desk.types("status", "--json").json()
    assert [(each["as"], each["state"]) for each in told["instances"]] == [("acme", "finished"), ("beta", "finished")]
    said = desk.types(*_next(said.out))
    assert said.out.startswith("Numbers (acme): finished")
    assert _next(said.out) == ["retry", "--failed", "--as", "acme"]


def test_an_instance_goes_on_with_the_settings_it_began_with(desk: "Desk") -> None:
    _clients(desk, acme={"a": "good", "b": "good", "c": "good"})
    asked = ("launch", "--as", "acme", "--set", "vars.who=Ann", "--set", "parallel=2", "--first", "1")
    assert desk.types(*asked).code == 0
    assert _next(desk.types("status", "--as", "acme").out) == ["launch", "--as", "acme"]
    assert desk.types("check", "--only", "plan", "--as", "acme").code == 0
    refused = desk.types("launch", "--as", "acme", "--set", "vars.who=Eve", "--first", "2")
    assert refused.code == 2 and 'vars.who was "Ann", is now "Eve"' in refused.err
    assert "`harness launch --set vars.who=Eve --keep --as acme`" in refused.err
    assert desk.types("launch", "--set", "vars.who=Eve", "--as", "acme", "--keep", "--first", "2").code == 0
    assert desk.types("launch", "--as", "acme").code == 0
    told = [path.read_text() for path in sorted(desk.folder.glob(".harness/job@acme/attempts/*/prompt.md"))]
    assert ["acme: Ann" in told[0], "acme: Eve" in told[1], "acme: Eve" in told[2]] == [True] * 3


def test_the_first_launch_of_an_instance_takes_over_the_settings_of_its_rehearsal(desk: "Desk") -> None:
    """Else what was rehearsed with one client's file would be launched with another's."""
    _clients(desk, acme={"a": "good"}, beta={"a": "good"})
    assert desk.types("rehearse", "--as", "acme", "--set", "vars.who=Ann Bee", "--set", "strikes=2").code == 0
    said = "with --set 'vars.who=Ann Bee', as rehearsed"
    for look in (("plan", "--as", "acme"), ("check", "--only", "plan", "--as", "acme")):
        assert desk.types(*look).err.count(said) == 1
    launched = desk.types(*_next(desk.types("status", "--as", "acme").out))
    assert (launched.code, said in launched.err) == (0, True), launched.err
    assert "as rehearsed" not in desk.types("launch", "--as", "acme").err
    prompts = [path.read_text() for path in (desk.folder / ".harness/job@acme/attempts").glob("*/prompt.md")]
    assert prompts and all("acme: Ann Bee" in text for text in prompts)

    assert desk.types("launch", "--as", "beta", "--set", "vars.who=Bea").code == 0
    assert "with --set vars.who=Bea, as launched" in desk.types("rehearse", "--as", "beta").err


def test_what_is_said_at_the_launch_holds_over_what_was_rehearsed(desk: "Desk") -> None:
    _clients(desk, acme={"a": "good"})
    assert desk.types("rehearse", "--as", "acme", "--set", "vars.who=Ann").code == 0
    launched = desk.types("launch", "--as", "acme", "--set", "vars.who=Zoe")
    assert (launched.code, "as rehearsed" in launched.err) == (0, False)
    [prompt] = (desk.folder / ".harness/job@acme/attempts").glob("*/prompt.md")
    assert "acme: Zoe" in prompt.read_text()


def test_a_manifest_of_instances_wants_one_named(desk: "Desk") -> None:
    _clients(desk, acme={"a": "good"})
    said = desk.types("check", "--only", "plan")
    assert (said.code, said.err.count("error: job.yaml")) == (2, 3)
    assert "items.file: {as} stands for the name of an instance, and this launch has none" in said.err
    assert "session.prompt: 'as' is the name of an instance" in said.err
    assert "$as is the name of an instance" in said.err
    for name in ("../acme", "job.rehearsal"):
        assert "expected a name such as acme or 2026-w49" in desk.types("check", "--only", "plan", "--as", name).err
    (desk.folder / "job@acme.yaml").write_text("")
    said = desk.types("check", "--only", "plan", "--as", "acme", "--set", "vars.as=x")
    assert "the state folder of 'acme' would be that of the manifest job@acme.yaml" in said.err
    assert "vars.as: is the name of the instance, which --as gives" in said.err


def test_an_instance_leaves_the_job_itself_alone(desk: "Desk") -> None:
    desk.job({"a": "good"})
    desk.has_typed("launch")
    kept = {path: path.read_bytes() for path in (desk.folder / "batch_progress.json", desk.folder / "output/job.json")}
    assert desk.types("rehearse", "--as", "acme").code == 0
    assert "the rehearsal" not in (again := desk.types("launch", "--as", "acme")).err and again.code == 0
    assert desk.types("launch", "--as", "acme", "--reset").code == 0
    assert {path: path.read_bytes() for path in kept} == kept
    assert (desk.folder / ".harness/job@acme.rehearsal/output/job@acme.json").exists()
    said = desk.types("status")
    assert said.out.splitlines()[-1] == "Instances: acme (`harness status --as acme`)"
    assert desk.types("launch").code == 0  # it still writes its progress beside the manifest
    assert not (desk.folder / ".harness/job/batch_progress.json").exists()
    assert "differs from 'ACME' in case only" in desk.types("check", "--only", "plan", "--as", "ACME").err
    assert "--as: acme" in desk.types("why", "a", "--rehearsal").err


def _load(folder: "Path", instance: str | None, **more: Any) -> Any:
    return load(folder / "job.yaml", instance=instance, **more)


def test_what_other_instances_make_is_no_item(desk: "Desk") -> None:
    desk.job({"a": "good"})
    desk.has_typed("launch", "--as", "acme")
    text = (desk.folder / "job.yaml").read_text()
    (desk.folder / "job.yaml").write_text(text.replace("{file: items.jsonl}", '{files: "**/*.json"}'))
    assert "holds no items" in desk.types("check", "--only", "plan", "--as", "beta").err
    assert _load(desk.folder, "beta").others == (desk.folder / "output/job@acme.json", desk.folder / "output/job.json")


def test_a_folder_is_trusted_for_all_its_instances(desk: "Desk") -> None:
    desk.job({"a": "good"})
    text = (desk.folder / "job.yaml").read_text()
    (desk.folder / "job.yaml").write_text(text.replace("{file: items.jsonl}", '{files: "clients/{as}/*.md"}'))
    one, other = (grants_of([_load(desk.folder, name)]) for name in ("acme", "beta"))
    assert one == other and "clients/{as}/*.md" in [grant.what for grant in one]


def test_every_command_about_a_job_takes_the_name_of_an_instance() -> None:
    """But ralph: its loop works on the one progress file beside the manifest."""
    told = {
        command.callback.__name__: inspect.signature(command.callback).parameters
        for command in app.registered_commands
        if command.callback is not None
    }
    about_a_job = {name for name, parameters in told.items() if {"manifest", "manifests", "words"} & set(parameters)}
    assert {name for name in about_a_job if "instance" not in told[name]} == {"ralph"}

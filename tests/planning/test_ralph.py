"""Laws of the Ralph loop's command."""

import json

import pytest

from harness.planning.ralph_loop import RalphLoop, pending_in, plugin_in, prompt_for
from tests.covers import covers


@covers("F64")
@pytest.mark.parametrize(("pending", "iterations"), [(0, 20), (3, 44), (24, 212), (60, 500), (147, 500)])
def test_a_loop_gets_eight_iterations_a_school_and_twenty_but_at_most_500(pending: int, iterations: int) -> None:
    command = RalphLoop(pending, "ralph-loop", "Do it").command
    expected = f'/ralph-loop:ralph-loop "Do it" --max-iterations {iterations} --completion-promise "BATCH_COMPLETE"'
    assert command == expected


def test_the_command_is_that_of_the_plugin_that_is_there() -> None:
    assert RalphLoop(1, "ralph-wiggum", "Do it").command.startswith('/ralph-wiggum:ralph-loop "Do it"')


@pytest.mark.parametrize("file", ["", "a b.md", "x;rm.md", "$(id).md", "it's.md", 'a".md', "a`b`.md", "a&b"])
def test_no_name_of_a_file_reaches_a_shell_as_more_than_a_name(file: str) -> None:
    with pytest.raises(ValueError, match="cannot be used in a"):
        prompt_for(file)


def test_the_school_that_was_under_way_counts_as_pending() -> None:
    assert pending_in({"pending": ["a", "b"], "current_school": "c"}) == 3
    assert pending_in({"pending": ["a", "b"], "current_school": "a"}) == 2
    assert pending_in({"pending": ["a"], "current_school": None}) == 1
    assert pending_in({"pending": {"a": 1}}) is None
    assert pending_in(["a"]) is None


def test_only_a_plugin_that_is_enabled_counts() -> None:
    listed = [{"id": "ralph-loop@x", "enabled": False}, {"id": "ralph-wiggum@y", "enabled": True}, "odd"]
    assert plugin_in(json.dumps(listed).encode()) == "ralph-wiggum"
    assert plugin_in(json.dumps(listed[:1]).encode()) is None
    assert plugin_in(b"not json") is None
    assert plugin_in(b"{}") is None

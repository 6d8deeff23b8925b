"""Every entry has words; a timeline reads on from where it was; watchers get one line per attempt."""

import io
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import pytest

from harness.base.clock import SystemClock, to_text
from harness.base.folder_watch import FolderWatch
from harness.base.ids import AttemptId
from harness.core import events as e
from harness.core import run_events as r
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told
from harness.core.types import Fault, SessionEvent
from harness.job.change import Change
from harness.ledger.lock import JobLock
from harness.ledger.store import Entry
from harness.views.live_display import LiveDisplay, showing, showing_another
from harness.views.ticker import Ticker
from harness.views.timeline import EventWords, Timeline, of_another_kind
from tests.covers import covers

if TYPE_CHECKING:
    from tests.views.conftest import Night


def _one_of_each(now: str) -> list[e.Event]:
    phase = e.PlannedPhase(1, "main", "school", 0, "own", False, 1)
    return [
        e.JobPlanned("West", "school", False, "0.1", {}, (phase,), 3),
        e.ItemAdded(1, "A", None, "A", "1", 1, {}, "sha"),
        e.PaceGiven(1, "A", 10, 3),
        e.ItemBlocked(1, "A", "B", "B", "1", 1, "failed in translate"),
        e.BatchPlanned(1, 1, 0, ("A",), 1),
        e.BatchSettled(1, 1),
        e.GroupQueued(1, 1, 1, 0, ("A",), 1, "retry"),
        e.GroupsChosen((1,)),
        e.AttemptStarted(1, "t", 1, 1, 1, 0, ("A",), "s", "claude", "sonnet", "sha", 5, "attempts/1"),
        e.ItemAccepted(1, 1, "A", "sha", 0, 5, 1),
        e.ItemStruck(1, 1, "A", ("no coach",)),
        e.ItemReturned(1, 1, "A", ("no coach",)),
        e.ItemFailed(1, 1, "A", "no coach"),
        e.ItemReopened(1, "A", "anna"),
        e.ItemEdited(1, "A", {"url": "b"}, "sha", None, "anna"),
        e.UsageSettled(1, 70_000, False, 1, 2, 3, 4, 5),
        r.HoldPlaced(1, "overloaded", now),
        r.HoldLifted("anna"),
        e.AttemptEnded(1, "no_strike", "overloaded", "provider", "529", 34.0, None, None, None),
        r.RunStarted(1, "box", "0.1", 3, None, "bubblewrap", "none"),
        r.RunEnded(0, "nothing is left to do"),
        r.Paused("anna"),
        r.Resumed("anna"),
        r.CancelAsked("anna", True),
        e.Merged(1, "output/x.json", "sha", 3, 7),
        r.PilotStarted((1, 17, 34)),
        r.PilotJudged(True, 3, 3, 1, 2, 3.0, 4.0, ()),
        r.FingerprintKept({}, changes=(Change("field_changed", "session.model", before="a", now="b"),)),
    ]


def test_every_kind_of_event_has_words_of_its_own(night: "Night") -> None:
    night.plan(["A"])
    words, now = EventWords(night.ledger.db), to_text(night.clock.now())
    samples = _one_of_each(now)
    assert {type(sample) for sample in samples} <= set(get_args(e.Event))
    texts = [words.of_event(sample) for sample in samples]
    assert len(set(texts)) == len(texts)
    for sample, text in zip(samples, texts, strict=True):
        assert text
        assert text != of_another_kind(sample)
        assert len(words.line(Entry(7, now, sample)).splitlines()) == 1


def test_an_attempt_of_which_nothing_was_accepted_is_not_told_as_well(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.attempt({"A": ["no coach"]})
    (line,) = [line for line in Timeline(night.state, everything=True, as_json=False).new_lines() if "1 ended" in line]
    assert "attempt 1 ended with some items not accepted after" in line


def test_a_session_of_a_lost_supervisor_has_no_duration(night: "Night") -> None:
    night.plan(["A"])
    ticker = Ticker(night.state)
    night.begin()
    night.attempt(
        fault=Fault(FaultKind.SUPERVISOR_LOST, "host", (told("the supervisor ended while this session ran"),))
    )
    log = list(Timeline(night.state, everything=True, as_json=False).new_lines())
    (ended,) = [line for line in log if "1 ended" in line]
    assert "attempt 1 ended without a strike: supervisor_lost (host): the supervisor ended" in ended
    assert ticker.new()[-1].text.endswith(
        "to retry, supervisor_lost: the supervisor ended while this session ran  $0.07"
    )


def test_a_cost_that_was_not_told_is_charged_only_where_something_was_reserved(night: "Night") -> None:
    night.plan(["A"])
    words = EventWords(night.ledger.db)
    charged = words.of_event(e.UsageSettled(1, 70_000, False, 1, 2, 3, 4, 5))
    assert charged == "attempt 1 cost $0.07 (not reported: charged at its reservation)"
    assert words.of_event(e.UsageSettled(1, 0, False, 1, 2, 3, 4, 5)) == "attempt 1 reported no cost"
    assert words.of_event(e.UsageSettled(1, 0, True, 1, 2, 3, 4, 5)) == "attempt 1 cost $0.00"


def test_a_charge_beyond_what_was_told_says_why(night: "Night") -> None:
    night.plan(["A"])
    said = EventWords(night.ledger.db).of_event(e.UsageSettled(1, 70_000, True, 1, 2, 3, 4, 5, 30_000, 70_000))
    assert said == "attempt 1 cost $0.07 ($0.03 reported; interrupted responses are billed too)"


def test_an_event_without_words_of_its_own_is_told_by_its_name() -> None:
    @dataclass
    class ItemAdmired:
        item: str

    assert of_another_kind(ItemAdmired("S0001")) == "item admired: S0001"


def test_a_timeline_reads_on_from_where_it_was(night: "Night") -> None:
    night.plan(["A", "B"])
    timeline = Timeline(night.state, everything=False, as_json=False)
    first = list(timeline.new_lines())
    assert any("job 'West 2026' planned: 2 schools" in line for line in first)
    assert not any(" added" in line for line in first)
    assert list(timeline.new_lines()) == []
    night.begin()
    night.attempt()
    assert any("A accepted: 1 record" in line for line in timeline.new_lines())


def test_as_json_every_entry_is_one_line_with_its_number(night: "Night") -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    found = [json.loads(line) for line in Timeline(night.state, everything=False, as_json=True).new_lines()]
    assert [entry["seq"] for entry in found] == list(range(1, len(found) + 1))
    assert {"JobPlanned", "ItemAdded", "ItemAccepted", "AttemptEnded"} <= {entry["event"] for entry in found}


def test_all_entries_are_told_when_all_are_wanted(night: "Night") -> None:
    night.plan(["A", "B"])
    lines = list(Timeline(night.state, everything=True, as_json=False).new_lines())
    assert sum(" added" in line for line in lines) == 2


@covers("F178")
def test_an_ended_attempt_is_one_line_with_what_came_of_it(night: "Night") -> None:
    night.plan([f"S{n:04d}" for n in range(1, 21)], size=20, noun="seed")
    ticker = Ticker(night.state)
    night.begin()
    night.attempt({"S0012": ["tiling: 'il' is missing"]})
    started, ended = ticker.new()
    assert started.starts
    assert started.text.endswith("Batch 1/1 (20 seeds)  started, attempt 1")
    assert "Batch 1/1 (20 seeds)  accepted 19, 1 to retry: S0012 tiling: 'il' is missing  34s $0.07" in ended.text
    assert ticker.new() == []


def test_a_fault_is_told_once(night: "Night") -> None:
    night.plan(["A", "B"])
    ticker = Ticker(night.state)
    night.begin()
    night.attempt(fault=Fault(FaultKind.REFUSED, "session", (told("the model refused"),)))
    night.attempt(fault=Fault(FaultKind.OVERLOADED, "provider", (told("status 529"),)))
    texts = [tick.text for tick in ticker.new()]
    assert sum(text.count("the model refused") for text in texts) == 1
    assert any("(B)  to retry, overloaded: status 529" in text for text in texts)
    assert sum("no session starts before then" in text for text in texts) == 1


def test_a_hold_that_several_sessions_meet_is_told_once(night: "Night") -> None:
    night.plan(["A"])
    ticker = Ticker(night.state)
    night.begin()
    until = "2026-11-20T23:00:00+00:00"

    def told(*events: e.Event) -> int:
        night.ledger.record(*events)
        return sum("hold (" in tick.text for tick in ticker.new())

    assert told(r.HoldPlaced(1, "usage_limit", until), r.HoldPlaced(2, "usage_limit", until)) == 1
    assert told(r.HoldPlaced(3, "usage_limit", until)) == 0
    assert told(r.HoldPlaced(3, "overloaded", until)) == 1
    assert told(r.HoldPlaced(3, "overloaded", "2026-11-20T23:01:00+00:00")) == 1
    assert told(r.HoldLifted("anna"), r.HoldPlaced(4, "overloaded", "2026-11-20T23:01:00+00:00")) == 1
    assert told(r.Resumed("anna"), r.HoldLifted("anna")) == 0
    assert told(r.HoldPlaced(5, "overloaded", "2026-11-20T23:01:00+00:00")) == 1


def test_a_pause_names_the_command_that_ends_it(night: "Night", rehearsed: "Night") -> None:
    for played, manifest in ((night, "job.yaml"), (rehearsed, "job.yaml --rehearsal")):
        played.plan(["A"])
        ticker = Ticker(played.state)
        played.begin()
        played.ledger.record(r.Paused("anna"))
        (paused,) = ticker.new()
        until = f"no new sessions until `harness resume {played.state.parent.parent}/{manifest}`"
        assert paused.text.endswith(f"paused by anna; {until}")
        played.begin()
        (still,) = ticker.new()
        assert still.text.endswith(f"still paused; {until}")
        played.ledger.record(r.Resumed("anna"))
        assert len(ticker.new()) == 1
        played.begin()
        assert ticker.new() == []


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(night: "Night") -> None:
    night.plan(["A"])
    stream = io.StringIO()
    with showing(night.state, stream=stream):
        night.begin()
        night.start()
    assert "Batch 1/1 (A)  started, attempt 1" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


class Woken(io.StringIO):
    """A stream that says when it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        number = super().write(text)
        self.written.set()
        return number


def test_a_commit_wakes_the_display_of_a_run_of_this_process(night: "Night", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FolderWatch, "__enter__", None)  # nothing else wakes it
    night.plan(["A"])
    stream = Woken()
    with showing(night.state, stream=stream) as shown:
        night.ledger.after_commit(shown.committed)
        night.begin()
        night.start()
        assert stream.written.wait(20), "a line, although the run goes on"


def test_a_display_of_another_process_needs_no_word_from_it(night: "Night") -> None:
    night.plan(["A"])
    stream = Woken()
    with showing_another(night.state, stream=stream):
        night.begin()
        night.start()
        assert stream.written.wait(20)


def test_a_live_display_begins_with_its_run_although_it_has_just_read(
    night: "Night", monkeypatch: pytest.MonkeyPatch
) -> None:
    night.plan(["A"])
    display = LiveDisplay(night.state, Terminal())
    begun: list[bool] = []
    monkeypatch.setattr(display, "_begin", lambda: begun.append(True))
    display.look()
    assert not begun
    night.begin()
    display.look()
    assert begun, "its next commit may be hours away"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_I16_on_a_terminal_no_markup_and_no_sequence_of_a_session_is_obeyed(night: "Night") -> None:
    night.plan(["[red]A[/x]\x1b]0;owned\x07"])
    stream = Terminal()
    display = LiveDisplay(night.state, stream)
    night.begin()
    night.start()
    with JobLock(night.state / "lock", SystemClock()):
        display.heard(SessionEvent(AttemptId(1), "tool", "Write [bold]\x1b]52;c;cm0=\x07"))
        display.look()
        night.ledger.record(r.Paused("an[link]na\x1b]8;;http://x\x07"))
        display.look()
        display.close()
    drawn = stream.getvalue()
    assert "[red]A[/x]" in drawn
    assert "an[link]na" in drawn
    assert "Write [bold]" in drawn
    assert "\x1b]" not in drawn

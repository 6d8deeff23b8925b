"""Watches selections, by a reading of its own: when they are made, how many are taken, and whether it is the best."""

from collections.abc import Mapping

from harness.core import events as e
from harness.job.job import Job

Key = tuple[int, str]


class SelectionWatch:
    """V22: a selection is made when all is there that can be made, takes the best, and never more than `top`."""

    def __init__(self, job: Job, states: Mapping[Key, str]) -> None:
        self._top = {phase.number: phase.select.top or 0 for phase in job.phases if phase.select}
        self._states = states
        self._made: dict[Key, tuple[int, str]] = {}
        """Item -> what sorts the best first: its score, the highest first, then its place."""
        self._taken: set[Key] = set()
        self._left_out: set[Key] = set()
        """By the selections so far."""

    def look(self, event: object) -> None:
        """Before the watcher itself does."""
        match event:
            case e.ItemAdded() if event.phase in self._top:
                self._made[event.phase, event.item] = (-event.data["score"], event.place)
            case e.SelectionMade():
                self._selected(event.phase)
            case e.BatchPlanned() if event.phase in self._top:
                extra = {(event.phase, item) for item in event.items} - self._taken
                assert not extra, f"V22: {sorted(extra)} were planned, and not selected"

    def _selected(self, phase: int) -> None:
        open_ = [key for key, state in self._states.items() if key[0] < phase and state in ("pending", "running")]
        assert not open_, f"V22: selected while {open_} could make more"
        mine = {key for key in self._made if key[0] == phase}
        chosen = {key for key in mine - self._taken if self._states[key] == "pending"}
        left_out = {key for key in mine if self._states[key] == "skipped"} - self._left_out
        slots = max(0, self._top[phase] - len([key for key in self._taken if key[0] == phase]))
        assert len(chosen) <= slots, f"V22: {len(chosen)} were selected for {slots} places"
        assert len(chosen) == slots or not left_out, "V22: some were left out, and places are free"
        worst = max((self._made[key] for key in chosen), default=None)
        better = [key for key in left_out if worst is not None and self._made[key] < worst]
        assert not better, f"V22: {better} are better than what was selected"
        self._taken |= chosen
        self._left_out |= left_out

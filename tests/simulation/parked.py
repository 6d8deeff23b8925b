"""Which items of the first phase a run leaves alone, because it looks at others only: a pilot's, or chosen ones."""

from harness.core import events as e


class ParkedWatch:
    """Follows groups by their entries, with no question to the ledger."""

    def __init__(self) -> None:
        self._group_of: dict[str, int] = {}
        self.items: set[str] = set()

    def look(self, event: object) -> None:
        match event:
            case e.BatchPlanned(phase=1) | e.GroupQueued(phase=1):
                self._group_of.update(dict.fromkeys(event.items, event.group))
            case e.GroupsChosen(groups):
                self.items = {item for item, group in self._group_of.items() if groups and group not in groups}

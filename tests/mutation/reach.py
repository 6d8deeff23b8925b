"""Which tests can notice a fault: those that run its line, and those of its room whose file names the module."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Reach:
    """What `traced` wrote."""

    tree: Path
    seconds: dict[str, float]
    """Test -> how long it takes; only tests that pass."""
    reached: dict[tuple[str, int], set[str]]
    """Module and line -> the tests that run it, in their own process."""

    @classmethod
    def of(cls, traces: Path, tree: Path) -> "Reach":
        reach = cls(tree, {}, {})
        for trace in map(json.loads, (path.read_text(encoding="utf-8") for path in traces.glob("*.json"))):
            reach.seconds.update(trace["seconds"])
            for module, lines in trace["reached"].items():
                for line, tests in lines.items():
                    reach.reached.setdefault((module, int(line)), set()).update(tests)
        return reach

    def tests(self, module: Path, lines: tuple[int, int], within_s: float) -> list[str]:
        """As many as take `within_s`: first those that run the line, of these the room's own, then the fastest."""
        here = f"tests/{module.parts[1]}/"
        found = set().union(*(self.reached.get((str(module), line), ()) for line in range(lines[0], lines[1] + 1)))
        named = {test for test in self.seconds if test.startswith(here) and module.stem in self._texts[_file(test)]}
        order = sorted(
            found | named, key=lambda test: (test not in found, not test.startswith(here), self.seconds[test])
        )
        chosen: list[str] = []
        for test in order:
            within_s -= self.seconds[test]
            if within_s < 0 and chosen:
                break
            chosen.append(test)
        return chosen

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {file: (self.tree / file).read_text(encoding="utf-8") for file in files(self.seconds)}


def files(tests: Iterable[str]) -> list[str]:
    """Where these tests stand."""
    return sorted({_file(test) for test in tests})


def _file(test: str) -> str:
    return test.split("::")[0]

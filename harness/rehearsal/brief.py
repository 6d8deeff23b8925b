"""What the rehearsal's server knows of a job beforehand: how strictly it is asked, and what its prompts name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.job.prompt_names import Named, named_in

if TYPE_CHECKING:  # the server knows no job
    from harness.job.job import Job


@dataclass(frozen=True, slots=True)
class PhaseBriefing:
    """One phase: what its template is called, where an item's id lies in its row, and what the template names."""

    prompt: str
    id: str | None
    """None for items that are files: their id is the path."""
    named: Named


@dataclass(frozen=True, slots=True)
class Briefing:
    """`phases` by name, those with Claude sessions. `records`: samples by phase name, where the manifest names any."""

    strict: bool = True
    phases: Mapping[str, PhaseBriefing] = field(default_factory=dict)
    records: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, job: "Job") -> Self:
        """What there is to know about `job`, as its manifest and its prompts are now."""
        phases = {
            phase.name: PhaseBriefing(
                "the prompt" if phase.session.prompt_name == "<prompt>" else phase.session.prompt_name,
                job.id_path(phase.number),
                named_in(phase.session.prompt),
            )
            for phase in job.phases
            if phase.session.asks_model
        }
        return cls(job.strict, phases, job.samples.by_phase if job.samples else {})

    def to_json(self) -> bytes:
        phases = {
            name: {
                "prompt": phase.prompt,
                "id": phase.id,
                "fields": sorted(phase.named.fields),
                "vars": sorted(phase.named.vars),
                "context": sorted(phase.named.context),
                "whole": sorted(phase.named.whole),
                "line": phase.named.line,
            }
            for name, phase in self.phases.items()
        }
        return json.dumps({"strict": self.strict, "phases": phases, "records": dict(self.records)}).encode()

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `to_json` wrote into a file."""
        read = json.loads(path.read_bytes())
        phases = {
            name: PhaseBriefing(
                phase["prompt"],
                phase["id"],
                Named(
                    frozenset(phase["fields"]),
                    frozenset(phase["vars"]),
                    frozenset(phase["context"]),
                    frozenset(phase["whole"]),
                    phase["line"],
                ),
            )
            for name, phase in read["phases"].items()
        }
        return cls(read["strict"], phases, read["records"])

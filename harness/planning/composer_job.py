"""The composer by model: a job of one item, whose record is a batch plan; it is asked once more with the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from harness.base.job_home import HARNESS
from harness.base.texts import read_text
from harness.core.types import Item, Json
from harness.job.job import ItemsSpec, Job, OutputSpec, PhaseSpec, SessionSpec
from harness.job.manifest import Items, Manifest, Session

NAME: Final = "batch-composer"
ID: Final = "plan"
VARIABLES: Final = ("strategy", "icp_config", "industry_context", "research_context")
REQUEST: Final = "request.json"
"""In the state folder: the one item."""
STRIKES: Final = 2
PROMPT_BUDGET: Final = Decimal(5)
"""For a prompt that is asked without a job."""
_MOST_PROMPT_BYTES: Final = 1024 * 1024


def request_of(job: Job, items: Sequence[Item]) -> list[dict[str, Json]]:
    """The one item: every lead with its id and its row, in the job's order."""
    return [{"id": ID, "leads": [{"id": str(item.id), **item.data} for item in items]}]


def variables_of(job: Job) -> dict[str, Json]:
    """The document's four variables out of the job's vars; a strategy that is not written is what the manifest says."""
    known = {**job.vars, "icp_config": job.vars.get("icp_config", job.vars.get("ipc_config"))}
    strategy = {"leads": "all", "batch_size": job.phases[0].batch_size, "concurrent_dossiers": job.parallel}
    if job.items.order:
        strategy["priority_order"] = job.items.order[0].removeprefix("-").removeprefix(".")
    defaults: Mapping[str, Any] = {"strategy": strategy}
    return {name: known[name] if known.get(name) is not None else defaults.get(name) for name in VARIABLES}


def template_of(folder: Path, name: str = NAME) -> tuple[str, str]:
    """The prompt of that name and what it is called: of the job's folder, else, for the composer, the one of ours."""
    own = folder / "prompts" / f"{name}.md"
    file = own if own.exists() or name != NAME else Path(__file__).with_name(f"{NAME}.md")
    return read_text(file, most_bytes=_MOST_PROMPT_BYTES), f"prompts/{name}.md"


def composer_job(job: Job, state: Path, request: Path, model: str) -> Job:
    """`state` is its state folder, `request` the file with its one item. Budget, bounds and sandbox are the job's."""
    prompt, name = template_of(job.folder)
    output = OutputSpec(
        "plan.json", "one", ".id", ".id", (), {"type": "object", "required": ["batch_plan"]}, state / "output/plan.json"
    )
    phase = replace(
        _only_phase(output, session_of(job, model, prompt, name)),
        plans=replace(job.items, order=()),
        planned_noun=job.noun,
    )
    return replace(
        job,
        name=f"{job.name}: batch plan",
        noun="plan",
        manifest=job.manifest.with_name(f"{job.manifest.stem}.plan.yaml"),
        state=state,
        vars=variables_of(job),
        items=ItemsSpec(request, None, ".[]", ".id", None, ()),
        phases=(phase,),
        strikes=STRIKES,
        parallel=1,
        readable=(),
        pilot=None,
        named=(),
        samples=None,
        plan=None,
        plan_file=None,
        cells=(),
        settings=(),
        others=(),
    )


def prompt_job(folder: Path, name: str, variables: Mapping[str, Json], model: str) -> Job:
    """A job without a manifest: the named prompt once, with these variables. Its record is whatever object the prompt
    asks for; that of the batch composer has a `batch_plan`."""
    state = folder / HARNESS / f"{name}.prompt"
    prompt, called = template_of(folder, name)
    bare = Manifest(items=Items(file=REQUEST))
    job = Job(
        name=name,
        noun="answer",
        manifest=folder / f"{name}.prompt.yaml",
        folder=folder,
        state=state,
        rehearsal=False,
        scene=None,
        vars=dict(variables),
        items=ItemsSpec(state / REQUEST, None, ".[]", ".id", None, ()),
        phases=(),
        strikes=STRIKES,
        parallel=1,
        budget=PROMPT_BUDGET,
        budget_per_session=PROMPT_BUDGET / 10,
        max_output=bare.max_output,
        grace=bare.grace,
        sandbox=bare.sandbox,
        auth=None,
        readable=(),
    )
    wanted = {"type": "object", "required": ["batch_plan"] if name == NAME else []}
    output = OutputSpec("answer.json", "one", ".id", ".id", (), wanted, state / "output/answer.json")
    return replace(job, phases=(_only_phase(output, session_of(job, model, prompt, called)),))


def _only_phase(output: OutputSpec, session: SessionSpec) -> PhaseSpec:
    return PhaseSpec(
        number=1,
        name=ID,
        noun="plan",
        from_=None,
        needs="own",
        rows=None,
        id=None,
        batch_size=1,
        session=session,
        output=output,
    )


def session_of(job: Job, model: str, prompt: str, name: str) -> SessionSpec:
    """A Claude session with the clocks and variables of the job's first one, and no tool but Write."""
    written, first = Session(), next((p.session for p in job.phases if p.session.asks_model), None)
    return SessionSpec(
        backend="claude",
        model=model,
        prompt=prompt,
        prompt_name=name,
        instructions="",
        tools=("Read", "Write"),
        command=(),
        timeout=first.timeout if first else written.timeout,
        first_event=first.first_event if first else written.first_event,
        silence=first.silence if first else written.silence,
        idle_after_output=first.idle_after_output if first else written.idle_after_output,
        max_turns=None,
        env=first.env if first else {},
    )

"""What a person should know before a launch, and what does not keep it from starting."""

from collections.abc import Iterator, Sequence

from harness.base.spelling import nearest
from harness.core.models import FALLS_BACK_TO, canonical
from harness.core.prices import known_names, price_of
from harness.core.types import Item
from harness.job.job import Job
from harness.job.old_words import old_words_of_scene
from harness.planning.earlier_outputs import unmatched_patterns
from harness.planning.later_phases import problems_ahead
from harness.planning.silent_prompts import silent_prompts


def warnings_of(job: Job, items: Sequence[Item]) -> list[str]:
    """Words of earlier versions, models without a price, patterns that match nothing, prompts that name nothing or
    cannot be tried."""
    old_words = (*job.old_words, *(old_words_of_scene(job.scene) if job.scene is not None else ()))
    models = (*_unknown_models(job), *_useless_fallbacks(job))
    untried = problems_ahead(job, items).untried
    return [*old_words, *models, *unmatched_patterns(job), *silent_prompts(job, items), *untried]


def _unknown_models(job: Job) -> Iterator[str]:
    names = {phase.session.model: phase for phase in reversed(job.phases) if phase.session.model}
    for model, phase in names.items():
        if price_of(model) is None:
            near = nearest(model, known_names())
            where = f" of phase {phase.name}" if len(job.phases) > 1 else ""
            yield (
                f"the model {model!r}{where} is not known to this program{near}; it has no price here, so one worst "
                "response is not reserved for it"
            )


def _useless_fallbacks(job: Job) -> Iterator[str]:
    """Fallbacks that the CLI never goes to."""
    for phase in job.phases:
        model = canonical(phase.session.model or "opus")
        known = FALLS_BACK_TO.get(model, ())
        for name in phase.session.fallback:
            if canonical(name) not in known and price_of(model) is not None:
                does = f"it goes to {' or '.join(known)} only" if known else "it has none"
                yield f"the fallback {name!r} is never used: when {model} refuses, {does}"

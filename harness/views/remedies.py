"""What a person does about a fault that stopped the job, by the kind of the fault."""

from collections.abc import Mapping
from typing import Final

from harness.base.commands import NextCommand
from harness.core.fault_kinds import FaultKind as Kind

_REMEDIES: Final[Mapping[str, str]] = {
    Kind.AUTH: "set a valid ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN (`harness doctor` says which one is used), "
    "then run the same command again",
    Kind.FORBIDDEN: "use a credential that may use this model (`harness doctor` says which one is used), "
    "then run the same command again",
    Kind.CREDIT: "buy credit or use another credential, then run the same command again",
    Kind.UNKNOWN_MODEL: "name a model that the credential may use in the manifest, then launch with --keep",
    Kind.WRONG_MODEL: "name the model that should answer in the manifest (model, fallback), then launch with --keep",
    Kind.CLI_MISSING: "`harness doctor` says what is missing",
    Kind.UNKNOWN_QUESTION: "the whole screen is in screen.txt of its attempt (`harness why ITEM` names the folder); "
    "where the plan allows it, `backend: claude` asks no questions",
    Kind.DISK: "fix that, then run the same command again; nothing accepted is lost, and no item got a strike",
    Kind.NO_INPUT_FOLDER: "put it back, then run the same command again",
    Kind.BROKEN_SCENE: "fix the scene, or write one (docs/rehearsal.md), then run the same command again",
    Kind.UNTOLD: "name it in the prompt, {{ item.company }} for one field or {{ item.data | tojson }} for all "
    "(`{plan}` shows what a session reads), then run the same command again; if a session needs no more than "
    "the id, write rehearsal: {strict: false} into the manifest",
    Kind.BROKEN_CHECK: "fix that; `{rejudge}` then accepts what is good already without paying again, "
    "and the same command continues the job",
}


def remedy(kind: str, *, rehearsal: bool = False, instance: str | None = None) -> str | None:
    """What to do about a fault that stops the job, its instance, or a rehearsal; None for all others."""
    to_do = _REMEDIES.get(kind)
    if to_do is None:
        return None
    rejudge = NextCommand("rejudge", instance=instance, rehearsal=rehearsal)
    shows = NextCommand("plan", ("--prompt",), instance=instance, rehearsal=rehearsal)
    return to_do.replace("{rejudge}", str(rejudge)).replace("{plan}", str(shows))

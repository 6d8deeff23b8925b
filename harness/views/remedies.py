"""What a person does about a fault that stopped the job, by the kind of the fault."""

from collections.abc import Mapping
from typing import Final

from harness.base.commands import NextCommand
from harness.core import faults

_REMEDIES: Final[Mapping[str, str]] = {
    faults.AUTH: "set a valid ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN (`harness doctor` says which one is used), "
    "then run the same command again",
    faults.FORBIDDEN: "use a credential that may use this model (`harness doctor` says which one is used), "
    "then run the same command again",
    faults.CREDIT: "buy credit or use another credential, then run the same command again",
    faults.UNKNOWN_MODEL: "name a model that the credential may use in the manifest, then launch with --keep",
    faults.WRONG_MODEL: "name the model that should answer in the manifest (model, fallback), then launch with --keep",
    faults.CLI_MISSING: "`harness doctor` says what is missing",
    faults.UNKNOWN_QUESTION: "the whole screen is in screen.txt of its attempt (`harness why ITEM` names the folder); "
    "where the plan allows it, `backend: claude` asks no questions",
    faults.DISK: "fix that, then run the same command again; nothing accepted is lost, and no item got a strike",
    faults.NO_INPUT_FOLDER: "put it back, then run the same command again",
    faults.BROKEN_SCENE: "fix the scene, or write one (docs/rehearsal.md), then run the same command again",
    faults.UNTOLD: "name it in the prompt, {{ item.company }} for one field or {{ item.data | tojson }} for all "
    "(`{plan}` shows what a session reads), then run the same command again; if a session needs no more than "
    "the id, write rehearsal: {strict: false} into the manifest",
    faults.BROKEN_CHECK: "fix that; `{rejudge}` then accepts what is good already without paying again, "
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

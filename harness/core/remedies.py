"""What a person does about a fault that stopped the job."""

from collections.abc import Mapping
from typing import Final

from harness.core import faults

_REMEDIES: Final[Mapping[str, str]] = {
    faults.AUTH: "set a valid ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN (`harness doctor` says which one is used), "
    "then the same command again",
    faults.FORBIDDEN: "use a credential that may use this model (`harness doctor` says which one is used), "
    "then the same command again",
    faults.CREDIT: "buy credit or use another credential, then the same command again",
    faults.UNKNOWN_MODEL: "write a model that the credential may use into the manifest, then type --keep too",
    faults.WRONG_MODEL: "write the model that is to answer into the manifest (model, fallback), then type --keep too",
    faults.CLI_MISSING: "`harness doctor` says what is missing",
    faults.UNKNOWN_QUESTION: "the whole screen is in screen.txt of its attempt (`harness why ITEM` names the folder); "
    "where a plan allows it, backend: claude asks nothing",
    faults.DISK: "mend that, then the same command again; nothing accepted is lost and nobody was struck",
    faults.NO_INPUT_FOLDER: "put it back, then the same command again",
    faults.BROKEN_SCENE: "mend the scene, or write one (docs/rehearsal.md), then the same command",
    faults.UNTOLD: "name it in the prompt, {{ item.company }} for one field or {{ item.data | tojson }} for all "
    "(`harness plan --prompt` shows what a session reads), then the same command; if a session needs no more than "
    "the id, write rehearsal: {strict: false} into the manifest",
    faults.BROKEN_CHECK: "mend that; `harness rejudge` then takes what is good already without paying again, "
    "and the same command goes on",
}


def remedy(kind: str, *, rehearsal: bool = False, instance: str | None = None) -> str | None:
    """What to do about a fault that stops the job, its instance, or a rehearsal; None for all others."""
    to_do = _REMEDIES.get(kind)
    if to_do is None or not (rehearsal or instance):
        return to_do
    which = f"{f' --as {instance}' if instance else ''}{' --rehearsal' if rehearsal else ''}"
    told = to_do.replace("`harness rejudge`", f"`harness rejudge{which}`")
    return told.replace("`harness plan --prompt`", f"`harness plan --prompt{which}`") if instance else told

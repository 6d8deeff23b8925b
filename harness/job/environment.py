"""What `session.env` may pass on to sessions: a closed list of names, each with the kind of its value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from harness.base.spelling import nearest
from harness.base.userinfo import userinfo

if TYPE_CHECKING:  # what reads the environment of a session reads no manifest
    from harness.job.checker import ManifestChecker
    from harness.job.yaml_text import ValuePath

Kind = Literal["word", "address", "file", "secret"]
"""word: anything; address: a URL or host list, literal unless it carries a password; file: shown to the session
read-only; secret: only ever taken from the environment, and redacted from whatever is recorded."""

ALLOWED: Mapping[str, Kind] = {
    "CLAUDE_CODE_USE_BEDROCK": "word",
    "ANTHROPIC_BEDROCK_BASE_URL": "address",
    "AWS_REGION": "word",
    "AWS_PROFILE": "word",
    "AWS_CONFIG_FILE": "file",
    "AWS_SHARED_CREDENTIALS_FILE": "file",
    "AWS_ACCESS_KEY_ID": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "secret",
    "AWS_BEARER_TOKEN_BEDROCK": "secret",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH": "word",
    "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION": "word",
    "CLAUDE_CODE_USE_VERTEX": "word",
    "ANTHROPIC_VERTEX_BASE_URL": "address",
    "ANTHROPIC_VERTEX_PROJECT_ID": "word",
    "CLOUD_ML_REGION": "word",
    "GOOGLE_APPLICATION_CREDENTIALS": "file",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH": "word",
    "CLAUDE_CODE_USE_FOUNDRY": "word",
    "ANTHROPIC_FOUNDRY_RESOURCE": "word",
    "ANTHROPIC_FOUNDRY_BASE_URL": "address",
    "ANTHROPIC_FOUNDRY_API_KEY": "secret",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "word",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "word",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "word",
    "ANTHROPIC_CUSTOM_HEADERS": "secret",
    "HTTPS_PROXY": "address",
    "HTTP_PROXY": "address",
    "NO_PROXY": "word",
    "NODE_EXTRA_CA_CERTS": "file",
    "CLAUDE_CODE_CLIENT_CERT": "file",
    "CLAUDE_CODE_CLIENT_KEY": "file",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE": "secret",
}
CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
"""With one of these a session asks a cloud, which has credentials of its own."""

_OFF = ("", "0", "false", "no", "off")


def uses_cloud(env: Mapping[str, str]) -> bool:
    """Whether sessions with this `env` need no credential of Anthropic's. A `$NAME` counts as set."""
    return any(env.get(name, "").lower() not in _OFF for name in CLOUDS)


def resolve_env(checker: "ManifestChecker", place: "ValuePath", written: Mapping[str, Any]) -> dict[str, str]:
    """Name -> a literal value, the absolute path of a file, or `$NAME`: that variable, as it is when a run starts."""
    found: dict[str, str] = {}
    for name, value in written.items():
        path = (*place, name)
        kind = ALLOWED.get(name)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if kind is None:
            hint = f"known are {', '.join(ALLOWED)}"
            checker.complain(path, f"is not passed on to sessions{nearest(name, ALLOWED)}", hint, of_key=True)
        elif text.startswith("$"):
            if not text[1:].isidentifier():
                checker.complain(path, f"expected $NAME, a variable of the environment, got {text!r}")
            found[name] = text
        elif kind == "secret" or (kind == "address" and userinfo(text)):
            checker.complain(
                path, "a secret does not belong in a manifest", f"write ${name} and set it when you launch"
            )
        elif kind == "file":
            file = checker.file(path, text)
            found[name] = str(file or text)
        else:
            found[name] = text
    if "AWS_PROFILE" in found and not {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} & set(found):
        hint = "write AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE or both; better: AWS_BEARER_TOKEN_BEDROCK"
        checker.complain((*place, "AWS_PROFILE"), "a session does not see ~/.aws, so no profile can be found", hint)
    return found

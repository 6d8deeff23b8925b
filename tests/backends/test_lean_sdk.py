"""A process of the command line loads the SDK without MCP, and with it where that does not do."""

import subprocess
import sys

_LOAD = """
import sys
from harness.backends.lean_sdk import load_sdk, without_mcp
without_mcp()
{before}
load_sdk()
import claude_agent_sdk, mcp
claude_agent_sdk.ClaudeSDKClient(claude_agent_sdk.ClaudeAgentOptions())
print(getattr(mcp, "__file__", None), any(name.startswith("mcp_types") for name in sys.modules))
"""
_WANTS_MORE = """
class LaterSdk:
    def find_spec(self, fullname, path, target=None):
        if fullname == "claude_agent_sdk" and getattr(__import__("mcp"), "__file__", None) is None:
            raise TypeError("a later SDK asks for more")
sys.meta_path.insert(0, LaterSdk())
"""


def _loaded(before: str = "") -> list[str]:
    probe = [sys.executable, "-c", _LOAD.format(before=before)]
    return subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()


def test_the_sdk_is_loaded_without_mcp() -> None:
    assert _loaded() == ["None", "False"]


def test_an_sdk_that_needs_mcp_is_loaded_whole() -> None:
    file, has_types = _loaded(_WANTS_MORE)
    assert file.endswith("mcp/__init__.py") and has_types == "True"


def test_mcp_that_is_there_already_stays() -> None:
    program = _LOAD.format(before="").replace("import sys\n", "import sys, mcp\n", 1)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split()[0].endswith("mcp/__init__.py")

"""What holds for all tests: where they run, and that those a machine cannot run are counted aloud."""

import gc
import os
import platform
import signal
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import hypothesis
import pytest

from harness.backends.lean_sdk import without_mcp
from tests.messages.keys import print_keys

_OF_SESSIONS = Path(__file__).parent / "end_to_end"
_LONG = (
    *("test_kills", "test_course_completes", "test_plugin", "test_terminal", "test_costs", "test_provider_faults"),
    *("test_escape_by_tools", "test_the_web", "test_stopping", "test_poisoned_items", "test_orphans", "test_again"),
    *("test_review", "test_ralph", "test_what_a_rehearsal_says"),
)
"""Files of sessions whose tests take longest, in this order: they begin, so that none is left when all others end."""

without_mcp()  # as the command line does: each worker would load it, and no test needs it

hypothesis.settings.register_profile(
    "ours", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # how fast a machine is says nothing about a law
hypothesis.settings.load_profile("ours")


@pytest.fixture(autouse=True, scope="session")
def _a_home_without_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test can come across a login, a key or the state folder of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HARNESS_TRUST", "1")  # what is played here was written here; tests of trust unset it
        for name in list(os.environ):
            if name.startswith(("ANTHROPIC_", "CLAUDE_", "AWS_", "XDG_")):
                patch.delenv(name)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--print-keys`: see tests/messages/keys.py."""
    parser.addoption("--print-keys", action="store_true", help="print the kind of each message in place of its words")


@pytest.fixture(autouse=True, scope="session")
def _keys(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--print-keys"):
            print_keys(patch)
        yield


def pytest_configure(config: pytest.Config) -> None:
    """A shell starts what runs in its background with SIGINT ignored, and every child would inherit that."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the collector looks at none of it, and less often at what tests make."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On Linux every test runs or fails; elsewhere those that need Linux are deselected, and the number is said.

    Tests that mostly wait for real sessions are marked `session`, and begin.
    """
    for item in items:
        if item.path.is_relative_to(_OF_SESSIONS):
            item.add_marker("session")
    items[:] = _longest_first(items)
    if platform.system() == "Linux":
        return
    needs_linux = [item for item in items if item.get_closest_marker("linux") or item.get_closest_marker("root")]
    if needs_linux:
        config.hook.pytest_deselected(items=needs_linux)
        items[:] = [item for item in items if item not in needs_linux]
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"{len(needs_linux)} tests need Linux and were deselected")


def _longest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those with sessions begin, which mostly wait: a long one and a short one in turn, for a worker is handed two at a
    time. All others follow, and no core is idle to the end."""
    sessions = [item for item in items if item.get_closest_marker("session")]
    long = sorted((item for item in sessions if item.path.stem in _LONG), key=lambda item: _LONG.index(item.path.stem))
    short = [item for item in sessions if item.path.stem not in _LONG]
    in_turn = [item for pair in zip_longest(long, short) for item in pair if item is not None]
    return [*in_turn, *(item for item in items if not item.get_closest_marker("session"))]

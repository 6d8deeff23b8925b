"""Our transport is a transport of the SDK's."""

import inspect

from claude_agent_sdk import Transport

from harness.backends.transport import RecordedTransport


def test_it_has_every_method_the_sdk_calls_with_the_same_parameters() -> None:
    for name in Transport.__abstractmethods__:
        ours, theirs = getattr(RecordedTransport, name), getattr(Transport, name)
        assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys(), name

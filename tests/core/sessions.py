"""A session as it is asked for, for laws that change a field of it."""

from datetime import timedelta

from harness.job.job import SessionSpec

SESSION = SessionSpec(
    backend="claude",
    model="sonnet",
    prompt="do it",
    prompt_name="<prompt>",
    instructions="",
    tools=("Read", "Write"),
    command=(),
    timeout=timedelta(minutes=2),
    first_event=timedelta(seconds=60),
    silence=timedelta(seconds=60),
    idle_after_output=timedelta(seconds=30),
    max_turns=None,
)

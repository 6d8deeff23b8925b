"""The tools of a Claude session, and which of them permission rules can hold."""

BUILT_IN_TOOLS = frozenset(
    {"Agent", "AskUserQuestion", "Bash", "CronCreate", "CronDelete", "CronList", "DeferredToolPlaceholder", "Edit"}
    | {"EnterWorktree", "ExitWorktree", "Glob", "Grep", "ListAgents", "Monitor", "NotebookEdit", "Read"}
    | {"ReportFindings", "ScheduleWakeup", "SendMessage", "Skill", "TaskStop", "ToolSearch", "WebFetch", "WebSearch"}
    | {"Workflow", "Write"}
)
"""Claude Code 2.1.329: sent by default, deferred, by name only, and interactive."""

WRITERS = frozenset({"Write", "Bash"})
"""Without one of them a session cannot leave an output file."""

READING = frozenset({"Read", "Grep", "Glob"})
EDITING = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
HELD_BY_RULES = (*("Read", "Write", "Edit", "NotebookEdit", "Grep", "Glob"), *("WebFetch", "WebSearch"))
"""What a session may use without a kernel sandbox: rules with paths hold the first six, and the last two touch no file.
A list of what is allowed: a tool of a later CLI is refused until somebody has looked at it."""

_SPENDS = "spends what no budget bounds at a terminal: its requests are not in the session's transcript"
NOT_AT_TERMINAL = {
    "Agent": _SPENDS,
    "Workflow": _SPENDS,
    "AskUserQuestion": "asks whoever sits at the terminal, and nobody does",
}
"""Tools that a session of `backend: terminal` does not get, and why."""

RUNNING = frozenset({"Bash", "Monitor", "PowerShell", "REPL", "Workflow"})
RULES_REMEDY = f"tools that permission rules can hold: {', '.join(HELD_BY_RULES)}"


def why_not_by_rules(tool: str) -> str:
    """Why a session may not use it without a kernel sandbox; empty when it may."""
    if tool in HELD_BY_RULES:
        return ""
    does = "runs programs" if tool in RUNNING else "reaches beyond a session's own folder"
    return f"tool {tool} {does} and needs a kernel sandbox"

"""The rules of the house, read off the source: who may import whom, how large things may be, what loads lazily."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "harness"

_BELOW = {"base", "evaluation", "job", "core"}
_BESIDE = {"samples", "ledger", "sources", "prompts", "backends", "outputs", "workspaces"}
"""None of these imports another of them."""
MAY_IMPORT: dict[str, set[str]] = {
    "base": set(),
    "evaluation": {"base"},
    "job": {"base", "evaluation"},
    "core": {"base", "evaluation", "job"},
    **{room: set(_BELOW) for room in _BESIDE},
    "planning": _BELOW | _BESIDE,
    "executors": _BELOW | {"backends", "outputs", "workspaces"},
    "supervisor": _BELOW | _BESIDE | {"planning", "executors", "views"},
    "review": _BELOW | _BESIDE | {"planning", "executors", "supervisor", "views"},
    "views": _BELOW | {"ledger"},
    "rehearsal": _BELOW | {"samples"},
    "doctor": _BELOW | _BESIDE | {"planning", "executors", "supervisor", "views"},
    "api": _BELOW | _BESIDE | {"planning", "executors", "supervisor", "review", "views", "rehearsal"},
    "cli": _BELOW | _BESIDE | {"planning", "executors", "supervisor", "review", "views", "rehearsal", "doctor", "api"},
}
"""Room -> the rooms it may import."""

HEAVY: dict[str, set[str]] = {
    "claude_agent_sdk": {"backends"},
    "anthropic": set(),
    "pexpect": {"backends"},
    "pyte": {"backends"},
    "jq": {"evaluation"},
    "jinja2": {"job", "prompts"},
    "jsonschema": {"evaluation", "samples"},
    "referencing": {"evaluation", "samples"},
    "openpyxl": {"base"},
    "xlsxwriter": {"views", "scripts"},
    "starlette": {"rehearsal"},
    "uvicorn": {"rehearsal"},
    "watchfiles": {"ledger", "outputs", "cli", "views"},
    "psutil": {"base", "executors", "cli", "doctor"},
    "yaml": {"job"},
    "rich": {"views", "cli"},
}
"""Library -> rooms that may import it. At module level only where a process of its own is started for it."""

LOADED_AT_ONCE = {
    ("rehearsal", "starlette"),
    ("rehearsal", "uvicorn"),
    ("evaluation", "jq"),
    ("evaluation", "jsonschema"),
    ("evaluation", "referencing"),
}
MAY_CATCH_EVERYTHING = {
    "harness/supervisor/running_sessions.py": "the edge of an attempt",
    "harness/evaluation/bounded_child.py": "the bounded child runs the user's code",
    "harness/backends/claude.py": "the edge of a session: the SDK may raise anything",
    "harness/backends/lean_sdk.py": "whatever an SDK without MCP runs into, it is then loaded whole",
    "harness/rehearsal/stage.py": "the scene is the user's code",
    "harness/rehearsal/pages.py": "the functions of a scene's web are, too",
    "harness/rehearsal/endpoints.py": "the edge of a request: its body may be anything",
}
LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 60, 7


@dataclass(frozen=True)
class Source:
    path: Path
    room: str
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def _sources() -> list[Source]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        text = path.read_text(encoding="utf-8")
        found.append(Source(path, room, ast.parse(text), text.count("\n")))
    return found


SOURCES = _sources()


def imports_of(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "harness":
                yield from ((node, f"harness.{alias.name}") for alias in node.names)
            else:
                yield node, node.module


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_rooms_import_only_in_their_direction() -> None:
    wrong = []
    for source in SOURCES:
        for node, module in imports_of(source.tree):
            parts = module.split(".")
            if parts[0] != "harness" or len(parts) < 2 or parts[1] not in MAY_IMPORT or source.room not in MAY_IMPORT:
                continue
            if parts[1] != source.room and parts[1] not in MAY_IMPORT[source.room]:
                wrong.append(f"{source.name}:{node.lineno} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_our_modules_are_never_imported_inside_a_function_except_by_the_command_line() -> None:
    wrong = [
        f"{source.name}:{node.lineno} imports {module} inside {function.name}"
        for source in SOURCES
        if source.room != "cli"
        for function in _functions(source.tree)
        for node, module in imports_of(function)
        if module.split(".")[0] == "harness"
    ]
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_are_imported_only_where_they_belong() -> None:
    wrong = []
    for source in SOURCES:
        at_once = {id(node) for node in source.tree.body}
        for node, module in imports_of(source.tree):
            library = module.split(".")[0]
            if library not in HEAVY:
                continue
            if source.room not in HEAVY[library]:
                wrong.append(f"{source.name}:{node.lineno} may not import {library}")
            elif id(node) in at_once and library not in ("yaml",) and (source.room, library) not in LOADED_AT_ONCE:
                wrong.append(f"{source.name}:{node.lineno} imports {library} at once, not where it is used")
    assert not wrong, "\n".join(wrong)


def test_files_and_functions_stay_small() -> None:
    wrong = [f"{source.name} has {source.lines} lines" for source in SOURCES if source.lines > LONGEST_FILE]
    for source in SOURCES:
        for function in _functions(source.tree):
            here = f"{source.name}:{function.lineno} {function.name}"
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > LONGEST_FUNCTION:
                wrong.append(f"{here} has {length} lines")
            is_command = source.room == "cli"  # typer: one parameter per option
            if (count := _parameters(function)) > MOST_PARAMETERS and not is_command:
                wrong.append(f"{here} takes {count}")
    assert not wrong, "\n".join(wrong)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    return count - bool(arguments.args and arguments.args[0].arg in ("self", "cls"))


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        source.name
        for source in SOURCES
        if source.path.name != "__init__.py" and not (ast.get_docstring(source.tree) or "").strip()
    ]
    assert not silent


def test_everything_is_caught_only_where_it_is_listed() -> None:
    broad = {
        source.name
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    }
    assert broad <= set(MAY_CATCH_EVERYTHING), sorted(broad - set(MAY_CATCH_EVERYTHING))


def test_no_decision_is_made_by_the_name_of_a_backend() -> None:
    """Its facts are in job/backend_kinds.py, and how its sessions are made in backends/registry.py."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(side, ast.Attribute) and side.attr == "backend" for side in (node.left, *node.comparators))
    ]
    assert not wrong, f"compared with a backend: {', '.join(wrong)}"


BUILDS_EXECUTORS = {
    "harness/supervisor/run.py": "the composition root of a run",
    "harness/review/held_job.py": "that of a review: checks without a run",
}


def test_only_the_composition_roots_know_an_executor() -> None:
    """All others of the two rooms see `core.seam`, behind which a cluster may lie."""
    wrong = [
        f"{source.name}:{node.lineno} imports {module}"
        for source in SOURCES
        if source.room in ("supervisor", "review") and source.name not in BUILDS_EXECUTORS
        for node, module in imports_of(source.tree)
        if module.startswith("harness.executors")
    ]
    assert not wrong, "\n".join(wrong)

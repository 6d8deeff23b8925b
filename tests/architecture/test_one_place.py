"""What has one place in the house: SQL, the state folder's paths, the start of a process; names that stand once."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from tests.architecture.test_architecture import SOURCES, Source, imports_of

SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT INTO|INSERT OR|DELETE FROM|UPDATE \w+ SET|PRAGMA \w+)\b", re.DOTALL)
PATHS_OF_THE_STATE_FOLDER = {
    ".harness",
    "artifacts",
    "attempts",
    "ballast",
    "control",
    "launch.log",
    "ledger.db",
    "ledger.seal",
    "lock",
    "waiting.json",
    "written_back.json",
}
"""Names that only base/job_home.py may spell, where a path is formed; those with a dot nowhere else at all."""
OTHER_PATHS = {
    (
        "harness/ledger/merge_targets.py",
        "lock",
    ): "the folder in which all jobs claim their targets has a lock of its own",
}
MAY_START_PROCESSES = {
    "harness/base/child.py": "the one place",
    "harness/executors/starter.py": "a session, on the loop: its transport is kept, so that a held pipe can be let go",
    "harness/rehearsal/process.py": "the mock API, on the loop",
    "harness/cli/named_prompt.py": "itself, on the loop, with our terminal",
    "harness/cli/ralph.py": "becomes another program and does not return",
    "harness/executors/probe_program.py": "runs inside the sandbox and imports nothing of ours",
    "harness/evaluation/bounded_child.py": "forks a checker of itself and imports nothing of ours",
}
_STARTS = re.compile(
    r"(Popen|subprocess\.(run|call|check_\w+)|create_subprocess_\w+|subprocess_exec|os\.(fork|exec\w+|posix_spawn\w*))"
)
MAY_SHARE_A_NAME = {
    "__init__": "every room has one",
    "messages": "core has the kinds and facts, views their words",
    "status": "cli has the command, views what it shows",
    "report": "cli has the command, views what it writes",
    "work": "core has what is asked for, planning puts it together",
}
"""Module names that stand twice, each with the reason."""
CLASSES_MAY_SHARE_A_NAME = {
    "Session": "backends have one that runs, a manifest describes one; the name is part of the manifest's JSON Schema",
}
"""Class names that stand twice, each with the reason."""
MOST_LINES_OF_A_CLASS, MOST_ATTRIBUTES = 170, 12


def _texts(source: Source) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is no docstring; of a formatted one its fixed parts."""
    described = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.lineno, node.value


def test_sql_stands_in_the_ledger_alone() -> None:
    wrong = []
    for source in SOURCES:
        if source.room == "ledger":
            continue
        wrong += [f"{source.name}:{line} {text[:60]!r}" for line, text in _texts(source) if SQL.search(text)]
        wrong += [
            f"{source.name}:{node.lineno} .{node.func.attr}("
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("execute", "executemany", "executescript")
        ]
    assert not wrong, "\n".join(wrong)


def test_the_paths_of_the_state_folder_are_spelled_once() -> None:
    wrong = []
    for source in SOURCES:
        if source.name == "harness/base/job_home.py":
            continue
        found = [(line, text) for line, text in _texts(source) if _names_with_a_dot(text)]
        found += [
            (node.lineno, str(node.right.value))
            for node in ast.walk(source.tree)
            if isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and isinstance(node.right, ast.Constant)
            and str(node.right.value).split("/")[0] in PATHS_OF_THE_STATE_FOLDER
        ]
        wrong += [f"{source.name}:{line} {text!r}" for line, text in found if (source.name, text) not in OTHER_PATHS]
    assert not wrong, "\n".join(wrong)


def _names_with_a_dot(text: str) -> bool:
    """A path, or a pattern of one; a sentence may name such a file."""
    parts = text.split("/")
    return " " not in text and any("." in part and part in PATHS_OF_THE_STATE_FOLDER for part in parts)


def test_processes_are_started_in_one_place() -> None:
    """`ulimit`, too: the shells that limit a child are written there."""
    starting = {
        source.name
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and re.search(rf"\b{_STARTS.pattern}$", ast.unparse(node.func))
    }
    starting |= {source.name for source in SOURCES for _, text in _texts(source) if re.match(r"(\{ )?ulimit -", text)}
    assert starting == set(MAY_START_PROCESSES), sorted(starting ^ set(MAY_START_PROCESSES))


def test_no_module_name_stands_twice_but_where_it_means_the_same() -> None:
    names = Counter(source.path.stem for source in SOURCES)
    twice = {name for name, times in names.items() if times > 1}
    assert twice == set(MAY_SHARE_A_NAME), sorted(twice ^ set(MAY_SHARE_A_NAME))


@cache
def _modules() -> dict[str, Source]:
    return {source.name.removesuffix(".py").replace("/", "."): source for source in SOURCES}


def test_no_class_name_stands_twice() -> None:
    nodes = [node for source in SOURCES for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    twice = {name for name, count in Counter(node.name for node in nodes).items() if count > 1}
    assert twice == set(CLASSES_MAY_SHARE_A_NAME), sorted(twice ^ set(CLASSES_MAY_SHARE_A_NAME))


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph = {
        name: {module for _, module in imports_of(source.tree) if module in _modules() and module != name}
        for name, source in _modules().items()
    }
    while free := {name for name, wanted in graph.items() if not wanted}:
        graph = {name: wanted - free for name, wanted in graph.items() if name not in free}
    assert not graph, "\n".join(f"{name} -> {', '.join(sorted(wanted))}" for name, wanted in sorted(graph.items()))


def test_classes_stay_small() -> None:
    """170 lines and 12 attributes. What counts is what an instance can change: the fields of a frozen dataclass or of a
    pydantic model are data, and are not counted."""
    large = {}
    for source in SOURCES:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                attributes = _attributes(node)
                if lines > MOST_LINES_OF_A_CLASS or len(attributes) > MOST_ATTRIBUTES:
                    large[f"{source.name}:{node.name}"] = f"{lines} lines, {len(attributes)} attributes"
    assert not large, "\n".join(f"{name}: {size}" for name, size in large.items())


def _attributes(of: ast.ClassDef) -> set[str]:
    """What methods assign to `self`, and the fields of a dataclass that is not frozen."""
    assigned = {
        target.attr
        for node in ast.walk(of)
        for target in _targets(node)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    changing = any(
        ast.unparse(each).startswith("dataclass") and "frozen=True" not in ast.unparse(each)
        for each in of.decorator_list
    )
    fields = {
        node.target.id for node in of.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return assigned | (fields if changing else set())


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield target

"""The packages that `make setup` installs: exact, by hash, from no named index, within the ranges of pyproject.toml."""

import ast
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.test_architecture import SOURCES

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINS = [Requirement(line.removesuffix("\\").strip()) for line in LOCK.splitlines() if re.match(r"[\w.-]+==", line)]

_OTHER_MODULES = {"pyyaml": "yaml"}
"""Packages whose module has another name."""


def test_every_package_is_pinned_with_hashes_and_no_address() -> None:
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PINS) > 60
    assert [block for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)] == []
    assert not re.search(r"://|^--?\w", LOCK, re.MULTILINE)


def test_every_dependency_is_pinned_within_its_range_on_every_platform() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    build = [
        line
        for line in (ROOT / "tools/lock.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"], *build]
    for requirement in map(Requirement, wanted):
        pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
        allowed = [pin for pin in pins if requirement.specifier.contains(next(iter(pin.specifier)).version)]
        assert allowed and (requirement.marker or allowed == pins), f"{requirement}: {list(map(str, pins))}"


def test_every_dependency_is_imported_by_the_program() -> None:
    imported = {
        module.partition(".")[0]
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(each).name for each in project["dependencies"]}
    unused = {name for name in names if _OTHER_MODULES.get(name, name.replace("-", "_")) not in imported}
    assert not unused, f"never imported by harness/: {sorted(unused)}"

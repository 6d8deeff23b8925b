"""Finds the project that these scripts belong to, and a Python that has the `harness` package."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "job.yaml"
OWN_PYTHON = ROOT / ".venv" / "bin" / "python"
START = "start or resume it with ./scripts/launch_batch.sh"


def use_own_python() -> None:
    """Start the script again with the project's own Python when this one lacks the package; exit 2 if both do."""
    if all(importlib.util.find_spec(name) for name in ("harness", "pydantic", "typer")):
        return
    if OWN_PYTHON.exists() and Path(sys.prefix) != OWN_PYTHON.parent.parent:
        os.execv(OWN_PYTHON, [str(OWN_PYTHON), *sys.argv])  # noqa: S606  (no shell is the point)
    print("the package `harness` is not installed here\n  hint: `make demo` installs it into .venv", file=sys.stderr)
    sys.exit(2)


def exit_code_of(main: Callable[[], None]) -> int:
    """Run `main`; what the package refuses is told in its words, with its exit code."""
    from harness.base.errors import HarnessError
    from harness.cli.main import tell

    try:
        main()
    except HarnessError as error:
        return tell(error)
    except (EOFError, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
        return 130
    return 0

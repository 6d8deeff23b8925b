"""A copy of the tree in which faults may be planted."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copied_tree(tree: Path) -> Path:
    """The files that git knows, with an environment of their own in which the package is this copy."""
    if tree.exists():
        return tree
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    shutil.copytree(ROOT / ".venv", tree / ".venv", symlinks=True, copy_function=_link)
    for path in tree.glob(".venv/lib/*/site-packages/*.pth"):
        text = path.read_text(encoding="utf-8")
        path.unlink()  # the file is the other environment's too
        path.write_text(text.replace(str(ROOT), str(tree)), encoding="utf-8")
    return tree


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
    return target

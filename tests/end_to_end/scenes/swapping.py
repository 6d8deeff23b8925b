"""While the first item is worked on, the file of the second is replaced by a link to `vars.canary`."""

from pathlib import Path

from harness.rehearsal.scene import Ask, Records, Reply, Tool, Turn


def scene(ask: Ask) -> Reply:
    (id_,) = ask.ids
    if ask.turn == 0:
        if id_.endswith("a.txt"):
            swapped = Path(ask.vars["folder"], "in", "b.txt")
            swapped.unlink()
            swapped.symlink_to(ask.vars["canary"])
        return Turn([Tool("Read", {"file_path": f"{ask.cwd}/input/{Path(id_).name}"})])
    return Records([{"id": id_, "text": "\n".join(ask.tool_results)}])

"""What a check or a scene would try that was turned by the data it looks at; it says what came of each try."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def tries(place: dict[str, Any]) -> dict[str, str]:
    """`place`: folder, home, port, door. Name of the try -> `refused`, or what it got."""
    folder, home = place["folder"], place["home"]
    told = {
        "read the key at home": _read(f"{home}/.ssh/id_ed25519"),
        "read the ledger": _read(f"{folder}/.harness/job/ledger.db"),
        "read .env": _read(f"{folder}/.env"),
        "read the repository": _read(f"{folder}/.git/config"),
        "read the passwords": _read("/etc/shadow"),
        "write beside itself": _write(f"{folder}/checks.py"),
        "write a new file": _write(f"{folder}/new"),
        "write the ledger": _write(f"{folder}/.harness/job/ledger.db"),
        "write at home": _write(f"{home}/new"),
        "connect to this machine": _connect(socket.AF_INET, ("127.0.0.1", place["port"])),
        "connect to an abstract socket": _connect(socket.AF_UNIX, "\0" + place["door"]),
        "see a process": _try(lambda: Path(f"/proc/{place['pid']}").exists() and place["mark"] in _all_cmdlines()),
        "hold a process": _try(lambda: place["mark"] in _all_cmdlines() and os.pidfd_open(place["pid"]) > 0),
    }
    return {name: told[name] for name in sorted(told)}


def ordinary(place: dict[str, Any]) -> dict[str, str]:
    """What any of them may do."""
    return {
        "read beside itself": _read(f"{place['folder']}/data.txt"),
        "write to its own tmp": _write("/tmp/own"),
    }


def _try(what: Callable[[], Any]) -> str:
    try:
        got = what()
    except BaseException as error:
        return f"refused: {type(error).__name__}"
    return "refused: not seen" if got is False else f"got {got!r:.40}"


def _read(path: str) -> str:
    return _try(lambda: Path(path).read_text() or False)


def _write(path: str) -> str:
    def write() -> int:
        with Path(path).open("a") as file:
            return file.write("#")

    return _try(write)


def _connect(family: int, address: Any) -> str:
    def connect() -> bytes:
        with socket.socket(family) as ours:
            ours.settimeout(5)
            ours.connect(address)
            return ours.recv(10)

    return _try(connect)


def _all_cmdlines() -> str:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(process.read_text(errors="replace"))
    return "\n".join(found)


if __name__ == "__main__":  # as a check that is a program: reasons are what it tells
    import json

    place = json.load(sys.stdin)["items"][0]["data"]
    print(json.dumps({"A": [json.dumps({**tries(place), **ordinary(place)})]}))
    sys.exit(1)

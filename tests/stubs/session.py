"""A session of backend `command` that behaves as its first argument says: the stub of many tests.

    session.py SCENARIO [ARGUMENT]

Scenarios: ok slow hang ignore-term exit0 exit1 segv killed nofile empty truncated fence prose missing extra fifo
symlink bigline stderr-flood setsid-child late-write echo-secret crash-after-file usage unauthorized
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

SCENARIO = sys.argv[1]
ARGUMENT = sys.argv[2] if len(sys.argv) > 2 else ""
OUTPUT = Path(os.environ["HARNESS_OUTPUT"])


def records() -> list[dict[str, object]]:
    return [{"id": item["id"], "echo": item["data"]} for item in json.loads(Path("items.json").read_text())]


def write(text: str | None = None) -> None:
    OUTPUT.write_text(json.dumps(records()) if text is None else text)


def detach(seconds: float, *, then_write: str = "") -> None:
    """Leave a daemon behind: a session of its own, double-forked."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            Path("daemon.pid").write_text(str(os.getpid()))
            time.sleep(seconds)
            if then_write:
                OUTPUT.write_text(then_write)
        os._exit(0)
    while not Path("daemon.pid").exists():
        time.sleep(0.005)


def main() -> int:
    sys.stdin.read()
    match SCENARIO:
        case "ok":
            write()
        case "slow":
            time.sleep(float(ARGUMENT))
            write()
        case "hang":
            time.sleep(3600)
        case "hang-after-file":
            write()
            print("written", flush=True)
            time.sleep(3600)
        case "ignore-term":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path("ready").touch()
            time.sleep(3600)
        case "exit0" | "nofile":
            return 0
        case "exit1":
            print("no luck", file=sys.stderr)
            return 1
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "empty":
            write("")
        case "truncated":
            write(json.dumps(records())[: int(ARGUMENT)])
        case "fence":
            write(f"```json\n{json.dumps(records())}\n```\n")
        case "prose":
            write(f"Here you are: {json.dumps(records())}")
        case "missing":
            write(json.dumps(records()[1:]))
        case "extra":
            write(json.dumps([*records(), {"id": "nobody asked"}]))
        case "fifo":
            os.mkfifo(OUTPUT)
        case "symlink":
            OUTPUT.symlink_to("/etc/passwd")
        case "bigline":
            sys.stdout.write("x" * int(ARGUMENT))
            write()
        case "stderr-flood":
            for _ in range(int(ARGUMENT)):
                sys.stderr.write("y" * 1023 + "\n")
            write()
        case "setsid-child":
            write()
            detach(3600)
        case "daemon-and-hang":
            detach(3600)
            time.sleep(3600)
        case "late-write":
            write()
            detach(10, then_write="[]")
        case "echo-secret":
            print(os.environ.get("ANTHROPIC_API_KEY"), ARGUMENT)
            write()
        case "crash-after-file":
            write()
            os.kill(os.getpid(), signal.SIGKILL)
        case "usage":
            write()
            Path("usage.json").write_text(ARGUMENT)
        case "environment":
            write(json.dumps([{"id": record["id"], "environment": dict(os.environ)} for record in records()]))
        case "python":
            write(json.dumps([{"id": record["id"], "value": eval(ARGUMENT)} for record in records()]))
        case _:
            return 64
    return 0


sys.exit(main())

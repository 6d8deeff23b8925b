"""A family of processes that does not hold together."""

import subprocess
import sys

TREE = """
import os, signal, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
    time.sleep(3600)
time.sleep(3600)
"""


def tree(**environ: str) -> "subprocess.Popen[str]":
    """A leader, its child, and a grandchild that is in a session of its own and ignores SIGTERM."""
    leader = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", TREE], env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert leader.stdout is not None
    assert leader.stdout.readline() == "ready\n"
    leader.stdout.close()
    return leader

"""The demo: plays the schools job in a scratch copy, so that the checkout stays clean, and shows what came of it."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".demo"
PARTS = ("job.yaml", "batch_progress.json", "checks", "data", "prompts", "scenes", "scripts")
EXPECTED = 1
"""Exit code of a job that is finished with a failed item: one school of the scene has nothing to find."""


def main() -> int:
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, SCRATCH / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, SCRATCH / part)
    print("24 schools, real Claude Code sessions, the model is played by the rehearsal server: no key, no cost\n")
    sys.stdout.flush()  # into a file, it would come behind what the commands say
    harness = [sys.executable, "-P", "-m", "harness"]
    code = subprocess.run([*harness, "rehearse"], cwd=SCRATCH).returncode
    if code != EXPECTED:
        print(f"\nthe demo should end with exit code {EXPECTED}, it ended with {code}", file=sys.stderr)
        return code or 1
    subprocess.run([*harness, "report", "--rehearsal"], cwd=SCRATCH, check=True)
    print(f"\nexit code {code}, as it should be: one school has failed, and the report says why. Look around:")
    print("  cd .demo && ../.venv/bin/harness status --rehearsal")
    return 0


if __name__ == "__main__":
    sys.exit(main())

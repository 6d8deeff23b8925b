"""Where the schools job stands: done, failed with reasons, pending, what runs now, and when it may be finished.

cd scripts && python3 batch_status.py [--json | --rehearsal | ...]     everything `harness status` takes
"""

import sys

from project import MANIFEST, use_own_python


def main() -> int:
    from harness.cli.main import run

    return run(["status", str(MANIFEST), *sys.argv[1:]])


if __name__ == "__main__":
    use_own_python()
    sys.exit(main())

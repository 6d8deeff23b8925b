"""`python -m harness` is the command `harness`; no module of the current folder is taken for one of the library's."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[:1]  # `-m` puts the current folder there, which may have come from anywhere
    from harness.cli.main import entry

    entry()

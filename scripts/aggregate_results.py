"""Another name of generate_master_report.py."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).with_name("generate_master_report.py")), run_name="__main__")

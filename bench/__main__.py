"""`python -m bench [name ...] [--quick]`: prints the tables of the benches named, or of all. Writes nothing."""

import argparse
from collections.abc import Callable, Mapping, Sequence

from bench import big_outputs, cache, checks, overhead, peers, sandboxes, scale, sessions

BENCHES: Mapping[str, Callable[[Sequence[str]], None]] = {
    "overhead": overhead.main,
    "sessions": sessions.main,
    "cache": cache.main,
    "scale": scale.main,
    "peers": peers.main,
    "sandboxes": sandboxes.main,
    "checks": checks.main,
    "big-outputs": big_outputs.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHES]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    for name in options.names or BENCHES:
        print(f"== {name}", flush=True)
        BENCHES[name](["--quick"] if options.quick else [])


if __name__ == "__main__":
    main()

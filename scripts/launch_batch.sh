#!/usr/bin/env bash
# Start or resume the schools job: shows where it stands, asks, launches.
#
#   ./scripts/launch_batch.sh                  asks first
#   ./scripts/launch_batch.sh --yes --detach   does not ask; the other words go to `harness launch`
#   ./scripts/launch_batch.sh --ralph          checks plugin, jq and perl, and prints the /ralph-loop command instead
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=python3
(cd / && "$python" -c 'import harness, pydantic, typer') 2>/dev/null || python="$root/.venv/bin/python"
if [[ ! -x "$python" && "$python" != python3 ]]; then
  printf '%s\n' "the package \`harness\` is not installed here" "  hint: \`make demo\` installs it into .venv" >&2
  exit 2
fi

if [[ ! -f "$root/batch_progress.json" ]]; then
  echo "batch_progress.json is missing; begin with: cd scripts && python3 batch_init.py" >&2
  exit 2
fi

if [[ "${1-}" == --ralph ]]; then
  shift
  exec "$python" -P -m harness ralph "$root/job.yaml" "$@"
fi

"$python" -P -m harness status "$root/job.yaml" || true

if [[ "${1-}" == --yes ]]; then
  shift
elif [[ ! -t 0 ]]; then
  echo "nobody to ask: say --yes to start or resume" >&2
  exit 2
else
  read -r -p "Start or resume now? It spends real money. [y/N] " answer
  [[ "$answer" == [yY]* ]] || exit 0
fi
exec "$python" -P -m harness launch "$root/job.yaml" "$@"

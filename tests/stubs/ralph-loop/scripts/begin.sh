#!/bin/bash
# Keep what is to be looped over: the prompt, the most iterations, the promise.
set -eu
prompt="" most=0 promise=""
while (($#)); do
  case $1 in
    --max-iterations) most=$2 && shift 2 ;;
    --completion-promise) promise=$2 && shift 2 ;;
    *) prompt="${prompt:+$prompt }$1" && shift ;;
  esac
done
mkdir -p .claude
jq -n --arg prompt "$prompt" --arg promise "$promise" --argjson most "$most" \
  '{$prompt, $promise, $most, iteration: 1}' > .claude/ralph-loop.local.md
echo "$prompt"

#!/bin/bash
# Let the session end once it has promised, or has had its iterations; else hand it the same prompt again.
set -eu
state=.claude/ralph-loop.local.md
[[ -f $state ]] || exit 0
said=$(jq -r '.last_assistant_message // ""' | perl -0777 -ne 'print $1 if m{<promise>(.*?)</promise>}s')
if [[ $said == "$(jq -r .promise "$state")" ]] || jq -e '.iteration >= .most' "$state" > /dev/null; then
  rm "$state"
  exit 0
fi
jq '.iteration += 1' "$state" > "$state.new" && mv "$state.new" "$state"
jq '{decision: "block", reason: .prompt}' "$state"

#!/usr/bin/env bash
# Every program says what it is, which version it has, and has a manual page that renders.
. "$(dirname "$0")/../lib.sh"
for program in "$bin"/*; do
	name=$(basename "$program")
	ok "$name --help" "$program" --help
	like "... names the program" "$out" "^(Usage: )?$name"
	like "$name --version" "$("$program" --version)" "^$name (version )?$(cat "$top/VERSION")$"
	is "man $name has no fault" "$(man --warnings -l "$top/man/$name.8" 2>&1 >/dev/null)" ''
done
for page in "$top"/man/*.5; do
	is "man $(basename "$page" .5) has no fault" "$(man --warnings -l "$page" 2>&1 >/dev/null)" ''
done
finish

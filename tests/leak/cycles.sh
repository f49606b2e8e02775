#!/usr/bin/env bash
# CYCLES times create, start, wait, remove (default 200; `make soak`: 1,000): the descriptors,
# threads and memory of the daemons, and the host's mounts, namespaces, cgroups and processes are
# what they were after the first few.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "leaks" "only on Caisson"; finish; }
engine_start
load busybox
cycles=${CYCLES:-200}
cycle() { # through the API: a client's start costs more than the cycle
	local id
	id=$(curl -sf --unix-socket "$sock" -H 'Content-Type: application/json' -d '{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none"}}' http://d/v1.41/containers/create | jq -r .Id)
	curl -sf --unix-socket "$sock" -X POST "http://d/v1.41/containers/$id/start" &&
		curl -sf --unix-socket "$sock" -X POST "http://d/v1.41/containers/$id/wait" -o /dev/null &&
		curl -sf --unix-socket "$sock" -X DELETE "http://d/v1.41/containers/$id"
}
child=$(engine_child)
fds() { ls "/proc/$1/fd" | wc -l; }
threads() { status_field "$1" Threads; }
rss() { status_field "$1" VmRSS | awk '{print $1}'; }
ours_ps() { pgrep -P "$engine_pid" | wc -l; }
measure() { echo "keeper: $(fds "$engine_pid") fds, $(threads "$engine_pid") threads; engine: $(fds "$child") fds; children: $(ours_ps); mounts: $(grep -cF "$work/" "/proc/$engine_pid/mountinfo"); state: $(find "$run" "$data/containers" "$data/engine/containers" -mindepth 1 2>/dev/null | wc -l)"; }
settled() { [ "$(measure)" = "$first" ]; }
for _ in 1 2 3 4 5 6 7 8; do cycle; done
# What is still being cleared away after the first few is not counted.
same_twice() { first=$(measure); read -rt 1 <> <(:) || :; [ "$(measure)" = "$first" ]; }
until_true 15 same_twice
rss_k=$(rss "$engine_pid") rss_e=$(rss "$child")
failed=0
for _ in $(seq "$cycles"); do cycle || failed=$((failed + 1)); done
is "$cycles cycles succeed" "$failed" 0
becomes "after $cycles cycles: $first" 15 settled
settled || note "now: $(measure)"
is "the keeper's memory has not grown by 2 MiB" "$([ $(($(rss "$engine_pid") - rss_k)) -lt 2048 ] && echo fine)" fine
is "the engine's memory has not grown by 8 MiB" "$([ $(($(rss "$child") - rss_e)) -lt 8192 ] && echo fine)" fine
note "resident KiB: keeper $rss_k then $(rss "$engine_pid"), engine $rss_e then $(rss "$child")"
is "no container's control group is left" "$(find /sys/fs/cgroup -maxdepth 4 -type d -path '*/caisson/*' -newer "$work/e.pid" 2>/dev/null | grep -cFf <(ls "$data/containers"; echo none))" 0
becomes "the trash is emptied" 30 eval '[ -z "$(find "$data/trash" -mindepth 1 2>/dev/null | head -1)" ]'
finish

#!/usr/bin/env bash
# After the host went down: what ran has ended, with the exit code its log knows or 255; restart
# policies are obeyed; and pids that belong to others now are left alone.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "after a reboot" "only on Caisson"; finish; }
sleep 100000 &
stranger=$!
u32() { local v=$1; printf "\\x$(printf %02x $((v & 255)))\\x$(printf %02x $((v >> 8 & 255)))\\x$(printf %02x $((v >> 16 & 255)))\\x$(printf %02x $((v >> 24 & 255)))"; }
pid_reused() { { u32 $stranger; u32 $stranger; } | dd of="$run/run/$1" bs=1 seek=48 conv=notrunc status=none; }
other_boot() { sed -i "s/$(cat /proc/sys/kernel/random/boot_id)/00000000-0000-4000-8000-000000000000/" "$run/run/$1"; }
half_written() { truncate -s 20 "$run/run/$1"; }
gone() { rm -rf "$run"; }
nothing() { :; }
crash() { # HOW the run records look afterwards
	local id pids p
	note_ids
	pids=$(docker ps -q | xargs docker inspect -f '{{.State.Pid}}')
	pids+=" $(for p in $pids; do status_field "$p" PPid; done | xargs)"
	kill -KILL "$(engine_child)" "$engine_pid"
	until_true 10 is_gone "$engine_pid"
	wait "$engine_pid" 2>/dev/null
	rm -f "$work/e.pid"
	# One of them ends by itself first, with nobody there but its shim.
	nsenter -t "$ends" -U -m -S 0 -G 0 /bin/touch /stop
	until_true 10 is_gone "$ends"
	until_true 10 logged_exit
	# shellcheck disable=SC2086
	kill -KILL $pids 2>/dev/null
	for p in $pids; do until_true 10 is_gone "$p"; done
	for id in "$run"/run/*; do "$1" "$(basename "$id")"; done
	engine_start
}
logged_exit() { [ "$(stat -c %s "$data/engine/containers/$ends_id/log")" -gt 0 ]; }
in_order() { json "$1" '{{.State.Status}} {{.State.ExitCode}}'; }
running_again() { [ "$(json always '{{.State.Running}}')" = true ]; }

engine_start
load busybox
for how in nothing pid_reused other_boot half_written gone; do
	docker run -d --name plain busybox sleep 100000 >/dev/null 2>&1
	docker run -d --name always --restart always busybox sleep 100000 >/dev/null 2>&1
	docker run -d --name ends busybox sh -c 'while [ ! -e /stop ]; do usleep 20000; done; exit 7' >/dev/null 2>&1
	ends=$(pid_of ends) ends_id=$(json ends '{{.Id}}') old=$(pid_of always)
	crash $how
	is "$how: what ran has ended with 255" "$(in_order plain)" 'exited 255'
	is "$how: an exit that only the log knows" "$(in_order ends)" 'exited 7'
	becomes "$how: --restart always runs again" 10 running_again
	unlike "$how: ... as a new process" "$(pid_of always)" "^($old|$stranger)$"
	ok "$how: a process that got the pid is left alone" kill -0 $stranger
	ok "$how: what ended starts again" docker start plain
	ok "$how: all can be removed" docker rm -f plain always ends
done
kill $stranger
finish

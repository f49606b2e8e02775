#!/usr/bin/env bash
# Live restore: the engine, then the keeper, are killed with SIGKILL while 20 containers write logs,
# twice in a row.  All go on, no line is missing or doubled, exit codes are right.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "live restore" "only on Caisson"; finish; }
engine_start
load busybox
n=20
# Each counts as fast as its log is taken, pausing a little so that the log stays small; ends when
# /stop is there, with a code of its own.
writer='i=0; while [ ! -e /stop ]; do i=$((i + 1)); echo "line $i"; [ $((i % 50)) = 0 ] && usleep 20000; done; echo "end $i"; exit $CODE'
for i in $(seq $n); do docker run -d --name "w$i" -e CODE="$i" busybox sh -c "$writer" >/dev/null; done
docker run -d --name quiet busybox sh -c 'while [ ! -e /stop ]; do usleep 50000; done; exit 33' >/dev/null
note_ids
running() { docker ps -q | wc -l; }
is "all run" "$(running)" $((n + 1))
pids() { docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.Pid}} {{.State.StartedAt}}' | sort; }
before=$(pids)
has_21() { [ "$(running)" = $((n + 1)) ]; }

for round in 1 2; do
	old=$(engine_child)
	kill -KILL "$old"
	becomes "round $round: the engine is started anew" 15 eval '[ -n "$(engine_child)" ] && [ "$(engine_child)" != '"$old"' ] && answers'
	becomes "round $round: it has all containers" 15 has_21
	is "round $round: the same processes" "$(pids)" "$before"
	kill -KILL "$engine_pid"
	until_true 10 is_gone "$engine_pid"
	wait "$engine_pid" 2>/dev/null
	rm -f "$work/e.pid"
	is "round $round: without a keeper the containers go on" "$(awk '{print $2}' <<<"$before" | while read -r p; do [ -d "/proc/$p" ] && echo; done | wc -l)" $((n + 1))
	engine_start
	becomes "round $round: the next keeper has them all" 15 has_21
	is "round $round: the same processes, started once" "$(pids)" "$before"
done
is "exec works after it" "$(docker exec w1 echo in)" in
docker logs -f w7 >"$work/follow" 2>/dev/null &
follower=$!
# One ends while nobody is there to see it.
kill -KILL "$(engine_child)" "$engine_pid"
until_true 10 is_gone "$engine_pid"
quiet=$(awk '$1 == "/quiet" {print $2}' <<<"$before")
# As a user of the container: the host's root has no id on its file system.
nsenter -t "$quiet" -U -m -S 0 -G 0 /bin/touch /stop
until_true 10 is_gone "$quiet"
rm -f "$work/e.pid"
engine_start
is "an exit that nobody saw is known" "$(docker wait quiet) $(json quiet '{{.State.Status}}')" '33 exited'
wait $follower 2>/dev/null
for i in $(seq $n); do docker exec "w$i" touch /stop; done
codes=''
want=''
gaps=''
for i in $(seq $n); do
	codes+="$(docker wait "w$i") "
	want+="$i "
	# line 1..N then "end N": exactly, in order, once.
	docker logs "w$i" >"$work/out" 2>/dev/null
	awk -v i="$i" '/^line / { if ($2 != ++c) { bad = 1; exit } } /^end / { last = $2 } END { if (bad || last != c || c < 1) print "w" i ": line " c + 0 " of " last }' "$work/out" >>"$work/gaps"
done
is "exit codes" "$codes" "$want"
is "no log has a gap or a double" "$(cat "$work/gaps")" ''
is "the next run is ordinary" "$(docker run --rm busybox echo fine)" fine
finish

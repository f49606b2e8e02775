#!/usr/bin/env bash
# Upgrade to a build in which every version is raised, and back, with containers running: each build
# takes over what the other one started, in both directions, and nothing restarts.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "upgrade and back" "only on Caisson"; finish; }
next=$top/build/next
make -s -j2 -C "$top" VERSIONS_BUMP=1 B="$next" all >"$work/build.out" 2>&1 ||
	{ fail "the next version builds" "$(tail -n 5 "$work/build.out")"; finish; }
this=$bin
# Counts until /stop is there; nothing of it may be missing in the end.
counter='i=0; while [ ! -e /stop ]; do i=$((i + 1)); echo "line $i"; usleep 10000; done; echo "end $i"; exit $CODE'
counters=''
counter_start() { # NAME CODE
	docker run -d --name "$1" -e CODE="$2" --memory 64m busybox sh -c "$counter" >/dev/null 2>&1
	counters+="$1 "
}
facts() { # that may not change while another build takes over
	# shellcheck disable=SC2086
	docker inspect -f '{{.Name}} {{.State.Status}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} {{.HostConfig.Memory}}' $counters idle made
	docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort
}
grant_version() { od -An -tu4 -j4 -N4 "$data/containers/$(json "$1" '{{.Id}}')/grant" | tr -d ' '; }
run_version() { od -An -tu4 -j4 -N4 "$run/run/$(json "$1" '{{.Id}}')" | tr -d ' '; }
switch() { # BUILD NAME: the other build on the same roots
	local before
	before=$(facts)
	note_ids
	engine_stop
	bin=$1
	engine_start
	is "$2 takes over: same processes, limits, images" "$(facts)" "$before"
	local c
	for c in $counters; do
		is "... exec in $c" "$(docker exec "$c" echo in)" in
		ok "... its log goes on" sh -c "docker logs -f --tail 0 $c 2>&1 | grep -qm1 line"
	done
	is "... the limit of one it did not start can be changed" "$(docker update --memory 48m --memory-swap 96m idle >/dev/null && json idle '{{.HostConfig.Memory}}')" 50331648
	docker update --memory 64m --memory-swap 128m idle >/dev/null
	ok "... one that was only created starts" docker start made
	docker kill made >/dev/null && docker wait made >/dev/null
	ok "... stop, start and restart of one it did not start" sh -c "docker stop -t 0 idle && docker start idle && docker restart -t 0 idle"
	is "... a new one runs" "$(docker run --rm busybox echo fine 2>/dev/null)" fine
}

bin=$this
engine_start
load busybox
counter_start first 11
docker run -d --name idle --memory 64m --restart always busybox sleep 100000 >/dev/null 2>&1
docker create --name made --memory 64m busybox sleep 100000 >/dev/null 2>&1
n=$(grant_version first)
is "this version writes run records of its own" "$(run_version first)" "$n"
switch "$next/bin" "the next version"
counter_start second 12
is "the next version writes newer records" "$(grant_version second) $(run_version second)" "$((n + 1)) $((n + 1))"
docker rm -f made >/dev/null
docker create --name made --memory 64m busybox sleep 100000 >/dev/null 2>&1
switch "$this" "this version, again,"
counter_start third 13
# A crash instead of an orderly end, in both directions.
for build in "$next/bin" "$this"; do
	before=$(facts)
	note_ids
	kill -KILL "$(engine_child)" "$engine_pid"
	until_true 10 is_gone "$engine_pid"
	wait "$engine_pid" 2>/dev/null
	rm -f "$work/e.pid"
	bin=$build
	engine_start
	is "after SIGKILL $(basename "$(dirname "$build")") takes over" "$(facts)" "$before"
done
codes=''
for c in $counters; do
	docker exec "$c" touch /stop
	codes+="$(docker wait "$c") "
	docker logs "$c" >"$work/out" 2>/dev/null
	awk -v c="$c" '/^line / { if ($2 != ++n) { bad = 1; exit } } /^end / { last = $2 } END { if (bad || last != n || n < 1) print c ": line " n + 0 " of " last }' "$work/out" >>"$work/gaps"
done
is "exit codes" "$codes" '11 12 13 '
is "no log has a gap or a double" "$(cat "$work/gaps")" ''
finish

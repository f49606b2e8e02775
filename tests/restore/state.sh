#!/usr/bin/env bash
# What is on disk is enough: a lost, broken or old database is rebuilt, with containers running;
# stopped containers, images, names and policies survive a restart.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "state on disk" "only on Caisson"; finish; }
engine_start
load busybox probe
docker tag busybox kept:1
docker run -d --name runs --label l=1 --memory 32m busybox sleep 10000 >/dev/null
docker run --name ended busybox sh -c 'echo was here; exit 5' >/dev/null
docker create --name waits --restart always busybox sleep 1000 >/dev/null
docker rename ended renamed
note_ids
snapshot() {
	docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}} {{.Labels}}' | sort
	docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort
	docker inspect -f '{{.State.Pid}} {{.State.ExitCode}} {{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{.Created}}' runs renamed waits
	docker logs renamed
}
before=$(snapshot)
again() { # TEXT [COMMAND while it is down]
	local text=$1
	shift
	engine_stop
	[ $# = 0 ] || "$@"
	engine_start
	is "$text" "$(snapshot)" "$before"
	is "... and works: run" "$(docker run --rm busybox echo fine)" fine
	is "... and works: exec" "$(docker exec runs echo in)" in
}
again "a restart changes nothing"
again "the database is gone" sh -c "rm -f $data/engine/engine.db*"
again "the database is empty" sh -c "rm -f $data/engine/engine.db-*; : >$data/engine/engine.db"
again "the database is noise" sh -c "rm -f $data/engine/engine.db-*; head -c 20000 /dev/urandom >$data/engine/engine.db"
again "the database is cut off" sh -c "rm -f $data/engine/engine.db-*; truncate -s 5000 $data/engine/engine.db"
# What a crash can leave: half-made things are cleared, the rest stays.
again "half-made things" sh -c "mkdir -p $data/engine/containers/$(printf 'ab%.0s' {1..32}); echo '{' >$data/engine/images/$(printf 'cd%.0s' {1..32}).json; echo junk >$data/engine/tmp/blob-0123"
is "... are cleared" "$(find "$data/engine/tmp" -mindepth 1 | wc -l)" 0

# The host went down: nothing runs any more, restart policies are obeyed.
docker start waits >/dev/null
docker run -d --name once busybox sleep 10000 >/dev/null
note_ids
p1=$(pid_of waits) p2=$(pid_of once) p3=$(pid_of runs)
kill -KILL "$(engine_child)" "$engine_pid" 2>/dev/null
until_true 10 is_gone "$engine_pid"
shims=$(for p in $p1 $p2 $p3; do status_field "$p" PPid; done)
kill -KILL $p1 $p2 $p3 $shims 2>/dev/null
for p in $p1 $p2 $p3 $shims; do until_true 10 is_gone "$p"; done
rm -f "$work/e.pid"
engine_start
becomes "after the end of everything: --restart always runs again" 20 eval '[ "$(json waits "{{.State.Running}}")" = true ]'
is "... the others are known to have ended" "$(json once '{{.State.Status}}') $(json runs '{{.State.Status}}')" 'exited exited'
is "... and start again" "$(docker start runs >/dev/null && json runs '{{.State.Running}}')" true

# A tampered grant cannot be made by the engine's user.
is "what was granted is root's" "$(stat -c %u "$data/containers/$(json runs '{{.Id}}')/grant" 2>/dev/null)" 0
finish

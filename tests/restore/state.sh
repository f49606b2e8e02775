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
tmp_is_empty() { [ -z "$(ls "$data/engine/tmp")" ]; } # deleted blobs go in a quiet moment
export -f tmp_is_empty; export data
ok "... are cleared" timeout 10 bash -c "until tmp_is_empty; do read -rt 0.05 <> <(:) || :; done"

# One document or the other is lost or damaged: the second copy steps in.
dir_of() { echo "$data/engine/containers/$(json "$1" '{{.Id}}')"; }
runs=$(dir_of runs) renamed=$(dir_of renamed)
image=$data/engine/images/$(docker inspect -f '{{slice .Id 7}}' busybox).json
rows() { # SQL: done to the database while nobody has it open
	python3 -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute(sys.argv[2]); d.commit()' "$data/engine/engine.db" "$1"
}
again "config.json is gone" rm "$runs/config.json"
is "... and is written again" "$(jq -r .Name "$runs/config.json")" runs
again "config.json is cut off" truncate -s 100 "$runs/config.json"
again "config.json is empty" truncate -s 0 "$renamed/config.json"
again "state.json of a running one is noise" sh -c "head -c 1024 /dev/urandom >$runs/state.json"
again "a new document was begun" sh -c "echo '{' >$runs/.config.json.tmp"
again "the document of an image is gone" rm "$image"
is "... and is written again" "$(jq -r '.tags | length' "$image")" 2
again "the document of an image is cut off" truncate -s 40 "$image"
again "rows of the database are lost" rows "DELETE FROM doc"
again "rows of the database are noise" rows "UPDATE doc SET json = '{\"Version'"
again "the database has no tables" rows "DROP TABLE doc"
engine_stop
rm "$renamed/state.json"
engine_start
is "state.json of one that ended is gone: its log knows the exit code" "$(json renamed '{{.State.Status}} {{.State.ExitCode}}')" 'exited 5'
# With both copies gone nobody knows its name any more, but it is not lost.
p1=$(pid_of runs)
engine_stop
cp "$runs/config.json" "$work/saved"
rm -f "$runs/config.json" "$data"/engine/engine.db*
engine_start
is "both copies are gone while it runs: it goes on, under its id" \
	"$(docker ps --format '{{.Names}} {{.State}}') $(pid_of "$(basename "$runs")")" "$(basename "$runs" | cut -c1-12) running $p1"
is "... exec" "$(docker exec "$(basename "$runs")" echo in)" in
ok "... inspect and logs" sh -c "docker inspect $(basename "$runs") && docker logs $(basename "$runs")"
engine_stop
cat "$work/saved" >"$runs/config.json"
engine_start
engine_stop
rm -f "$data"/engine/engine.db*
truncate -s 100 "$renamed/config.json" # and there is no second copy
engine_start
is "what cannot be read is kept, and shown under its id" "$(docker ps -a --format '{{.Names}} {{.State}}' | sort | xargs)" \
	"$({ echo "$(basename "$renamed" | cut -c1-12) exited"; echo runs running; echo waits created; } | sort | xargs)"
is "... its log too" "$(docker logs "$(basename "$renamed")")" 'was here'
ok "... and it can be removed" docker rm "$(basename "$renamed")"

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

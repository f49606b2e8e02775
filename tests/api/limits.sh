#!/usr/bin/env bash
# When descriptors or the disk run out, requests fail with a sentence and the engine goes on.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "limits" "only on Caisson"; finish; }
# The data root on a file system that can be filled.
mkdir -p "$data"
mount -t tmpfs -o size=32m,mode=711 none "$data"
ulimit -n 100 # the daemons inherit it
engine_start
load busybox
docker run -d --name up busybox sleep 1000 >/dev/null 2>&1
child=$(engine_child)
fds() { ls "/proc/$child/fd" | wc -l; }

# ---- descriptors ---------------------------------------------------------------------------------
followers='' before=$(fds)
is "the engine has the limit" "$(awk '/Max open files/ { print $5 }' "/proc/$child/limits")" 100
for _ in $(seq 100); do
	curl -sN --unix-socket "$sock" "http://d/v1.41/containers/up/logs?follow=1&stdout=1" -o /dev/null 2>/dev/null &
	followers+=" $!"
done
full() { [ "$(fds)" -ge 97 ]; }
becomes "followers use up the engine's descriptors" 20 full
like "a request then has an answer or is turned away, soon" "$(curl -s --max-time 5 --unix-socket "$sock" -o /dev/null -w '%{http_code}' http://d/v1.41/containers/json)" '^(200|500|503|000)$'
is "the engine has not ended" "$(engine_child)" "$child"
# shellcheck disable=SC2086
kill $followers 2>/dev/null
# shellcheck disable=SC2086
wait $followers 2>/dev/null
becomes "it answers when they are gone" 20 answers
settled() { [ "$(fds)" -le $((before + 2)) ]; }
becomes "it has given their descriptors back" 20 settled
prints "containers are as they were" up docker ps --format '{{.Names}}'
prints "exec works again" hi docker exec up echo hi
prints "a container runs again" yes docker run --rm busybox echo yes

# ---- the disk ------------------------------------------------------------------------------------
fill() { head -c 64M /dev/zero >"$data/filler" 2>/dev/null; }
fill
refuses "a full disk: create says so" 'No space left on device|no space left on device' docker create --name nospace busybox
refuses "a full disk: load says so" 'No space left on device|no space left on device' docker load -qi "$top/build/images/probe.tar"
is "the engine has not ended" "$(engine_child)" "$child"
prints "it goes on answering" up docker ps -a --format '{{.Names}}'
prints "containers go on running" 'hi' docker exec up echo hi
ok "a container can be stopped" docker stop -t 1 up
prints "its exit code is kept" 137 docker inspect -f '{{.State.ExitCode}}' up
rm "$data/filler"
ok "with room again: create" docker create --name later busybox true
ok "with room again: load" docker load -qi "$top/build/images/probe.tar"
ok "with room again: start" docker start -a later
is "nothing of the failed attempts is left" "$(ls "$data/containers" | wc -l)" 2
note_ids
docker rm -f up later >/dev/null
engine_stop
umount "$data"
finish

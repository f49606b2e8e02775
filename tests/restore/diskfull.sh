#!/usr/bin/env bash
# A full disk: clear messages, nothing half made, and all is well when there is room again.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "a full disk" "only on Caisson"; finish; }
# The upper side of an overlay needs a real file system: an ext4 image in a file, by loop device
# where there is one; else tmpfs.
mkdir "$work/e.data"
truncate -s 48M "$work/disk"
if command -v mkfs.ext4 >/dev/null && mkfs.ext4 -q "$work/disk" 2>/dev/null && mount -o loop "$work/disk" "$work/e.data" 2>/dev/null; then
	kind=ext4
else
	mount -t tmpfs -o size=48m tmpfs "$work/e.data"
	kind=tmpfs
fi
engine_start
load busybox
full() { dd if=/dev/zero of="$work/e.data/filler" bs=64k >/dev/null 2>&1; dd if=/dev/zero of="$work/e.data/filler2" bs=1 count=100000 >/dev/null 2>&1; }
room() { rm -f "$work/e.data/filler" "$work/e.data/filler2"; }
ok "$kind: with room it works" docker run --rm busybox true
docker run -d --name writes busybox sleep 10000 >/dev/null
images=$(docker images -q | wc -l) containers=$(docker ps -aq | wc -l)
full
refuses "load on a full disk says so" '[Nn]o space left|disk is full' docker load -qi "$top/build/images/probe.tar"
is "... no half image" "$(docker images -q | wc -l)" "$images"
docker create --name cc busybox >"$work/create.out" 2>&1
rc=$?
like "create on a full disk works or says so" "$rc $(cat "$work/create.out")" '^0 |[Nn]o space left|disk is full'
is "the engine still answers" "$(docker ps -q | wc -l)" 1
is "a container may not write, and gets the error itself" "$(docker exec writes sh -c 'dd if=/dev/zero of=/x bs=1M count=60 2>&1' | grep -c 'No space left')" 1
room
docker exec writes rm -f /x
docker rm -f cc >/dev/null 2>&1
is "nothing half made is left" "$(docker ps -aq | wc -l)" "$containers"
ok "with room again: load" docker load -qi "$top/build/images/probe.tar"
is "with room again: run" "$(docker run --rm probe echo fine)" fine
engine_stop
full
setsid "$bin/caissond" --data-root "$data" --exec-root "$run" -H "unix://$sock" >>"$log" 2>&1 </dev/null &
echo $! >"$work/e.pid"
engine_pid=$!
until_true 10 answers
room
until_true 10 answers || { kill "$engine_pid" 2>/dev/null; wait "$engine_pid" 2>/dev/null; rm -f "$work/e.pid"; engine_start; }
is "a start on a full disk loses nothing" "$(docker inspect -f '{{.State.Running}}' writes)" true
docker rm -f writes >/dev/null
note_ids
engine_stop
umount "$work/e.data"
finish

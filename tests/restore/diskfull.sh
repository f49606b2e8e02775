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
docker run -d --name talks busybox sh -c 'i=0; trap "exit 9" TERM; while :; do i=$((i + 1)); echo "line $i"; usleep 2000; done' >/dev/null 2>&1
docker run -d --name ends busybox sh -c 'trap "exit 8" TERM; while :; do usleep 20000; done' >/dev/null 2>&1
docker create --name starts busybox sleep 1000 >/dev/null 2>&1
docker create --name goes busybox sleep 1000 >/dev/null 2>&1
images=$(docker images -q | wc -l) containers=1
full
refuses "load on a full disk says so" '[Nn]o space left|disk is full' docker load -qi "$top/build/images/probe.tar"
is "... no half image" "$(docker images -q | wc -l)" "$images"
docker create --name halfmade busybox >"$work/create.out" 2>&1
rc=$?
like "create on a full disk works or says so" "$rc $(cat "$work/create.out")" '^0 |[Nn]o space left|disk is full'
is "the engine still answers" "$(docker ps -q --filter name=writes | wc -l)" 1
is "a container may not write, and gets the error itself" "$(docker exec writes sh -c 'dd if=/dev/zero of=/x bs=1M count=60 2>&1' | grep -c 'No space left')" 1
is "exec works" "$(docker exec writes echo in)" in
docker start starts >"$work/start.out" 2>&1
like "start works or says so" "$? $(cat "$work/start.out")" '^0 |[Nn]o space left|disk is full'
is "one that is stopped ends with its own code" "$(docker stop ends >/dev/null; docker wait ends)" 8
ok "one can be removed" docker rm goes
docker rename starts renamed >"$work/rename.out" 2>&1
like "rename works or says so" "$? $(cat "$work/rename.out")" '^0 |[Nn]o space left|disk is full'
log_size() { stat -c %s "$data/engine/containers/$(json talks '{{.Id}}')/log"; }
log_stands() { local a; a=$(log_size); read -rt 0.3 <> <(:); [ "$(log_size)" = "$a" ]; }
becomes "the log of one that talks stands still" 20 log_stands
room
docker exec writes rm -f /x
says_gap() { docker logs talks 2>&1 | grep -q 'are missing here'; }
becomes "... and says how much is missing when there is room again" 20 says_gap
docker stop talks >/dev/null
is "... it went on meanwhile" "$(docker wait talks)" 9
docker logs talks >"$work/talk" 2>&1
is "... and what is missing is exactly what it says" "$(awk '
	/are missing here/ { said += $2; next }
	/^line / { for (c++; c < $2; c++) lost += length("line " c) + 1; next }
	{ bad = 1 }
	END { verdict = bad ? "bad" : (said > 0 && said == lost) ? "right" : said " said, " lost " lost"; print verdict }' "$work/talk")" right
docker rm -f talks ends starts renamed >/dev/null 2>&1
docker rm -f halfmade >/dev/null 2>&1
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

#!/usr/bin/env bash
# Hostile and broken archives: refused with a message or made harmless; never a hang, a write
# outside, or half an image left (T12, T23, T25 of the security practice).
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
python3 "$top/tests/image/hostile.py" "$work/bad" || { fail "the archives can be made"; finish; }
rootdir() { find / -xdev -maxdepth 1 | sort; sha256sum /etc/passwd; }
before=$(rootdir)
state() { docker images -aq --no-trunc | sort; }
images_before=$(state)
keeper=$engine_pid child=$(engine_child)

for archive in "$work"/bad/refuse-*.tar; do
	name=$(basename "$archive" .tar)
	DOCKER_TIMEOUT=60 docker load -i "$archive" >"$work/load.out" 2>&1
	rc=$?
	if [ $rc != 0 ] && [ $rc != 124 ] && [ "$(state)" = "$images_before" ]; then
		pass "$name"
	else
		fail "$name" "rc $rc" "$(cat "$work/load.out")" "images: $(docker images)"
		docker rmi -f hostile:latest >/dev/null 2>&1
	fi
done
# These may be loaded, if what comes out is harmless.
for archive in "$work"/bad/harmless-*.tar; do
	name=$(basename "$archive" .tar)
	: >"$work/run.out"
	DOCKER_TIMEOUT=60 docker load -qi "$archive" >"$work/load.out" 2>&1
	rc=$?
	[ $rc = 0 ] && DOCKER_TIMEOUT=30 docker run --rm --entrypoint /bin/sh hostile:latest -c 'cat /escaped 2>/dev/null | grep root:
		find / -xdev \( -type b -o -type c \) -not -path "/dev/*" 2>/dev/null; echo ran' >"$work/run.out" 2>&1
	docker rmi -f hostile:latest >/dev/null 2>&1
	if [ $rc != 124 ] && ! grep -qE '^(root:|/)' "$work/run.out"; then
		pass "$name ($([ $rc = 0 ] && echo loaded || echo refused))"
	else
		fail "$name" "rc $rc" "$(cat "$work/load.out" "$work/run.out")"
	fi
done
is "nothing was written outside" "$(rootdir)" "$before"
is "no file called as the archives tried" "$(find /tmp /etc /root /var/tmp -xdev -name 'caisson-hostile-*' -not -path "$work/*" 2>/dev/null)" ''
is "the keeper is the same process" "$([ -d "/proc/$keeper" ] && echo yes)" yes
is "the engine is the same process" "$(engine_child)" "$child"
if [ "$TEST_ENGINE" = caisson ]; then
	is "nothing is left in staging" "$(find "$data/layers/staging" -mindepth 1 2>/dev/null | head -3)" ''
	is "... nor in tmp" "$(find "$data/engine/tmp" -mindepth 1 2>/dev/null | head -3)" ''
fi
is "and good images still load and run" "$(docker load -qi "$top/build/images/busybox.tar" >/dev/null; docker run --rm busybox echo fine)" fine

# A client that goes away in the middle of an upload.
head -c 700000 "$top/build/images/probe.tar" | docker load -q >/dev/null 2>&1
is "half an archive leaves nothing" "$(docker images -q probe | wc -l)" 0
head -c 100000 /dev/urandom | docker load -q >"$work/load.out" 2>&1
is "random bytes are refused" "$([ "${PIPESTATUS[1]}" != 0 ] && echo refused)" refused
docker load -q </dev/null >"$work/load.out" 2>&1
is "an empty archive does no harm" "$(answers && echo fine)" fine
refuses "import of random bytes" '.' sh -c "head -c 100000 /dev/urandom | docker import - junk:1"
is "... leaves nothing" "$(docker images -q junk | wc -l)" 0
finish

#!/usr/bin/env bash
# The root file system a container gets: hostile images cannot redirect it (T2), what is masked stays
# masked (T3), an image's users, programs and metadata are only data (T8, T9, T13, T14).
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox probe
r() { docker run --rm "$@"; }
image() { "$top/tools/image" make "$work/$1.tar" "$1:latest" "$2" "${@:3}" && docker load -qi "$work/$1.tar" >/dev/null; }
config='{"Env":["PATH=/bin"],"Cmd":["/bin/sh"]}'
tar -xOf "$top/build/images/busybox.tar" --wildcards '*/layer.tar' >"$work/base.tar"

# T3: the kernel's files a container must not see or change.
for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/sched_debug /proc/interrupts; do
	is "masked: $f" "$(r busybox sh -c "[ -e $f ] || exit 0; head -c 1 $f | wc -c" | tr -d 0)" ''
done
for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
	is "masked: $d" "$(r busybox sh -c "ls $d 2>/dev/null | wc -l")" 0
done
writes() { # FILE: whether a container can
	r busybox sh -c "[ -e $1 ] || exit 1; if [ -d $1 ]; then touch $1/x; else echo 1 >$1; fi" >/dev/null 2>&1 && echo written
}
for f in /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/irq /proc/bus /proc/fs /sys/kernel /sys/fs/cgroup; do
	is "read-only: $f" "$(writes $f)" ''
done
like "/sys is read-only" "$(r busybox sh -c 'grep " /sys " /proc/mounts')" ' ro,'
is "no mask can be taken off from inside" "$(r --cap-add SYS_ADMIN --security-opt seccomp=unconfined busybox sh -c 'umount /proc/kcore && head -c 1 /proc/kcore | wc -c' 2>/dev/null | tr -d 0)" ''
is "devices are the few harmless ones" "$(r busybox sh -c 'cd /dev && find . -path ./pts -prune -o \( -type c -o -type b \) -print | sort | xargs')" './full ./null ./random ./tty ./urandom ./zero'
is "... and work" "$(r busybox sh -c 'echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c' | xargs)" '3 3'
like "/dev has its links" "$(r busybox ls -l /dev)" 'stdin -> /proc/self/fd/0'
is "the root of the host is not in the mount table" "$(r busybox grep -cE " (/old|/put_old|/oldroot|/host)[ /]" /proc/self/mountinfo)" 0

# T2: images whose /dev, /proc, /sys, /etc are traps.
mkdir "$work/target"
trap_image() { # NAME COMMANDS (in the layer's folder)
	local dir=$work/t.$1
	mkdir "$dir"
	(cd "$dir" && eval "$2")
	image "trap-$1" "$config" "$work/base.tar" "$dir@keep"
}
trap_image procl "ln -s $work/target proc"
trap_image devl "ln -s $work/target dev"
trap_image sysl "ln -s ../../../../../../$work/target sys"
trap_image etcl "ln -s $work/target etc"
trap_image shml "mkdir dev; ln -s $work/target dev/shm; ln -s $work/target dev/pts"
trap_image hostsl "mkdir etc; ln -s $work/target/h etc/hosts; ln -s /proc/self/fd/3 etc/resolv.conf; ln -s /etc/shadow etc/hostname"
trap_image nulll "mkdir etc; ln -s /dev/null etc/hosts"
trap_image file "rm -rf dev; echo x >dev; echo x >proc; echo x >sys"
trap_image fifo "mkdir etc; mkfifo etc/hosts etc/resolv.conf etc/passwd etc/group"
for n in procl devl sysl etcl shml hostsl nulll file fifo; do
	DOCKER_TIMEOUT=20 docker run --rm "trap-$n" /bin/sh -c 'echo started; [ -c /dev/null ] && [ -r /proc/self/status ]' >"$work/trap.out" 2>&1
	rc=$?
	# Either it starts with real file systems in place, or it is refused; never a hang.
	if [ $rc = 0 ] || { [ $rc != 124 ] && ! grep -q '^started' "$work/trap.out"; }; then pass "hostile image $n: rc $rc, no hang"; else fail "hostile image $n" "rc $rc" "$(cat "$work/trap.out")"; fi
done
is "no hostile image wrote outside" "$(find "$work/target" -mindepth 1; sha256sum /etc/hosts)" "$(sha256sum /etc/hosts)"
is "... and none got the host's /etc/shadow" "$(r trap-hostsl /bin/cat /etc/hostname 2>/dev/null | grep -c root:)" 0

# T8, T9: users of the image are read with limits.
for u in -1 4294967295 99999999999 0x10 '1:-1' '1:4294967295' ' 1' '1 ' 'a/b' '../../etc'; do
	DOCKER_TIMEOUT=20 docker run --rm -u "$u" busybox id -u >"$work/u.out" 2>&1
	rc=$?
	if [ $rc != 0 ] && [ $rc != 124 ]; then pass "--user '$u' is refused"; else fail "--user '$u' is refused" "rc $rc" "$(cat "$work/u.out")"; fi
done
mkdir -p "$work/t.huge/etc"
{ echo root:x:0:0::/:/bin/sh; yes 'padding:x:5:5:padding:/:/bin/false' | head -c 30000000; echo; echo late:x:77:77::/:/bin/sh; } >"$work/t.huge/etc/passwd"
image trap-huge "$config" "$work/base.tar" "$work/t.huge"
DOCKER_TIMEOUT=30 docker run --rm -u root trap-huge /bin/true >/dev/null 2>&1
is "a passwd of 30 MB does not hang or harm" "$([ $? != 124 ] && answers && echo fine)" fine
DOCKER_TIMEOUT=20 docker run --rm -u nosuch trap-fifo /bin/true >/dev/null 2>&1
rc=$?
is "a FIFO as passwd does not hang" "$([ $rc != 124 ] && [ $rc != 0 ] && echo refused)" refused

# T13: no program or library of the image is used by anything outside the container.
mkdir -p "$work/t.can/bin" "$work/t.can/sbin" "$work/t.can/lib" "$work/t.can/etc"
for p in mount umount ip nsenter tar gzip zstd unpigz iptables modprobe id getent sh.canary ps kill; do
	printf '#!/bin/sh\necho "$0 $(readlink /proc/self/ns/pid)" >>/canary\nexec /bin/busybox "${0##*/}" "$@"\n' >"$work/t.can/bin/$p"
	chmod 755 "$work/t.can/bin/$p"
done
echo /canary.so >"$work/t.can/etc/ld.so.preload"
image canary "$config" "$work/base.tar" "$work/t.can"
docker run -d --name can canary /bin/sleep 1000 >/dev/null
docker exec can /bin/true
docker top can >/dev/null 2>&1
docker stats --no-stream can >/dev/null 2>&1
docker pause can >/dev/null && docker unpause can >/dev/null
is "no program of the image was run but what was asked for" "$(docker exec can /bin/busybox cat /canary 2>/dev/null)" ''

# T14: what an image says about itself changes nothing on the host.
image meta '{"Env":["LD_PRELOAD=/x.so","PATH=/bin","DOCKER_HOST=unix:///x","CAISSON_DEBUG=1"],"Cmd":["/bin/echo","fine"],"Labels":{"com.docker.x":"../../../x","io.caisson.privileged":"true"},"WorkingDir":"/../../tmp/w","Volumes":null,"User":""}' "$work/base.tar"
is "labels, environment and folder of an image are data" "$(r meta)" fine
is "... a working directory with .. stays inside" "$(r meta /bin/pwd)" /tmp/w

is "writes of one container are not seen by another" "$(r busybox touch /mine; r busybox sh -c '[ -e /mine ] || echo clean')" clean
is "layers: a whiteout hides, an upper file wins" "$(r probe sh -c 'ls /hidden 2>/dev/null; cat /changed')" new
finish

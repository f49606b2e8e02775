#!/usr/bin/env bash
# Known ways out, tried from inside as the container's root (T5, T6, T10 of the security practice).
# tests/bin/escape tries one thing and says "refused: REASON" or "DONE"; a DONE is a failed test.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "escapes" "only tried on Caisson"; finish; }
engine_start
load busybox probe
attempt() { # NAME ATTEMPT [RUN-FLAGS...]
	local text=$1 what=$2
	shift 2
	out=$(docker run --rm "$@" probe escape "$what" 2>&1)
	if grep -q '^refused' <<<"$out" && ! grep -q DONE <<<"$out"; then pass "$text"; else fail "$text" "$out"; fi
}
attempt "open a host file by handle (shocker)" handle
attempt "... with CAP_DAC_READ_SEARCH" handle --cap-add DAC_READ_SEARCH
attempt "mount a file system" mount
attempt "... with CAP_SYS_ADMIN: not a disk" mount-disk --cap-add SYS_ADMIN --security-opt seccomp=unconfined
attempt "cgroup release_agent" release-agent
attempt "... with CAP_SYS_ADMIN, unconfined" release-agent --cap-add SYS_ADMIN --security-opt seccomp=unconfined
attempt "make a device node and open it" mknod
attempt "... with every capability, unconfined" mknod --cap-add ALL --security-opt seccomp=unconfined
attempt "set the host's core_pattern" core-pattern
attempt "... with every capability, unconfined" core-pattern --cap-add ALL --security-opt seccomp=unconfined
attempt "trigger sysrq" sysrq --cap-add ALL --security-opt seccomp=unconfined
attempt "the kernel keyring" keyctl
attempt "a new user namespace" userns
attempt "a new user namespace by clone3" clone3
attempt "AF_ALG sockets" af-alg
attempt "AF_VSOCK sockets" af-vsock
attempt "packet sockets" af-packet
attempt "AF_ALG through the 32-bit entry" af-alg-int80
attempt "bpf()" bpf
attempt "perf_event_open()" perf
attempt "userfaultfd()" uffd
attempt "io_uring" io-uring
attempt "kernel module loading" module --cap-add ALL --security-opt seccomp=unconfined
attempt "kexec" kexec --cap-add ALL --security-opt seccomp=unconfined
attempt "reboot" reboot
attempt "set the host's clock" clock --cap-add ALL --security-opt seccomp=unconfined
attempt "ptrace the process above" ptrace-parent
attempt "read kernel memory" kcore --cap-add ALL --security-opt seccomp=unconfined
attempt "raise a hard limit" rlimit
attempt "nice below zero" nice
attempt "leave by chroot and .." chroot
# The runtime's own program, as the container can reach it through /proc (CVE-2019-5736).
before=$(sha256sum "$bin"/*)
attempt "overwrite the runtime through /proc/PID/exe" runtime-exe
attempt "... process 1 being the reaper of --init" runtime-exe --init
attempt "... as every capability allows" runtime-exe --init --cap-add ALL --security-opt seccomp=unconfined
refuses "/proc/self/exe is no entry point" '.' docker run --rm --entrypoint /proc/self/exe busybox true
is "the programs on disk are what they were" "$(sha256sum "$bin"/*)" "$before"

# T6: nothing but the three streams is open, and the working directory is inside.
is "only the standard streams are open at exec" "$(docker run --rm probe openfds)" '0 1 2'
docker run -d --name probe probe sleep 1000 >/dev/null
is "... in docker exec" "$(docker exec probe openfds)" '0 1 2'
for fd in 3 4 5 6 7 8 9 10 20; do
	out=$(docker run --rm -w "/proc/self/fd/$fd" busybox sh -c 'cat ../../../../../etc/hostname; ls ..' 2>&1) && break
	out=''
done
is "no working directory through a leaked descriptor (CVE-2024-21626)" "$out" ''
for fd in 3 7 9; do
	out=$(docker exec -w "/proc/self/fd/$fd" probe pwd 2>&1) && break
	out=''
done
is "... nor in docker exec" "$out" ''
out=$(docker run --rm busybox ls -l /proc/1/fd 2>&1)
unlike "process 1 has no descriptor of the host" "$out" "$work|/layers|/containers/"

# The terminal of the person who typed docker is not the container's: it has its own.
is "signals stay inside" "$(docker run --rm busybox sh -c 'kill -9 -1; echo alive' 2>/dev/null)" alive
is "it sees only its own processes" "$(docker run --rm busybox sh -c 'ls -d /proc/[0-9]* | wc -l' | awk '{print ($1 < 5)}')" 1
is "it sees no abstract socket of the host" "$(docker run --rm busybox grep -c @ /proc/net/unix)" 0
is "it sees no interface of the host" "$(docker run --rm --network none busybox ls /sys/class/net | xargs)" lo
finish

#!/usr/bin/env bash
# What a running container is on the host, by default: ids that are nobody's, namespaces of its own,
# capabilities bounded, no new privileges, a system call filter.  For run, exec and health checks
# (T7 of the security practice), and between two engines.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox probe
docker run -d --name one busybox sleep 10000 >/dev/null
docker run -d --name two busybox sleep 10000 >/dev/null
p1=$(pid_of one) p2=$(pid_of two)
like "inspect gives the host's pid" "$p1" '^[1-9][0-9]*$'
is "... of the program" "$(tr '\0' ' ' <"/proc/$p1/cmdline" | xargs)" 'sleep 10000'

# Ids
ids_of() { { status_field "$1" Uid; status_field "$1" Gid; status_field "$1" Groups; } | xargs -n1 | sort -nu; }
low=$(ids_of "$p1" | awk '$1 < 1073741824')
is "every id is at or above 0x40000000" "$low" ''
named=''
for id in $(ids_of "$p1"); do getent passwd "$id" >/dev/null && named+="$id "; getent group "$id" >/dev/null && named+="$id "; done
is "no id has a name on the host" "$named" ''
inside_subid() { awk -F: -v id="$1" '$2 <= id && id < $2 + $3 { found = 1 } END { exit !found }' /etc/subuid /etc/subgid 2>/dev/null; }
sub=''
for id in $(ids_of "$p1"); do inside_subid "$id" && sub+="$id "; done
is "no id is in a range of subuid or subgid" "$sub" ''
base() { awk '$1 == 0 { print $2 }' "/proc/$1/uid_map"; }
span() { awk '$1 == 0 { print $3 }' "/proc/$1/uid_map"; }
is "0 to 65535 are mapped" "$(span "$p1")" 65536
b1=$(base "$p1") b2=$(base "$p2")
is "two containers have disjoint ids" "$([ $((b1 + 65536)) -le "$b2" ] || [ $((b2 + 65536)) -le "$b1" ] && echo disjoint)" disjoint
is "uid and gid maps agree" "$(cat "/proc/$p1/uid_map")" "$(cat "/proc/$p1/gid_map")"
is "a user inside is that user of the range" "$(docker run -d --name u33 -u 33 busybox sleep 1000 >/dev/null; p=$(pid_of u33); echo $(($(status_field "$p" Uid | awk '{print $1}') - $(base "$p"))))" 33

# Namespaces
for ns in user mnt pid net ipc uts cgroup; do
	a=$(readlink "/proc/$p1/ns/$ns") b=$(readlink "/proc/$p2/ns/$ns") h=$(readlink "/proc/1/ns/$ns")
	is "its own $ns namespace" "$([ "$a" != "$b" ] && [ "$a" != "$h" ] && echo own)" own
done

# Rights: of the first process, of an exec, of a health check, of a non-root user.
check_rights() { # WHAT STATUS-TEXT
	local caps
	is "$1: no new privileges" "$(awk '/^NoNewPrivs/ {print $2}' <<<"$2")" 1
	is "$1: a filter is in force" "$(awk '/^Seccomp:/ {print $2}' <<<"$2")" 2
	is "$1: bounding set is docker's" "$(awk '/^CapBnd/ {print $2}' <<<"$2")" 00000000a80425fb
	is "$1: inheritable and ambient are empty" "$(awk '/^Cap(Inh|Amb)/ {print $2}' <<<"$2" | sort -u)" 0000000000000000
}
check_rights run "$(cat "/proc/$p1/status")"
check_rights exec "$(docker exec one cat /proc/self/status)"
check_rights "exec with a terminal" "$(docker exec one sh -c 'cat /proc/self/status')"
docker run -d --name health --health-cmd 'cat /proc/self/status >/tmp/status' --health-interval 1s busybox sleep 1000 >/dev/null
until_true 20 docker exec health test -s /tmp/status
check_rights "health check" "$(docker exec health cat /tmp/status)"
check_rights "restarted" "$(docker restart -t 0 two >/dev/null; cat "/proc/$(pid_of two)/status")"
is "a non-root user has no capability" "$(awk '/^Cap(Eff|Prm|Inh|Amb)/ {print $2}' "/proc/$(pid_of u33)/status" | sort -u)" 0000000000000000
is "... in an exec neither" "$(docker exec -u 33 one awk '/^Cap(Eff|Prm|Inh|Amb)/ {print $2}' /proc/self/status | sort -u)" 0000000000000000
is "a set-user-id program gains nothing" "$(docker run --rm -u 33:33 probe suid)" 'uid=33 euid=33 gid=33 egid=33'
is "... and does with no-new-privileges=false" "$(docker run --rm -u 33:33 --security-opt no-new-privileges=false probe suid)" 'uid=33 euid=0 gid=33 egid=33'
is "exec --privileged gets no right outside" "$(docker exec --privileged one cat /proc/self/uid_map)" "$(docker exec one cat /proc/self/uid_map)"

# Limits nobody asked for
group=$(find /sys/fs/cgroup -maxdepth 5 -type d -path '*pids*' -name "$(json one '{{.Id}}')" 2>/dev/null | head -1)
[ -n "$group" ] || group=$(find /sys/fs/cgroup -maxdepth 5 -type d -name "$(json one '{{.Id}}')" | head -1)
is "processes are limited" "$(cat "$group/pids.max")" 4096
is "core files are off" "$(docker exec one sh -c 'ulimit -c')" 0

# The files of an image belong to its users, in both layers and copies.
is "owners inside are the image's" "$(docker run --rm probe stat -c '%u:%g' /owned/file /owned)" $'33:33\n33:33'
is "chown to any id of the range works" "$(docker run --rm busybox sh -c 'touch /x; chown 65535:65535 /x; stat -c %u /x')" 65535

# A second engine beside it never takes the same ids.
first_bases="$b1 $(base "$(pid_of two)")"
use_engine f
engine_start
load busybox
docker run -d --name one busybox sleep 10000 >/dev/null
docker run -d --name two busybox sleep 10000 >/dev/null
other="$(base "$(pid_of one)") $(base "$(pid_of two)")"
is "two engines side by side share no range" "$(printf '%s\n' $first_bases $other | sort | uniq -d)" ''
finish

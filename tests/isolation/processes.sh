#!/usr/bin/env bash
# The processes of the product have the rights ARCHITECTURE.md says, and no more.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
docker run -d --name one busybox sleep 10000 >/dev/null
child=$(engine_child)
like "caissond runs caisson-engine" "$child" '^[0-9]+$'
uid=$(status_field "$child" Uid | awk '{print $1}')
is "the engine is not root, by any of its ids" "$(status_field "$child" Uid | xargs -n1 | sort -u | xargs)" "$uid"
is "..." "$([ "$uid" -gt 0 ] && echo unprivileged)" unprivileged
for set in CapEff CapPrm CapInh CapAmb CapBnd; do
	is "the engine's $set is empty" "$(status_field "$child" $set)" 0000000000000000
done
is "the engine cannot gain privileges" "$(status_field "$child" NoNewPrivs)" 1
is "the engine has a mount namespace of its own" "$([ "$(readlink /proc/"$child"/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ] && echo own)" own
# What it sees: its state, not the host's.  Looked at through its own root.
seen() { setpriv --reuid "$uid" --clear-groups nsenter -m -t "$child" true 2>/dev/null; ls "/proc/$child/root$1" 2>/dev/null; }
is "the engine does not see /root" "$(seen /root)" ''
is "the engine does not see the layers" "$(seen "$data/layers" | head -1)" ''

shim=$(status_field "$(pid_of one)" PPid)
is "the container's parent is the shim" "$(cat "/proc/$shim/comm")" caisson-shim
suid=$(status_field "$shim" Uid | awk '{print $1}')
base=$(awk '$1 == 0 {print $2}' "/proc/$(pid_of one)/uid_map")
is "the shim is not root" "$([ "$suid" -gt 0 ] && echo unprivileged)" unprivileged
is "the shim's uid is outside the container's range" "$([ "$suid" -lt "$base" ] || [ "$suid" -ge $((base + 65536)) ] && echo outside)" outside
is "the shim has no capability" "$(awk '/^Cap(Eff|Prm|Inh|Amb)/ {print $2}' "/proc/$shim/status" | sort -u)" 0000000000000000
is "the shim is one thread" "$(status_field "$shim" Threads)" 1

refuses "the engine refuses to run as root" '.' "$bin/caisson-engine"
like "the keeper's socket is root's, or its group's too" "$(stat -c %a "$sock")" '^6[06]0$'
like "the data root cannot be listed by others" "$(stat -c %A "$data" | cut -c8-10)" '^--[-x]$'
code "caissond: unknown flags are refused" 1 "$bin/caissond" --no-such-flag
refuses "caissond: TCP without TLS is refused" '[Tt][Ll][Ss]' "$bin/caissond" --data-root "$work/x.data" --exec-root "$work/x.run" -H tcp://127.0.0.1:0
refuses "caissond: needs root" 'root' setpriv --reuid 65534 --clear-groups "$bin/caissond" --data-root "$work/x.data" --exec-root "$work/x.run" -H "unix://$work/x.sock"
engine_stop
is "after SIGTERM the socket is gone" "$([ -e "$sock" ] || echo gone)" gone
is "... and the container goes on" "$([ -d "/proc/$shim" ] && echo runs)" runs
engine_start
is "... and the next engine has it" "$(json one '{{.State.Running}} {{.State.Pid}}' | awk '{print $1}')" true
finish

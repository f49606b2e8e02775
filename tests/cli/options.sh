#!/usr/bin/env bash
# The flags of docker run that set limits and surroundings, each seen from inside.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox probe
r() { docker run --rm "$@"; }

code "--read-only" 1 docker run --rm --read-only busybox touch /x
like "... says so" "$out" 'Read-only file system'
is "--read-only --tmpfs" "$(r --read-only --tmpfs /t busybox sh -c 'touch /t/x && echo fine; touch /x 2>/dev/null || echo closed' | xargs)" 'fine closed'
like "--tmpfs with options" "$(r --tmpfs /t:size=1m,noexec busybox sh -c 'mount | grep " /t "')" 'noexec.*size=1024k'
code "... its size holds" 1 docker run --rm --tmpfs /t:size=64k busybox dd if=/dev/zero of=/t/x bs=1k count=100
is "--shm-size" "$(r --shm-size 5m busybox df -k /dev/shm | awk 'NR == 2 {print $2}')" 5120
is "--ipc none: no /dev/shm" "$(r --ipc none busybox grep -c /dev/shm /proc/mounts)" 0
is "/dev/shm has 64 MiB" "$(r busybox df -k /dev/shm | awk 'NR == 2 {print $2}')" 65536
is "--ulimit nofile" "$(r --ulimit nofile=123:456 busybox sh -c 'ulimit -Sn; ulimit -Hn' | xargs)" '123 456'
is "--ulimit core" "$(r --ulimit core=0 busybox sh -c 'ulimit -c')" 0
is "--user number" "$(r -u 12345:54 busybox sh -c 'id -u; id -g' | xargs)" '12345 54'
is "--user name takes its group" "$(r -u www-data busybox sh -c 'id -u; id -g; id -G' | xargs)" '33 33 33 100'
is "--user beyond 65535" "$(r -u 1000620000 busybox id -u)" 1000620000
is "--group-add" "$(r -u 33:33 --group-add 7 --group-add users busybox id -G | xargs -n1 | sort -n | xargs)" '7 33 100'
refuses "--user not in the image" 'unable to find user nosuch' docker run --rm -u nosuch busybox true
refuses "--group-add not in the image" '[Uu]nable to find group nosuch' docker run --rm --group-add nosuch busybox true
refuses "--user that is no id" '(uids and gids must be in range|unable to find user|invalid)' docker run --rm -u -5 busybox true
is "--hostname" "$(r --hostname a.b busybox sh -c 'hostname; grep -c "a.b" /etc/hosts' | xargs)" 'a.b 1'
like "... by default the id's beginning" "$(r busybox hostname)" '^[0-9a-f]{12}$'
is "--env-file and bare --env" "$(echo 'F=file' >"$work/env"; PASSED=on r --env-file "$work/env" -e PASSED busybox sh -c 'echo $F $PASSED')" 'file on'
is "HOME and PATH are set" "$(r busybox sh -c 'echo $HOME:$PATH')" '/root:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
is "the image's environment" "$(r probe sh -c 'echo $FROM_IMAGE')" yes
is "--label" "$(docker create --name lab --label a=b --label c probe >/dev/null; json lab '{{json .Config.Labels}}')" '{"a":"b","c":"","made.by":"tests"}'
is "--add-host" "$(r --add-host db:10.1.2.3 busybox grep -c '^10.1.2.3[[:space:]]*db$' /etc/hosts)" 1
is "--dns, --dns-search" "$(r --dns 10.9.8.7 --dns-search example.test busybox cat /etc/resolv.conf | grep -cE '^(nameserver 10.9.8.7|search example.test)$')" 2
is "--sysctl" "$(r --sysctl net.ipv4.ip_default_ttl=77 busybox cat /proc/sys/net/ipv4/ip_default_ttl)" 77
refuses "--sysctl of the host is refused" 'sysctl' docker run --rm --sysctl kernel.panic=1 busybox true
refuses "--platform of another machine" 'does not match the specified platform \(linux/s390x\)' docker run --rm --pull never --platform linux/s390x busybox true
is "--platform of this one" "$(r --platform "linux/$(dpkg --print-architecture)" busybox echo fine)" fine
refuses "--mac-address comes later" 'MacAddress' docker run --rm --mac-address 02:00:00:00:00:01 busybox true

# Limits, as the kernel has them and as they bite.
limit_of() { # CONTAINER V2-FILE V1-FILE
	local g f
	for g in $(find /sys/fs/cgroup -maxdepth 5 -type d -name "*$(json "$1" '{{.Id}}')*"); do
		for f in "$2" "$3"; do [ -e "$g/$f" ] && { cat "$g/$f"; return; }; done
	done
}
docker run -d --name lim --memory 32m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 55 busybox sleep 1000 >/dev/null
is "--memory" "$(limit_of lim memory.max memory.limit_in_bytes)" 33554432
like "--cpus" "$(limit_of lim cpu.max cpu.cfs_quota_us)" '^50000'
like "--cpu-shares" "$(limit_of lim cpu.weight cpu.shares)" '^(512|20)$'
is "--cpuset-cpus" "$(limit_of lim cpuset.cpus cpuset.cpus)" 0
is "--pids-limit" "$(limit_of lim pids.max pids.max)" 55
is "... as inspect tells" "$(json lim '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}} {{.HostConfig.PidsLimit}}')" '33554432 500000000 512 0 55'
ok "update" docker update --memory 48m --memory-swap 48m --pids-limit 66 --cpus 0.25 lim
is "... took" "$(limit_of lim memory.max memory.limit_in_bytes) $(limit_of lim pids.max pids.max)" '50331648 66'
ok "update --restart" docker update --restart on-failure:3 lim
is "... took" "$(json lim '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}')" on-failure:3
docker rm -f lim >/dev/null

docker run --name hog --memory 24m --memory-swap 24m probe /probe/eat 64 >/dev/null 2>&1
is "over the memory limit: killed, and said so" "$? $(json hog '{{.State.ExitCode}} {{.State.OOMKilled}}')" '137 137 true'
out=$(docker run --rm --pids-limit 10 busybox sh -c 'i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i+1)); done; echo all' 2>&1)
like "over the process limit: fork fails" "$out" "can.t fork|Resource temporarily unavailable"
refuses "--memory too small" '[Mm]inimum memory limit allowed is 6MB' docker run --rm --memory 1m busybox true
refuses "--cpus too many" '[Rr]ange of CPUs is from' docker run --rm --cpus 4096 busybox true
refuses "--memory-swap below --memory" '[Mm]inimum memoryswap limit should be larger than memory limit' docker run --rm --memory 64m --memory-swap 32m busybox true

# Capabilities
caps() { r "$@" busybox awk '/^Cap(Bnd|Eff)/ {print $2}' /proc/self/status | sort -u; }
is "--cap-drop ALL" "$(caps --cap-drop ALL)" 0000000000000000
is "--cap-drop ALL --cap-add CHOWN" "$(caps --cap-drop ALL --cap-add CHOWN)" 0000000000000001
is "--cap-drop one" "$(r --cap-drop CHOWN busybox chown 1 /tmp >/dev/null 2>&1; echo $?)" 1
is "... by default it works" "$(r busybox chown 1 /tmp; echo $?)" 0
refuses "--cap-add of nothing known" '(invalid|[Uu]nknown) capability' docker run --rm --cap-add NOPE busybox true
is "--cap-add ALL inside a user namespace" "$(r --cap-add ALL busybox awk '/^CapBnd/ {print length($2)}' /proc/self/status)" 16

# Seccomp
prof=$work/profile.json
echo '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' >"$prof"
like "--security-opt seccomp=FILE" "$(r --security-opt seccomp="$prof" busybox mkdir /x 2>&1)" '(Operation not supported|Not supported)'
is "seccomp=unconfined" "$(r --security-opt seccomp=unconfined busybox awk '/^Seccomp:/ {print $2}' /proc/self/status)" 0
echo '{"defaultAction":"SCMP_ACT_NOPE"}' >"$prof"
refuses "a bad profile" 'seccomp|SCMP_ACT_NOPE' docker run --rm --security-opt seccomp="$prof" busybox true
refuses "an option nobody knows" '(invalid|[Uu]nknown).*security' docker run --rm --security-opt nope=1 busybox true

# Networks that exist so far
is "--network none has only loopback" "$(r --network none busybox sh -c 'ls /sys/class/net; ip -o -4 addr show lo' | awk '{print $1}' | head -1)" lo
docker run -d --name net --network none --hostname shared busybox nc -l -p 7777 -e echo over-there >/dev/null
becomes "--network container:X reaches it on loopback" 10 sh -c 'docker run --rm --network container:net busybox nc 127.0.0.1 7777 </dev/null | grep -q over-there'
docker rm -f net >/dev/null
finish

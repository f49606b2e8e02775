#!/usr/bin/env bash
# ping, version, info, events, df: what the engine says about itself is true.
. "$(dirname "$0")/../lib.sh"
begin=$(date +%s)
engine_start
load busybox
head=$(curl -s --unix-socket "$sock" -D - -o /dev/null http://d/_ping | tr -d '\r')
like "_ping: Api-Version" "$head" '^Api-Version: 1\.50$'
like "_ping: Ostype" "$head" '^Ostype: linux$'
like "_ping: no caching" "$head" '^Cache-Control: no-cache, no-store, must-revalidate$'
is "_ping: body" "$(curl -s --unix-socket "$sock" http://d/_ping)" OK
like "version" "$(docker version --format '{{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Server.Os}} {{.Server.Arch}}')" "^1\.50 1\.24 linux $(dpkg --print-architecture)$"
is "version: the kernel" "$(docker version --format '{{(index .Server.Components 0).Details.KernelVersion}}' 2>/dev/null)" "$(uname -r)"
info() { docker info --format "$1" 2>/dev/null; }
docker run -d --name up busybox sleep 1000 >/dev/null
docker create --name idle busybox >/dev/null
is "info: counts" "$(info '{{.Containers}} {{.ContainersRunning}} {{.ContainersStopped}} {{.Images}}')" '2 1 1 1'
is "info: processors, memory" "$(info '{{.NCPU}} {{.MemTotal}}')" "$(nproc) $(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) * 1024))"
is "info: kernel, architecture" "$(info '{{.KernelVersion}} {{.Architecture}}')" "$(uname -r) $(uname -m)"
like "info: system" "$(info '{{.OperatingSystem}}')" 'Debian'
like "info: security" "$(info '{{.SecurityOptions}}')" 'seccomp.*userns|userns.*seccomp'
like "info: name" "$(info '{{.Name}}')" "^$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)$"
ok "info, whole" docker info
unlike "... without complaints" "$out" 'ERROR'

# Events: live, replayed, filtered.
docker events --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}' >"$work/live" &
listener=$!
until_true 10 sh -c "docker rename idle idle2 && docker rename idle2 idle && grep -q . '$work/live'"
since=$(date +%s)
docker run --name seen --label l=1 busybox sh -c 'exit 3' >/dev/null
docker rm seen >/dev/null
becomes "events come as they happen" 10 grep -q 'container destroy seen' "$work/live"
is "... in order" "$(grep ' seen$' "$work/live" | awk '$1 == "container" {print $2}' | grep -v attach | xargs)" 'create start die destroy'
kill $listener
is "replay with --since and --until" "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container=seen --filter type=container --format '{{.Action}}' | grep -v attach | xargs)" 'create start die destroy'
is "a die tells the exit code" "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter event=die --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.l}}')" 'seen 3 1'
is "filter by label" "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter label=l=1 --filter event=start --format '{{.Actor.Attributes.name}}')" seen
docker tag busybox other:1 && docker rmi other:1 >/dev/null
is "image events" "$(docker events --since "$begin" --until "$(($(date +%s) + 1))" --filter type=image --format '{{.Action}}' | xargs)" 'load tag untag'
docker exec up true
like "exec events" "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container=up --format '{{.Action}}' | xargs)" 'exec_create.* exec_start.* exec_die'
like "df" "$(docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}' | xargs)" '^Images 1 1 Containers 2 1'
ok "df -v" docker system df -v
like "system prune" "$(docker system prune -f)" 'Deleted Containers:'
is "... left what runs" "$(docker ps -a --format '{{.Names}}' | xargs)" up

# Two clients at once see the same.
clients=()
for i in $(seq 8); do
	docker run --rm busybox sh -c "echo $i" >"$work/par.$i" 2>/dev/null &
	clients+=($!)
done
wait "${clients[@]}"
is "eight at once" "$(cat "$work"/par.* | sort | xargs)" '1 2 3 4 5 6 7 8'
finish

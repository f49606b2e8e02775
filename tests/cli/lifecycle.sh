#!/usr/bin/env bash
# A container's life: create, start, stop, kill, pause, restart, rename, wait, remove; ps and top.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
trapper='trap "exit 3" TERM; trap "exit 4" USR1; echo up; while :; do sleep 1 & wait; done'
up() { docker logs "$1" 2>/dev/null | grep -q up; }

docker create --name one busybox sh -c "$trapper" >/dev/null
is "created" "$(json one '{{.State.Status}}')" created
docker start one >/dev/null
is "running" "$(json one '{{.State.Status}} {{.State.Running}}')" 'running true'
until_true 10 up one
code "starting twice is no error" 0 docker start one
docker stop one >/dev/null
is "stop: TERM, and its exit code" "$(json one '{{.State.Status}} {{.State.ExitCode}}')" 'exited 3'
code "stopping twice is no error" 0 docker stop one
docker start one >/dev/null
until_true 10 up one
docker kill -s USR1 one >/dev/null
is "kill -s and wait" "$(docker wait one)" 4
refuses "kill of a stopped one" 'is not running' docker kill one
refuses "a signal nobody knows" '[Ii]nvalid signal: NOPE' docker kill -s NOPE one
docker rm one >/dev/null

docker run -d --name deaf busybox sleep 1000 >/dev/null
docker stop -t 1 deaf >/dev/null
is "stop: KILL after the grace" "$(json deaf '{{.State.ExitCode}}')" 137
docker run -d --name sig --stop-signal USR1 busybox sh -c "$trapper" >/dev/null
until_true 10 up sig
docker stop sig >/dev/null
is "--stop-signal" "$(json sig '{{.State.ExitCode}}')" 4

docker start sig >/dev/null
before=$(json sig '{{.State.StartedAt}}')
docker restart -t 1 sig >/dev/null
is "restart runs it anew" "$([ "$(json sig '{{.State.StartedAt}}')" != "$before" ] && json sig '{{.State.Running}}')" true

docker pause sig >/dev/null
is "paused" "$(json sig '{{.State.Status}} {{.State.Paused}}')" 'paused true'
like "ps says so" "$(docker ps --filter name=sig --format '{{.Status}}')" '^Up .*\(Paused\)$'
refuses "pausing twice" 'is already paused' docker pause sig
docker unpause sig >/dev/null
is "running again" "$(json sig '{{.State.Status}}')" running
refuses "unpausing twice" 'is not paused' docker unpause sig

refuses "a running one is not removed" 'container is running|cannot remove container|You cannot remove a running container' docker rm sig
ok "rename" docker rename sig renamed
is "... is found by its new name" "$(json renamed '{{.Name}}')" /renamed
refuses "... not by its old one" 'No such' docker inspect sig
id=$(json renamed '{{.Id}}')
is "... by its id's beginning" "$(json "${id:0:6}" '{{.Name}}')" /renamed
refuses "rename to a name in use" 'Conflict|already in use' docker rename deaf renamed

# wait's conditions.
docker create --name waited busybox sh -c 'exit 6' >/dev/null
curl -sN --unix-socket "$sock" -X POST "http://d/v1.41/containers/waited/wait?condition=next-exit" -D "$work/head" -o "$work/body" &
waiter=$!
becomes "wait: headers come before the container starts" 10 grep -q '200 OK' "$work/head"
docker start waited >/dev/null
wait $waiter
is "wait next-exit" "$(jq -c .StatusCode "$work/body")" 6
curl -sN --unix-socket "$sock" -X POST "http://d/v1.41/containers/waited/wait?condition=removed" -D "$work/head2" -o "$work/body" &
waiter=$!
until_true 10 grep -q '200 OK' "$work/head2"
docker rm waited >/dev/null
wait $waiter
is "wait removed" "$(jq -c .StatusCode "$work/body")" 6
refuses "wait for nothing" 'No such container: nowhere' docker wait nowhere

# Restart policies.
docker run -d --name fails --restart on-failure:2 busybox sh -c 'exit 9' >/dev/null
becomes "on-failure:2 gives up after two more runs" 30 sh -c "docker inspect -f '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}' fails | grep -qx 'exited 2 9'"
docker run -d --name always --restart always busybox sh -c 'sleep 0.2' >/dev/null
becomes "always runs it again" 30 sh -c '[ $(docker inspect -f "{{.RestartCount}}" always) -ge 2 ]'
docker stop -t 1 always >/dev/null
is "... until it is stopped" "$(json always '{{.State.Status}}')" exited
docker run -d --name good --restart on-failure busybox true >/dev/null
is "on-failure leaves a success alone" "$(docker wait good) $(json good '{{.RestartCount}}')" '0 0'
docker rm -f always fails good >/dev/null

# ps
docker run -d --name lab --label color=blue --label size=2 busybox sleep 1000 >/dev/null
names() { docker ps --format '{{.Names}}' "$@" | sort | xargs; }
is "ps shows what runs" "$(names)" 'lab renamed'
is "ps -a shows all" "$(names -a)" 'deaf lab renamed'
is "ps --filter label" "$(names --filter label=color=blue)" lab
is "ps --filter name" "$(names -a --filter name=dea)" deaf
is "ps --filter status" "$(names -a --filter status=exited)" deaf
is "ps --filter exited" "$(names -a --filter exited=137)" deaf
is "ps --filter ancestor" "$(names --filter ancestor=busybox)" 'lab renamed'
is "ps --filter before, since" "$(names -a --filter since=deaf --filter before=lab)" renamed
is "ps -n 1, -l" "$(names -n 1) $(names -l)" 'lab lab'
refuses "ps with a filter nobody knows" '[Ii]nvalid filter' docker ps --filter nope=1
like "ps --size" "$(docker ps -s --filter name=lab --format '{{.Size}}')" 'B \(virtual .*B\)'
like "ps, the columns" "$(docker ps --filter name=lab --format '{{.Image}}|{{.Command}}|{{.Status}}|{{.Labels}}')" '^busybox\|"sleep 1000"\|Up .*\|color=blue,size=2|size=2,color=blue$'
like "top" "$(docker top lab)" 'sleep 1000'
like "top with ps's options" "$(docker top lab -o pid,comm)" '^PID +COMMAND'
like "stats" "$(docker stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' lab)" '^lab [0-9.]+% [0-9.]+[kKMG]?i?B / [0-9.]+[KMGT]iB 1$'
like "stats of a stopped one is empty" "$(docker stats --no-stream --format '{{.Name}} {{.PIDs}}' deaf)" '^(deaf|--) (0|--)$'
is "container prune removes what has ended" "$(docker container prune -f | grep -c '^[0-9a-f]\{64\}$'):$(names -a)" '1:lab renamed'
finish

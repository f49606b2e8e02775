#!/usr/bin/env bash
# Health checks: starting, healthy, unhealthy, their log, their time-out; from the image too.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
health() { docker inspect -f '{{.State.Health.Status}}' "$1"; }
is_health() { [ "$(health "$1")" = "$2" ]; }
docker run -d --name hc --health-cmd 'test -e /ok' --health-interval 0.3s --health-retries 2 --health-timeout 5s busybox sleep 1000 >/dev/null
is "at first it is starting" "$(health hc)" starting
becomes "without the file it becomes unhealthy" 20 is_health hc unhealthy
docker exec hc touch /ok
becomes "with it, healthy" 20 is_health hc healthy
like "ps says so" "$(docker ps --filter name=hc --format '{{.Status}}')" '\(healthy\)'
is "ps --filter health" "$(docker ps --filter health=healthy --format "{{.Names}}")" hc
like "the log of checks" "$(json hc '{{json .State.Health.Log}}' | jq -c '.[-1] | [.ExitCode, (.Start != null), (.End != null)]')" '^\[0,true,true\]$'
becomes "events tell" 10 sh -c "docker events --since 0 --until $(($(date +%s) + 1)) --filter container=hc --format '{{.Action}}' | grep -q 'health_status: healthy'"
docker run -d --name slow --health-cmd 'echo begun; sleep 60' --health-interval 0.3s --health-retries 1 --health-timeout 1s busybox sleep 1000 >/dev/null
becomes "a check that takes too long counts as failed" 20 is_health slow unhealthy
like "... and says so" "$(json slow '{{json .State.Health.Log}}' | jq -r '.[-1].Output')" 'exceeded timeout'
docker run -d --name off --no-healthcheck busybox sleep 1000 >/dev/null
is "--no-healthcheck" "$(json off '{{if .State.Health}}some{{else}}none{{end}}')" none
tar -xOf "$top/build/images/busybox.tar" --wildcards '*/layer.tar' >"$work/base.tar"
"$top/tools/image" make "$work/check.tar" with:check '{"Cmd":["sleep","1000"],"Env":["PATH=/bin"],"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":300000000}}' "$work/base.tar"
docker load -qi "$work/check.tar" >/dev/null
docker run -d --name own with:check >/dev/null
becomes "an image's own check is made" 20 is_health own healthy
docker pause hc >/dev/null
docker unpause hc >/dev/null
becomes "after a pause checks go on" 20 is_health hc healthy
finish

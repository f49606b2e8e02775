#!/usr/bin/env bash
# docker logs: every line, in order, once; following, cutting, time stamps, sizes.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox

docker run --name three busybox sh -c 'echo one; echo two >&2; echo three' >/dev/null 2>&1
is "what was printed" "$(docker logs three 2>/dev/null | xargs)" 'one three'
is "... on each stream" "$(docker logs three 2>&1 >/dev/null)" two
is "--tail" "$(docker logs --tail 2 three 2>/dev/null | tail -n 1)" three
is "--tail 0" "$(docker logs --tail 0 three 2>&1)" ''
like "--timestamps" "$(docker logs -t three 2>/dev/null | tail -n 1)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z three$'
is "--since the future" "$(docker logs --since 2099-01-01T00:00:00Z three 2>&1)" ''
is "--until the past" "$(docker logs --until 2000-01-01T00:00:00Z three 2>&1)" ''
is "--since the past" "$(docker logs --since 2000-01-01T00:00:00Z three 2>&1 | wc -l)" 3
is "following a container that has ended ends" "$(docker logs -f three 2>&1 | wc -l)" 3
docker start -a three >/dev/null 2>&1
is "a second run adds to it" "$(docker logs three 2>&1 | wc -l)" 6
docker run --name part busybox printf 'no newline' >/dev/null
is "a last line without an end" "$(docker logs part)" 'no newline'
docker run --name tty -t busybox echo tty >/dev/null
is "with a terminal" "$(docker logs tty | tr -d '\r')" tty

# A million lines, followed while they are written.
docker run -d --name million busybox seq 1000000 >/dev/null
is "logs -f of 1,000,000 lines loses none" "$(docker logs -f million | sha256sum)" "$(seq 1000000 | sha256sum)"
is "... read again" "$(docker logs million | sha256sum)" "$(seq 1000000 | sha256sum)"
is "--tail of a long log" "$(docker logs --tail 3 million | xargs)" '999998 999999 1000000'
docker rm million >/dev/null
docker run -d --name lines -i busybox sh -c 'while read x; do echo "got $x"; done' >/dev/null

# A follower sees a line as it is written.
docker logs -f lines >"$work/follow" &
follower=$!
mkfifo "$work/in"
docker attach --no-stdin=false lines <"$work/in" >/dev/null 2>&1 &
exec 8>"$work/in"
echo first >&8
becomes "a follower sees a line at once" 10 grep -q 'got first' "$work/follow"
echo second >&8
becomes "... and the next" 10 grep -q 'got second' "$work/follow"
exec 8>&-
docker rm -f lines >/dev/null
wait $follower
is "... and ends with the container" "$(xargs <"$work/follow")" 'got first got second'

# Rotation: the newest lines stay, the rest goes, nothing is out of order.
docker run --name small --log-opt max-size=64k --log-opt max-file=2 busybox seq 100000 >/dev/null
docker logs small >"$work/small" 2>/dev/null
is "a log with a size ends with the newest line" "$(tail -n 1 "$work/small")" 100000
first=$(head -n 1 "$work/small")
is "... has no gap" "$(sha256sum <"$work/small")" "$(seq "$first" 100000 | sha256sum)"
is "... and is not the whole" "$([ "$first" -gt 1 ] && echo yes)" yes
refuses "logs of nothing" 'No such container: nowhere' docker logs nowhere
finish

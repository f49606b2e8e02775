#!/usr/bin/env bash
# SIGKILL at random moments of creating, starting, stopping and removing: afterwards a container is
# whole or absent, in every place that knows of it, and can be removed.
#   SEED (printed) repeats the choices, KILLS is how often (default 200).
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "kills at random moments" "only on Caisson"; finish; }
seed=${SEED:-$((EPOCHSECONDS % 32768))} kills=${KILLS:-200} every=20
RANDOM=$seed
echo "# SEED=$seed KILLS=$kills"
engine_start
load busybox
call() { curl -s -o /dev/null --max-time 20 --unix-socket "$sock" -X "$@"; }
churn() { # NUMBER: lives of containers, one after the other; failures are expected
	local i=0 name
	while [ ! -e "$work/enough" ]; do
		i=$((i + 1)) name=c$1-$i
		call POST "http://d/containers/create?name=$name" -H 'Content-Type: application/json' \
			-d '{"Image":"busybox","Cmd":["sleep","100000"],"HostConfig":{"RestartPolicy":{"Name":"'"$2"'"}}}' ||
			{ read -rt 0.05 <> <(:); continue; }
		call POST "http://d/containers/$name/start"
		[ $((i % 3)) = 0 ] && call POST "http://d/containers/$name/restart?t=0"
		[ $((i % 2)) = 0 ] && call POST "http://d/containers/$name/stop?t=0"
		# Some stay, to be found by the next engine; not too many.
		[ $((i % 4)) = 0 ] || call DELETE "http://d/containers/$name?force=1"
	done
}
churners() {
	rm -f "$work/enough"
	churn "$1a" no & churn "$1b" always & churn "$1c" no &
}
calm() { # nobody asks for anything any more
	: >"$work/enough"
	local p
	for p in $(jobs -p); do [ "$p" = "$engine_pid" ] || wait "$p"; done 2>/dev/null
}
kill_one() {
	local what=$((RANDOM % 3)) child
	child=$(engine_child)
	case $what in
	0) kill -KILL "$child" ;;
	1) kill -KILL "$engine_pid" ;;
	2) kill -KILL "$child" "$engine_pid" ;;
	esac 2>/dev/null
	[ $what = 0 ] && return
	until_true 10 is_gone "$engine_pid"
	wait "$engine_pid"
	rm -f "$work/e.pid"
	engine_start
} 2>/dev/null
names() { ls "$1" 2>/dev/null | grep -xE '[0-9a-f]{64}' | sort; }
listed() { docker ps -aq --no-trunc "$@" | sort; }
differ() { # WHAT A B
	[ "$2" = "$3" ] || echo "$1: $(diff <(echo "$2") <(echo "$3") | grep '^[<>]' | cut -c1-14 | tr '\n' ' ')"
}
groups() { groups_of "$work/ids" | grep -oE '[0-9a-f]{64}$' | sort -u; }
settled() { ! docker ps -a --format '{{.State}}' | grep -qE 'restarting|removing'; }
wrong() { # every contradiction between what is said and what is there
	local all running id pid
	all=$(listed) running=$(listed --filter status=running)
	differ "engine's directories" "$all" "$(names "$data/engine/containers")"
	differ "keeper's directories" "$all" "$(names "$data/containers")"
	differ "run records" "$running" "$(names "$run/run")"
	differ "control groups" "$running" "$(groups)"
	find "$data/engine/containers" "$data/containers" "$run/run" -maxdepth 1 -name '.*' -printf 'half made: %P\n'
	docker ps -a --format '{{.State}}' | grep -vE '^(created|running|exited)$'
	for id in $running; do
		pid=$(json "$id" '{{.State.Pid}}')
		[ -d "/proc/$pid" ] || echo "$id: no process $pid"
		[ "$(docker exec "$id" echo in 2>&1)" = in ] || echo "$id: exec fails: $(docker exec "$id" echo in 2>&1)"
	done
}
consistent() { wrong >"$work/wrong" 2>&1; [ ! -s "$work/wrong" ]; }

for round in $(seq $((kills / every))); do
	churners "r$round"
	for ((k = 0; k < every; k++)); do
		read -rt "0.$(printf %03d $((RANDOM % 200)))" <> <(:)
		kill_one
	done
	until_true 20 answers
	calm
	note_ids
	until_true 20 settled
	if until_true 20 consistent; then
		pass "after $((round * every)) kills: $(listed | wc -l) containers, $(listed --filter status=running | wc -l) running, all whole"
	else
		mapfile -t lines <"$work/wrong"
		fail "after $((round * every)) kills all containers are whole" "${lines[@]}"
		break
	fi
	left=$(listed)
	ok "... each can be removed" sh -c "echo '$left' | xargs -r docker rm -f"
	until_true 10 consistent
	is "... and nothing of them is left" "$(listed; cat "$work/wrong"; names "$data/containers"; groups; ls "$run/engine" | grep sock)" ''
done
is "the next run is ordinary" "$(docker run --rm busybox echo fine 2>/dev/null)" fine
finish

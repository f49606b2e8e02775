# lib.sh - sourced by every system test.  A test starts its own engine on its own roots and socket,
# drives it with a stock docker command, says what it saw as TAP, and leaves nothing behind (which
# is its own last assertion).
#
#	. "$(dirname "$0")/../lib.sh"
#	engine_start
#	load busybox
#	code "an exit code comes through" 7 docker run --rm busybox sh -c 'exit 7'
#	finish
#
# Nothing here sleeps for a guessed time: until() polls something observable up to a deadline, the
# rest waits with docker wait, docker events or a pipe.
#
# Environment: DOCKER (a docker command; default: the machine's, else Debian's),
# TEST_ENGINE=dockerd runs the same test against Debian's dockerd, to check the test itself.
# shellcheck shell=bash disable=SC2034
set -u
umask 022
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
test_name=$(basename "$(dirname "$0")")/$(basename "$0" .sh)
bin=${BIN:-$top/build/bin}
helpers=$top/build/tests
work=$(mktemp -d /tmp/ct.XXXXXX)
chmod 755 "$work"
tests_run=0 tests_failed=0 finished=''
out=''
engine_pid=''
TEST_ENGINE=${TEST_ENGINE:-caisson}

# ---- TAP ---------------------------------------------------------------------------------------
note() { printf '%s\n' "$*" | cut -c1-600 | head -n 25 | sed 's/^/# /'; }
pass() { tests_run=$((tests_run + 1)); echo "ok $tests_run - $test_name: $1"; }
fail() { # TEXT [DIAGNOSTIC...]
	tests_run=$((tests_run + 1)) tests_failed=$((tests_failed + 1))
	echo "not ok $tests_run - $test_name: $1"
	shift
	local line
	for line; do note "$line"; done
}
skip() { tests_run=$((tests_run + 1)); echo "ok $tests_run - $test_name: $1 # SKIP $2"; }
is() { # TEXT GOT WANT
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:  $2" "want: $3"; fi
}
like() { # TEXT GOT EXTENDED-REGEX
	if grep -Eq -- "$3" <<<"$2"; then pass "$1"; else fail "$1" "got:  $2" "want: /$3/"; fi
}
unlike() { # TEXT GOT EXTENDED-REGEX
	if grep -Eq -- "$3" <<<"$2"; then fail "$1" "got: $2" "unwanted: /$3/"; else pass "$1"; fi
}
ok() { # TEXT COMMAND...: it succeeds; its output is in $out
	local text=$1
	shift
	out=$("$@" 2>&1 </dev/null)
	local rc=$?
	if [ $rc = 0 ]; then pass "$text"; else fail "$text" "command: $*" "exit code $rc" "$out"; fi
	return $rc
}
code() { # TEXT CODE COMMAND...: it ends with CODE; its output is in $out
	local text=$1 want=$2
	shift 2
	out=$("$@" 2>&1 </dev/null)
	local rc=$?
	if [ $rc = "$want" ]; then pass "$text"; else fail "$text" "command: $*" "exit code $rc, want $want" "$out"; fi
}
prints() { # TEXT WANT COMMAND...: its standard output is exactly WANT
	local text=$1 want=$2 err rc
	shift 2
	out=$("$@" 2>"$work/stderr" </dev/null)
	rc=$?
	if [ "$out" = "$want" ]; then pass "$text"; else fail "$text" "command: $*" "exit code $rc" "got:  $out" "want: $want" "$(head -c 500 "$work/stderr")"; fi
}
refuses() { # TEXT REGEX COMMAND...: it fails with a message that matches
	local text=$1 want=$2
	shift 2
	out=$("$@" 2>&1 </dev/null)
	local rc=$?
	if [ $rc != 0 ] && grep -Eq -- "$want" <<<"$out"; then pass "$text"; else fail "$text" "command: $*" "exit code $rc" "got:  $out" "want: /$want/"; fi
}
until_true() { # SECONDS COMMAND...: polls until it succeeds
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $deadline ] || return 1
		read -rt 0.03 <> <(:) || :
	done
}
becomes() { # TEXT SECONDS COMMAND...
	local text=$1
	shift
	if until_true "$@"; then pass "$text"; else fail "$text" "not within $1 s: ${*:2}"; fi
}

# ---- engines -----------------------------------------------------------------------------------
# An engine is a name: its roots, socket and log are $work/NAME.*; the first is "e".
use_engine() { # NAME: the docker commands that follow talk to it
	engine=$1
	data=$work/$1.data run=$work/$1.run sock=$work/$1.sock log=$work/$1.log
	export DOCKER_HOST=unix://$sock
	engine_pid=$(cat "$work/$1.pid" 2>/dev/null)
}
answers() { curl -sf --max-time 5 --unix-socket "$sock" http://d/_ping -o /dev/null; }
engine_start() { # [CAISSOND-FLAGS...]: starts the current engine and waits for its first answer
	[ -n "${engine:-}" ] || use_engine e
	if [ "$TEST_ENGINE" = dockerd ]; then
		"$top/tests/peer" dockerd "$data" "$run" "$sock" "$work/$engine.pid" >>"$log" 2>&1
	else
		setsid "$bin/caissond" --data-root "$data" --exec-root "$run" -H "unix://$sock" "$@" \
			>>"$log" 2>&1 </dev/null 9>&- &
		echo $! >"$work/$engine.pid"
	fi
	engine_pid=$(cat "$work/$engine.pid" 2>/dev/null)
	if ! until_true 20 answers; then
		fail "the engine starts and answers" "$(tail -n 20 "$log")"
		finish
	fi
}
engine_stop() { # SIGTERM, and waits for the end
	[ -n "$engine_pid" ] || return 0
	kill -TERM "$engine_pid" 2>/dev/null
	until_true 20 is_gone "$engine_pid" || { fail "the engine stops on SIGTERM" "$(tail -n 5 "$log")"; kill -KILL "$engine_pid"; }
	wait "$engine_pid" 2>/dev/null
	rm -f "$work/$engine.pid"
	engine_pid=''
}
is_gone() { [ ! -d "/proc/$1" ] || [ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null)" = Z ]; }
# The unprivileged half of the current engine.
engine_child() { pgrep -P "$engine_pid" -f caisson-engine | head -n 1; }

load() { # IMAGE...: archives of tests/images, into the current engine
	local name
	[ -e "$top/build/images/probe.tar" ] || "$top/tests/images" || exit 1
	for name; do
		docker load -qi "$top/build/images/$name.tar" >"$work/load.out" 2>&1 && continue
		fail "docker load $name" "$(cat "$work/load.out")"
		finish
	done
}
api() { # METHOD PATH [CURL-ARGUMENTS...]: status code on the last line
	local method=$1 path=$2
	shift 2
	curl -s --max-time 30 --unix-socket "$sock" -X "$method" -w '\n%{http_code}' "$@" "http://d$path"
}
status_of() { api "$@" | tail -n 1; }
json() { # CONTAINER TEMPLATE
	docker inspect -f "$2" "$1" 2>/dev/null
}
pid_of() { json "$1" '{{.State.Pid}}'; }
status_field() { # PID FIELD, of /proc/PID/status
	awk -v f="$2:" '$1 == f { $1 = ""; sub(/^ /, ""); print }' "/proc/$1/status"
}

# ---- the end -----------------------------------------------------------------------------------
# Host processes of this test's engines, and only those: the daemons and shims that carry its folder
# in their command line or hold a file of its data root, and members of its containers' control
# groups.  This list is killed when a test is broken off, so it is strict: it must be impossible
# that a process of anything else on the machine is in it (mount tables, say, are no criterion:
# every process of the host shows every mount of the host).
test_started=$(awk '{ sub(/.*\) /, ""); print $20 }' /proc/$$/stat)
ours() { # PID: started after this test, and not part of it
	[ "$1" -gt 1 ] && [ "$1" != $$ ] && [ "$1" != "$BASHPID" ] &&
		[ "$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat")" -ge "$test_started" ]
}
strays() {
	local p
	{
		for p in $(pgrep -f '^([^ ]*/)?(caisson|dockerd|containerd)[^ /]*( |$)'); do
			if tr '\0' ' ' <"/proc/$p/cmdline" | grep -qF "$work/" ||
				find "/proc/$p/fd" -lname "$work/*.data/*" -print -quit | grep -q . ||
				# A shim's log was opened by the engine, in whose name space the path is shorter.
				{ [ -s "$work/ids" ] && readlink "/proc/$p/fd/4" | grep -qFf "$work/ids"; }; then
				ours "$p" && echo "$p"
			fi
		done
		for p in $(groups_of "$work/ids" | sed 's,$,/cgroup.procs,' | xargs -r cat | sort -un); do
			ours "$p" && echo "$p"
		done
	} 2>/dev/null # processes end while we look
}
describe() { local p; for p; do echo "pid $p: $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | cut -c1-120)"; done; }
no_strays() { [ -z "$(strays)" ]; }
groups_of() { # FILE of container ids: cgroup folders of one of them (a whole id of 64 digits)
	[ -s "$1" ] || return 0
	find /sys/fs/cgroup -mindepth 2 -maxdepth 5 -type d 2>/dev/null | awk -v ids="$1" '
		BEGIN { while ((getline id <ids) > 0) if (id ~ /^[0-9a-f]+$/ && length(id) == 64) known[id] = 1 }
		match($0, /[0-9a-f]+$/) && RLENGTH == 64 && (substr($0, RSTART) in known)'
}
no_groups() { [ -z "$(groups_of "$work/ids")" ]; }

note_ids() { # of every container the current engine has or had, as far as can be known
	{
		docker events --since 0 --until "$(($(date +%s) + 1))" --filter event=create --format '{{.Actor.ID}}'
		docker ps -aq --no-trunc
		ls "$data/containers"
	} 2>/dev/null | sort -u | grep -xE '[0-9a-f]{64}' >>"$work/ids"
}
clear_engine() { # removes every container, remembers the ids, stops the engine
	use_engine "$1"
	[ -n "$engine_pid" ] && [ -d "/proc/$engine_pid" ] || return 0
	note_ids
	docker ps -aq 2>/dev/null | xargs -r docker rm -f >"$work/rm.out" 2>&1 ||
		fail "the last containers can be removed" "$(tail -n 3 "$work/rm.out")"
	engine_stop
}
finish() { # last call of every test
	local name p
	finished=yes
	trap - EXIT
	touch "$work/ids"
	for name in "$work"/*.pid; do
		[ -e "$name" ] || continue
		name=$(basename "$name" .pid)
		clear_engine "$name"
	done
	# Jobs of the test itself (clients in the background).
	jobs -p | xargs -r kill 2>/dev/null
	wait 2>/dev/null
	if [ "$TEST_ENGINE" = caisson ]; then
		if until_true 10 no_strays && until_true 5 no_groups && ! grep -qF "$work/" /proc/self/mountinfo; then
			pass "no process, mount or control group is left"
		else
			fail "no process, mount or control group is left" "$(describe $(strays))" \
				"$(groups_of "$work/ids" | head -5)" "$(grep -F "$work/" /proc/self/mountinfo | head -5)"
		fi
	fi
	# BIN=build/asan/bin: whatever the sanitizers found is in the daemons' log.
	if grep -qsE 'Sanitizer:|runtime error:' "$work"/*.log; then
		fail "no sanitizer has anything to say" "$(grep -hsE -A14 'Sanitizer:|runtime error:' "$work"/*.log)"
	fi
	[ "$tests_failed" = 0 ] || for p in "$work"/*.log; do note "$(basename "$p"): $(tail -n 15 "$p" 2>/dev/null)"; done
	undo
	echo "1..$tests_run"
	exit $((tests_failed > 0))
}
undo() { # whatever happened: nothing of this test stays
	local p m
	ls "$work"/*.data/containers 2>/dev/null | grep -xE '[0-9a-f]{64}' >>"$work/ids"
	for p in $(strays); do kill -KILL "$p" 2>/dev/null; done
	until_true 5 no_strays || :
	while read -r m; do umount -l "$m" 2>/dev/null; done \
		< <(awk -v w="$work/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
	groups_of "$work/ids" 2>/dev/null | sort -r | xargs -r rmdir 2>/dev/null
	rm -rf --one-file-system "$work"
}
interrupted() {
	[ -n "$finished" ] && return
	jobs -p | xargs -r kill 2>/dev/null
	undo
}
trap interrupted EXIT
trap 'exit 130' INT TERM

# ---- docker ------------------------------------------------------------------------------------
# A docker command that cannot hang a test: one failed assertion instead.
mkdir -p "$work/bin" "$work/docker"
stock_docker=${DOCKER:-$("$top/tools/docker-cli" any)} || { echo "not ok 1 - no docker command"; exit 1; }
cat >"$work/bin/docker" <<END
#!/bin/sh
exec timeout --foreground -k 5 "\${DOCKER_TIMEOUT:-90}" "$stock_docker" "\$@"
END
chmod +x "$work/bin/docker"
export PATH=$work/bin:$PATH DOCKER_CONFIG=$work/docker DOCKER_CLI_HINTS=false
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
use_engine e

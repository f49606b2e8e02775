#!/usr/bin/env bash
# docker run as people use it: output, exit codes, input, terminals, --rm, -d.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox

prints "run prints what the program prints" hi docker run --rm busybox echo hi
prints "output and errors come apart" out docker run --rm busybox sh -c 'echo out; echo err >&2'
is "... and errors on the error stream" "$(grep -v ^WARNING "$work/stderr")" err

for c in 0 1 7 42 255; do
	code "exit code $c" $c docker run --rm busybox sh -c "exit $c"
done
code "125: a flag nobody knows" 125 docker run --rm --no-such-flag busybox true
code "125: a request the engine refuses" 125 docker run --rm --memory 1k busybox true
code "126: a file that is not executable" 126 docker run --rm busybox /etc/passwd
like "... says so" "$out" 'permission denied'
code "126: a directory" 126 docker run --rm busybox /etc
code "127: a program that is not there" 127 docker run --rm busybox no-such-program
like "... says so" "$out" 'executable file not found in \$PATH'
code "127: a path that is not there" 127 docker run --rm busybox /no/such
like "... says so" "$out" 'no such file or directory'
code "137: killed" 137 docker run --rm --init busybox sh -c 'kill -KILL $$'
code "143: terminated by a signal" 143 docker run --rm --init busybox sh -c 'kill -TERM $$'
code "134 and so on: 128 + signal" 134 docker run --rm --init busybox sh -c 'kill -ABRT $$'

is "-i passes standard input" "$(echo x | docker run --rm -i busybox cat)" x
is "without -i there is none" "$(echo x | docker run --rm busybox cat)" ''
is "a megabyte through cat is the same" \
	"$(head -c 1000000 /dev/zero | tr '\0' a | docker run --rm -i busybox cat | sha256sum)" \
	"$(head -c 1000000 /dev/zero | tr '\0' a | sha256sum)"
is "the end of input reaches the program, its output comes after" \
	"$(printf '1\n2\n3\n' | docker run --rm -i busybox sh -c 'n=$(wc -l); echo "lines $n"')" 'lines 3'

# A terminal, driven by a program that waits for each prompt.
on_tty() { timeout 60 "$helpers/onpty" "$@" </dev/null; }
out=$(on_tty docker run --rm -t busybox tty)
like "-t gives a terminal" "$out" '/dev/(pts/[0-9]+|console)'
# A client before API 1.42 sends the size only after the start.
out=$(on_tty -s 37x91 docker run --rm -it busybox sh -c 'until s=$(stty size 2>/dev/null) && [ "$s" ]; do usleep 10000; done; echo "$s"')
like "-it passes the window size on" "$out" '37 91'
out=$(on_tty -e '# ' 'echo tty-$((6*7))\n' -e 'tty-42' 'exit 3\n' docker run --rm -it busybox sh)
is "-it: a shell answers and its exit code comes back" "$?" 3
like "... having printed" "$out" 'tty-42'
out=$(on_tty -e '# ' '\x03' -e '# ' 'exit 0\n' docker run --rm -it busybox sh)
is "-it: control-C interrupts, not ends, the shell" "$?" 0
out=$(on_tty -e '# ' '\x10\x11' docker run --name detached -it busybox sh)
is "-it: control-P control-Q detaches" "$(json detached '{{.State.Running}}')" true
out=$(on_tty -e '# ' 'q' docker run --name detached2 --detach-keys q -it busybox sh)
is "--detach-keys" "$(json detached2 '{{.State.Running}}')" true
docker rm -f detached detached2 >/dev/null

ok "-d prints the id" docker run -d --name daemon busybox sleep 1000
like "... all of it" "$out" '^[0-9a-f]{64}$'
is "... and it runs" "$(json daemon '{{.State.Status}}')" running
ok "rm -f ends it" docker rm -f daemon
refuses "and it is gone" 'No such (object|container): daemon' docker inspect daemon

docker run --name gone --rm busybox true
refuses "--rm removes" 'No such container: gone' docker logs gone
docker run --name stays busybox sh -c 'echo kept; exit 5' >/dev/null
is "without --rm it stays, with its exit code" "$(json stays '{{.State.ExitCode}}')" 5
prints "start -a runs it again" kept docker start -a stays
docker rm stays >/dev/null

docker run --name dup -d busybox sleep 100 >/dev/null
refuses "a name is used once" 'Conflict. The container name "/dup" is already in use by container' docker run --name dup busybox true
refuses "a name has rules" 'Invalid container name' docker create --name 'a b' busybox true
refuses "no image, no container" '(No such image|Unable to find image|pull access denied|not supported|not offered)' docker run --rm no-such-image:ever true
docker rm -f dup >/dev/null

# A client that does not read holds up its container, but not the news of its end.
unread_stalls() { # all that lies between them is full
	local before=$(docker logs unread 2>/dev/null | wc -c)
	read -rt 0.5 <> <(:) || :
	[ "$before" -gt 0 ] && [ "$before" = "$(docker logs unread 2>/dev/null | wc -c)" ]
}
gone_unread() { ! docker inspect unread; }
for opts in '' --rm; do
	mkfifo "$work/unread"
	docker run $opts --name unread busybox sh -c \
		'trap "exit 3" TERM; head -c 100000000 /dev/zero & wait' >"$work/unread" 2>/dev/null &
	client=$!
	exec 7<"$work/unread"
	becomes "a client stops reading ${opts:+($opts)}" 20 unread_stalls
	ok "... stop ends the container" timeout 60 docker stop -t 30 unread
	if [ "$opts" ]; then
		becomes "... it is removed" 30 gone_unread
	else
		is "... its exit code is known" "$(timeout 60 docker wait unread)" 3
		size=$(docker logs unread | wc -c)
		ok "... it starts again at once" docker start unread
		ok "... and goes" docker rm -f unread
	fi
	got=$(timeout 60 wc -c <&7)
	if [ -z "$opts" ]; then
		is "... then the client reads what it has written, all of it" "$got" "$size"
	else
		like "... then the client reads what it has written, to the end" "$got" '^[0-9]{6,}$'
	fi
	exec 7<&-
	wait $client
	is "... and has its exit code" "$?" 3
	rm "$work/unread"
done

# Signals pass through the client.
docker run --name sig --rm busybox sh -c 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 1 & wait; done' >"$work/sig.out" &
client=$!
until_true 30 grep -q ready "$work/sig.out"
kill -TERM "$(pgrep -P $client docker || echo $client)" 2>/dev/null
wait $client
is "a signal to the client reaches the program" "$?:$(tail -n 1 "$work/sig.out")" 9:got

is "--env, --workdir, --hostname, --user, --entrypoint together" \
	"$(docker run --rm -e A=1 -e B='two words' -w /tmp -h box -u 33 --entrypoint /bin/sh busybox -c 'echo "$A|$B|$PWD|$(hostname)|$(id -u)|$(id -g)"')" \
	'1|two words|/tmp|box|33|33'
is "a working directory that is not there is made" "$(docker run --rm -w /a/b/c busybox pwd)" /a/b/c
is "--init is process 1" "$(docker run --rm --init busybox sh -c 'echo $$' | awk '{print ($1 > 1)}')" 1
is "without --init the program is process 1" "$(docker run --rm busybox sh -c 'echo $$')" 1
finish

#!/usr/bin/env bash
# docker exec: codes, input, terminals, environment, users; 300 MB come back byte for byte.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
docker run -d --name box -e BASE=1 busybox sleep 10000 >/dev/null

prints "exec prints" hello docker exec box echo hello
for c in 0 3 255; do code "exit code $c" $c docker exec box sh -c "exit $c"; done
code "126: not executable" 126 docker exec box /etc/passwd
code "127: not there" 127 docker exec box no-such-program
code "137: killed" 137 docker exec box sh -c 'kill -9 $$'
is "-i passes standard input" "$(echo x | docker exec -i box cat)" x
is "the end of input is passed on" "$(printf '1\n2\n' | docker exec -i box wc -l)" 2
is "output and errors come apart" "$(docker exec box sh -c 'echo o; echo e >&2' 2>"$work/err")/$(cat "$work/err")" o/e
is "-e adds to the container's environment" "$(docker exec -e MORE=2 box sh -c 'echo $BASE$MORE')" 12
is "-w" "$(docker exec -w /tmp box pwd)" /tmp
is "-u number" "$(docker exec -u 1234:77 box sh -c 'id -u; id -g' | xargs)" '1234 77'
is "-u name" "$(docker exec -u www-data box id -u)" 33
refuses "-u of a user that is not there" 'unable to find user nobody-here' docker exec -u nobody-here box true
is "it is in the container's namespaces" "$(docker exec box readlink /proc/self/ns/pid)" "$(docker exec box readlink /proc/1/ns/pid)"
out=$("$helpers/onpty" -s 31x97 -e '# ' 'stty size\n' -e '31 97' 'exit 4\n' docker exec -it box sh </dev/null)
is "-it: window size, a shell, its exit code" "$?" 4
out=$("$helpers/onpty" -e '# ' 'tty\n' -e '/dev/' 'exit 0\n' docker exec -it box sh </dev/null)
like "-it: a terminal of the container" "$out" '/dev/(pts/[0-9]+|console)'

# -d: detached; its effect is seen, and the API knows its exit code.
docker exec -d box sh -c 'echo done >/tmp/detached'
becomes "-d runs it in the background" 10 docker exec box test -s /tmp/detached
id=$(api POST /v1.41/containers/box/exec -H 'Content-Type: application/json' -d '{"Cmd":["sh","-c","exit 5"],"AttachStdout":true}' | head -n 1 | jq -r .Id)
api POST "/v1.41/exec/$id/start" -H 'Content-Type: application/json' -d '{"Detach":false}' >/dev/null
is "exec inspect tells the exit code" "$(api GET "/v1.41/exec/$id/json" | head -n 1 | jq -c '[.Running,.ExitCode]')" '[false,5]'
is "an exec starts once" "$(status_of POST "/v1.41/exec/$id/start" -H 'Content-Type: application/json' -d '{"Detach":true}')" 409
refuses "no exec in a container that is not there" 'No such container: nowhere' docker exec nowhere true

# 300 MB of bytes that repeat nowhere, there and back.
big() { openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null | head -c 300000000; }
want=$(big | sha256sum)
is "300 MB through exec -i cat are the same" "$(big | docker exec -i box cat | sha256sum)" "$want"

docker pause box >/dev/null
refuses "no exec in a paused container" 'is paused, unpause the container before exec' docker exec box true
docker unpause box >/dev/null
docker stop -t 0 box >/dev/null
refuses "no exec in a stopped container" 'is not running' docker exec box true
finish

#!/usr/bin/env bash
# Ordinary docker lines (tests/compat/lines) on Caisson and on Docker's daemon, compared.  Where they
# differ, docs/COMPATIBILITY.md must name the line in brackets; a named line that no longer differs
# is a failure too, so that the document stays true.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "comparison" "it runs both engines itself"; finish; }
"$top/tests/peer" get 2>"$work/peer.err" || { skip "comparison" "no dockerd: $(tail -n 1 "$work/peer.err")"; finish; }

# A program of 32 bits: "write hello, exit 0", without a library.
cat >"$work/i386.s" <<'END'
.globl _start
_start: movl $4, %eax; movl $1, %ebx; movl $text, %ecx; movl $6, %edx; int $0x80
	movl $1, %eax; xorl %ebx, %ebx; int $0x80
text:	.ascii "hello\n"
END
mkdir -p "$work/i386"
as --32 -o "$work/i386.o" "$work/i386.s" && ld -m elf_i386 -o "$work/i386/hello" "$work/i386.o"
"$top/tools/image" make "$work/i386.tar" i386:latest '{"Cmd":["/hello"]}' "$work/i386"
for kind in debian services; do
	archive=$top/build/images/$kind.tar
	[ "$archive" -nt "$top/tools/image" ] || "$top/tools/image" "$kind" "$archive" >"$work/$kind.out" 2>&1 ||
		note "no $kind image: $(tail -n 1 "$work/$kind.out")"
done
export -f until_true # for the lines

prepare() { # loads what the lines use
	load busybox probe
	docker load -qi "$work/i386.tar" >/dev/null
	for archive in debian services; do
		[ ! -e "$top/build/images/$archive.tar" ] || docker load -qi "$top/build/images/$archive.tar" >/dev/null
	done
}
normal() { # replaces what differs from run to run
	sed -E -e 's/\b[0-9a-f]{64}\b/ID/g' -e 's/\b[0-9a-f]{12}\b/ID/g' -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' \
		-e 's/(failed to create (shim )?task|OCI runtime (create|exec) failed).*unable to start container process: (error during container init: )?//' \
		-e "s,$work/[a-z]+\.sock,SOCKET,g" -e '/^See .docker run --help/d' -e '/^Run .docker run --help/d' -e '/^WARNING: the default network is /d' -e '/^$/d' -e 's/[[:space:]]+$//'
}
run_lines() { # ENGINE-NAME: one file per line
	local name command
	mkdir -p "$work/$1.out"
	while IFS= read -r line; do
		case $line in '' | '#'*) continue ;; esac
		name=${line%%:*} command=${line#*: }
		{
			timeout 120 bash -c "$command" 2>"$work/line.err" </dev/null
			echo "exit code $?"
			cat "$work/line.err"
		} | normal >"$work/$1.out/$name"
		docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1
	done <"$top/tests/compat/lines"
}
use_engine c
engine_start
prepare
run_lines c
use_engine d
"$top/tests/peer" dockerd "$data" "$run" "$sock" "$work/d.pid" >"$log" 2>&1 || { skip "comparison" "dockerd does not start here: $(tail -n 1 "$log")"; finish; }
engine_pid=$(cat "$work/d.pid")
prepare
run_lines d
for file in "$work"/d.out/*; do
	name=$(basename "$file")
	meant=$(grep -cF "[$name]" "$top/docs/COMPATIBILITY.md")
	if cmp -s "$file" "$work/c.out/$name"; then
		if [ "$meant" = 0 ]; then pass "$name: the same"; else fail "$name: the same, though docs/COMPATIBILITY.md says it differs"; fi
	elif [ "$meant" != 0 ]; then
		pass "$name: differs as docs/COMPATIBILITY.md says"
	else
		fail "$name: differs" "$(diff -u --label dockerd --label caisson "$file" "$work/c.out/$name" | head -n 20)"
	fi
done
# Docker's daemon keeps a network namespace mounted when it ends.
clear_engine d
umount "$work/d.run/netns/default" 2>/dev/null
finish

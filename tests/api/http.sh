#!/usr/bin/env bash
# The HTTP layer against what no client should send: a status or a closed connection, never a hang
# or a crash, and the next client is served.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox
keeper=$engine_pid
child=$(engine_child)
# Sends bytes (printf format), prints the status of the answer.
exchange() { timeout 10 socat -t 5 - "UNIX-CONNECT:$sock" 2>/dev/null; }
status() { head -n 1 | awk '{print $2}'; }
refused() { # TEXT FORMAT: an error status, or closed without an answer
	local s
	# shellcheck disable=SC2059
	s=$(printf "$2" | exchange | status)
	case $s in '' | 4?? | 5??) pass "$1 (${s:-closed})" ;; *) fail "$1" "status $s" ;; esac
}
is "a good request" "$(printf 'GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n' | exchange | status)" 200
refused "nothing but noise" '\x00\x01\x02\xff\xfe\r\n\r\n'
refused "no version" 'GET /_ping\r\n\r\n'
refused "a version of the future" 'GET /_ping HTTP/3.0\r\nHost: d\r\n\r\n'
refused "a TLS hello on the plain socket" '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
refused "no path" 'GET  HTTP/1.1\r\nHost: d\r\n\r\n'
refused "a method nobody knows" 'BREW /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'
post='POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: close\r\n'
refused "two lengths" "${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
refused "a length and chunks" "${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "a negative length" "${post}Content-Length: -1\r\n\r\n"
refused "a length beyond all bounds" "${post}Content-Length: 99999999999999999999\r\n\r\n"
refused "a chunk size beyond all bounds" "${post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"
refused "a chunk that is none" "${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"
refused "an encoding nobody knows" "${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
refused "a header without a colon" 'GET /_ping HTTP/1.1\r\nHost d\r\n\r\n'
refused "a folded header" 'GET /_ping HTTP/1.1\r\nHost: d\r\nX: a\r\n b\r\n\r\n'
refused "a blank before the colon" 'GET /_ping HTTP/1.1\r\nHost : d\r\n\r\n'
refused "a NUL in a header" 'GET /_ping HTTP/1.1\r\nHost: d\r\nX: a\x00b\r\n\r\n'
refused "a path with a bad escape" 'GET /%%zz HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'
refused "a path with an escaped NUL" 'GET /containers/%%00/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'
refused "a path that climbs" 'GET /v1.41/../../etc/passwd HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'
long=$(head -c 2000000 /dev/zero | tr '\0' a)
like "a header of 2 MB" "$(printf 'GET /_ping HTTP/1.1\r\nHost: d\r\nX: %s\r\n\r\n' "$long" | exchange | status || :)closed" '^(4..)?closed$'
like "a path of 2 MB" "$(printf 'GET /%s HTTP/1.1\r\nHost: d\r\n\r\n' "$long" | exchange | status || :)closed" '^(4..)?closed$'
like "100,000 headers" "$({ printf 'GET /_ping HTTP/1.1\r\nHost: d\r\n'; seq -f 'X-%.0f: some-value-or-other' 100000; printf '\r\n\r\n'; } | exchange | status || :)closed" '^(4..)?closed$'

# Requests in one packet, and byte by byte.
like "two requests in one packet are answered" "$(printf 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n' | exchange | grep -c '^HTTP/1.1 200')" '^[12]$'
is "byte by byte" "$(printf 'GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n' | timeout 20 socat -b 1 -t 5 - "UNIX-CONNECT:$sock" | status)" 200
is "HEAD has no body" "$(printf 'HEAD /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n' | exchange | sed '1,/^\r$/d' | wc -c)" 0

# JSON
post() { status_of POST "/v1.41$1" -H 'Content-Type: application/json' --data-binary "$2"; }
for body in '' '{' '[]' 'null' '"x"' '{"Image":1}' '{"Image":"busybox","Cmd":"x","Env":7}' '{"Image":"busybox","HostConfig":[]}' \
	'{"Image":"busybox"}{' '{"Image":"busybox","Image":' '{"Image":"busybox","HostConfig":{"Memory":"1"}}' \
	'{"Image":"busybox","HostConfig":{"Memory":1e400}}' '{"Image":"busybox","HostConfig":{"Memory":99999999999999999999}}'; do
	like "create with ${body:-nothing}: refused" "$(post /containers/create "$body")" '^(4[0-9][0-9]|501)$'
done
python3 -c "print('{\"a\":'*200000)" >"$work/deep.json"
like "JSON 200,000 levels deep" "$(post /containers/create "@$work/deep.json")" '^4'
python3 -c "print('{\"Image\":\"busybox\",\"Env\":[' + ','.join(['\"A=%d\"' % i for i in range(1000000)]) + ']}')" >"$work/wide.json"
like "JSON with a million strings" "$(post /containers/create "@$work/wide.json")" '^(4..|201)$'
docker ps -aq | xargs -r docker rm >/dev/null
like "a body that is not called JSON" "$(status_of POST /v1.41/containers/create -H 'Content-Type: text/plain' -d '{"Image":"busybox"}')" '^4'

# Versions and paths
is "versions: too new" "$(api GET /v1.99/info | head -1 | jq -r .message)" 'client version 1.99 is too new. Maximum supported API version is 1.50'
is "versions: too old" "$(api GET /v1.12/info | head -1 | jq -r .message)" 'client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version'
is "the oldest" "$(status_of GET /v1.24/info)" 200
is "none" "$(status_of GET /info)" 200
is "a path nobody knows" "$(api GET /v1.41/nothing | sed '/^$/d' | xargs -d '\n')" '{"message":"page not found"} 404'
is "a name that is not there" "$(api GET /v1.41/containers/none/json | sed '/^$/d' | xargs -d '\n')" '{"message":"No such container: none"} 404'
for p in 'containers/json?filters=nonsense' 'containers/json?filters={"nope":["x"]}' 'containers/json?limit=x' 'events?filters=[' 'events?since=x'; do
	like "bad parameter: $p" "$(status_of GET "/v1.41/$p" -g --max-time 5)" '^4'
done
is "what is not offered yet says so: 501 and a sentence" "$(api POST /v1.41/networks/create -H 'Content-Type: application/json' -d '{"Name":"x"}' | sed '/^$/d' | xargs -d '\n' | grep -cE '"message":".+ 501$')" 1

# Many unfinished requests do not lock others out.
python3 - "$sock" <<'END' &
import signal, socket, sys
held = []
for i in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.send(b"GET /_ping HT")
    held.append(s)
signal.pause()
END
holder=$!
is "300 unfinished requests do not lock others out" "$(until_true 5 answers && docker run --rm busybox echo served)" served
kill $holder
wait $holder 2>/dev/null
is "the keeper is the same process" "$([ -d "/proc/$keeper" ] && echo yes)" yes
is "the engine is the same process" "$(engine_child)" "$child"
is "and serves" "$(docker run --rm busybox echo fine)" fine
is "no container came out of it" "$(docker ps -aq | wc -l)" 0
finish

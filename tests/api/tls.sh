#!/usr/bin/env bash
# TCP: only with mutual TLS.  Certificates are made here; streams keep their half-close over TLS.
. "$(dirname "$0")/../lib.sh"
[ "$TEST_ENGINE" = caisson ] || { skip "TLS" "only on Caisson"; finish; }
ca() { # FOLDER
	mkdir -p "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test ca" \
		-keyout "$1/ca-key.pem" -out "$1/ca.pem" 2>/dev/null
}
cert() { # CA-FOLDER NAME EXTENSIONS
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1/$2-key.pem" -out "$1/$2.csr" 2>/dev/null
	openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca-key.pem" -CAcreateserial -days 2 -extfile <(printf '%s' "$3") -out "$1/$2.pem" 2>/dev/null
}
ca "$work/ca" && cert "$work/ca" server 'subjectAltName=IP:127.0.0.1,DNS:localhost' && cert "$work/ca" client 'extendedKeyUsage=clientAuth'
ca "$work/other" && cert "$work/other" client 'extendedKeyUsage=clientAuth'
chmod 644 "$work"/ca/*.pem
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
engine_start -H "tcp://127.0.0.1:$port" --tlsverify --tlscacert "$work/ca/ca.pem" --tlscert "$work/ca/server.pem" --tlskey "$work/ca/server-key.pem"
load busybox
tls() { docker -H "tcp://127.0.0.1:$port" --tlsverify --tlscacert "$work/ca/ca.pem" --tlscert "$work/ca/client.pem" --tlskey "$work/ca/client-key.pem" "$@"; }
get() { curl -s --max-time 10 -o /dev/null -w '%{http_code}' --cacert "$work/ca/ca.pem" "$@" "https://127.0.0.1:$port/_ping"; }

is "with a certificate of the CA" "$(get --cert "$work/ca/client.pem" --key "$work/ca/client-key.pem")" 200
is "without one the handshake fails" "$(get)" 000
is "with one of another CA it fails" "$(get --cert "$work/other/client.pem" --key "$work/other/client-key.pem")" 000
is "plain HTTP is not answered" "$(curl -s --max-time 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/_ping" | sed 's/400/000/')" 000
is "TLS 1.1 is refused" "$(get --tls-max 1.1 --cert "$work/ca/client.pem" --key "$work/ca/client-key.pem")" 000
like "version" "$(tls version --format '{{.Server.APIVersion}}')" '^1\.50$'
# A remote caller has objects of its own.
ok "load" tls load -qi "$top/build/images/busybox.tar"
is "run" "$(tls run --rm busybox echo hi)" hi
is "run -i: the end of input is passed on" "$(printf '1\n2\n' | tls run --rm -i busybox sh -c 'n=$(wc -l); echo "lines $n"')" 'lines 2'
code "an exit code" 7 tls run --rm busybox sh -c 'exit 7'
tls run -d --name box busybox sleep 10000 >/dev/null
big() { openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null | head -c 300000000; }
is "300 MB through exec -i cat are the same" "$(big | tls exec -i box cat | sha256sum)" "$(big | sha256sum)"
refuses "a remote caller gets no host network" 'floor|not allowed|denied|permission|forbidden' tls run --rm --network host busybox true
refuses "... no host process list" 'floor|not allowed|denied|permission|forbidden' tls run --rm --pid host busybox true
# Hello bytes that are none.
head -c 100000 /dev/urandom | timeout 10 socat -t 2 - "TCP:127.0.0.1:$port" >/dev/null 2>&1
is "noise does no harm" "$(get --cert "$work/ca/client.pem" --key "$work/ca/client-key.pem")" 200
tls rm -f box >/dev/null
finish

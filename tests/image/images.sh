#!/usr/bin/env bash
# Images: load, save, import, tag, list, inspect, history, rmi, prune.
. "$(dirname "$0")/../lib.sh"
engine_start
load busybox probe
r() { docker run --rm "$@"; }

is "load prints what it loaded" "$(docker load -i "$top/build/images/busybox.tar")" 'Loaded image: busybox:latest'
is "images lists them" "$(docker images --format '{{.Repository}}:{{.Tag}}' | sort | xargs)" 'busybox:latest probe:latest'
id=$(docker inspect -f '{{.Id}}' busybox)
is "the id is the digest of the configuration" "$id" "sha256:$(tar -xOf "$top/build/images/busybox.tar" --wildcards --exclude ./manifest.json './*.json' | sha256sum | cut -d' ' -f1)"
is "images -q" "$(docker images -q busybox)" "${id:7:12}"
is "images REPOSITORY" "$(docker images -q probe | wc -l)" 1
is "images --filter reference" "$(docker images --filter 'reference=bus*' --format '{{.Repository}}')" busybox
is "images --filter label" "$(docker images --filter label=made.by=tests --format '{{.Repository}}')" probe
is "inspect: the configuration" "$(docker inspect -f '{{json .Config.Cmd}} {{.Os}} {{.Architecture}} {{len .RootFS.Layers}}' probe)" "[\"sh\"] linux $(dpkg --print-architecture) 3"
like "history" "$(docker history --no-trunc --format '{{.CreatedBy}}' busybox)" 'tools/image'
is "by its id's beginning" "$(docker inspect -f '{{.Id}}' "${id:7:10}")" "$id"
refuses "no such image" 'No such (image|object): nothing' docker image inspect nothing

like "another platform is refused" "$(api GET '/v1.50/images/busybox/json?platform=%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22s390x%22%7D' | tr '\n' ' ')" 'another platform.* 501$'
is "this platform is taken" "$(status_of GET "/v1.50/images/busybox/json?platform=linux%2F$(dpkg --print-architecture)")" 200

ok "tag" docker tag busybox local/bb:1.0
is "... is the same image" "$(docker inspect -f '{{.Id}}' local/bb:1.0)" "$id"
is "... and runs" "$(r local/bb:1.0 echo hi)" hi
refuses "a bad tag is refused" 'invalid reference format|not a valid repository/tag' docker tag busybox 'Upper:case'
refuses "... and one that looks like an id" 'ambiguous tag' docker tag busybox sha256:abc
is "rmi of a tag only untags" "$(docker rmi local/bb:1.0)" 'Untagged: local/bb:1.0'

ok "save" docker save -o "$work/saved.tar" busybox probe
is "saved: the names" "$(tar -xOf "$work/saved.tar" manifest.json | jq -c '[.[].RepoTags[]] | sort')" '["busybox:latest","probe:latest"]'
is "save to a pipe is the same archive" "$(docker save busybox probe | tar -xO manifest.json | jq -cS 'sort')" "$(tar -xOf "$work/saved.tar" manifest.json | jq -cS 'sort')"
docker rmi busybox probe >/dev/null
is "rmi removes" "$(docker images -q | wc -l)" 0
refuses "... and it cannot be run" '(No such image|Unable to find image|pull access denied|not supported|not offered)' docker run --rm busybox true
ok "what was saved can be loaded" docker load -qi "$work/saved.tar"
is "... with the same id" "$(docker inspect -f '{{.Id}}' busybox)" "$id"
is "... and runs" "$(r probe cat /changed)" new

# Compressed archives, and the OCI layout with compressed layers.
for z in gzip zstd xz bzip2; do
	command -v $z >/dev/null || { skip "load of an archive packed with $z" "$z is not installed"; continue; }
	docker rmi busybox >/dev/null 2>&1
	$z -c <"$top/build/images/busybox.tar" >"$work/z.tar"
	docker load -qi "$work/z.tar" >/dev/null 2>&1
	is "load of an archive packed with $z" "$(r busybox echo hi)" hi
done
if command -v skopeo >/dev/null; then
	docker rmi -f busybox >/dev/null 2>&1
	skopeo copy -q --insecure-policy "docker-archive:$top/build/images/busybox.tar" "oci-archive:$work/oci.tar:oci-box:1" >/dev/null 2>&1
	ok "load of an OCI layout with gzip layers" docker load -i "$work/oci.tar"
	loaded=$(grep -oE 'sha256:[0-9a-f]+|[a-z0-9./-]+:[a-z0-9.]+$' <<<"$out" | tail -1)
	is "... runs" "$(r "$loaded" echo hi)" hi
	docker load -qi "$top/build/images/busybox.tar" >/dev/null
else
	skip "load of an OCI layout" "skopeo is not installed"
fi

# import: a file system becomes an image.
mkdir -p "$work/fs/bin" "$work/fs/etc"
cp "$(command -v busybox)" "$work/fs/bin/busybox"
ln -s busybox "$work/fs/bin/sh"
echo imported >"$work/fs/etc/mark"
tar -C "$work/fs" -c . | docker import -c 'CMD ["/bin/busybox","cat","/etc/mark"]' -c 'ENV A=b' - made:here >"$work/import.out" 2>&1
like "import" "$(cat "$work/import.out")" '^sha256:[0-9a-f]{64}$'
is "... runs its command" "$(r made:here)" imported
is "... with its environment" "$(r made:here /bin/sh -c 'echo $A')" b

# rmi and containers
docker create --name user busybox true >/dev/null
refuses "an image in use is not removed" 'image is being used by stopped container|conflict: unable to' docker rmi busybox
docker rm user >/dev/null
docker tag made:here made:there
is "prune leaves what has a name" "$(docker image prune -f >/dev/null; docker images -q made | sort -u | wc -l)" 1
docker rmi made:here made:there >/dev/null
tar -C "$work/fs" -c . | docker import - >/dev/null
like "prune removes what has none" "$(docker image prune -f)" '^deleted: sha256:'
is "prune -a removes what no container uses" "$(docker image prune -af >/dev/null; docker images -q | wc -l)" 0
like "df counts" "$(docker system df --format '{{.Type}} {{.TotalCount}}' | head -1)" '^Images 0$'
finish

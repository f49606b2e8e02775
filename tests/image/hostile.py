"""hostile.py FOLDER - makes image archives for tests/image/hostile.sh.

refuse-*.tar must not load.  harmless-*.tar (image hostile:latest) may load, if what comes out of
it is harmless.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import zlib

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

with tarfile.open(os.path.join(top, "build/images/busybox.tar")) as t:
    BASE = next(t.extractfile(m).read() for m in t.getmembers() if m.name.endswith("layer.tar"))


def member(name, type=tarfile.REGTYPE, data=b"", link="", mode=0o644, **more):
    m = tarfile.TarInfo(name)
    m.type, m.linkname, m.mode, m.size = type, link, mode, len(data)
    for key, value in more.items():
        setattr(m, key, value)
    return m, data


def layer(*members):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as t:
        for m, data in members:
            t.addfile(m, io.BytesIO(data))
    return b.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def archive(name, layers, diff_ids=None, config=None, manifest=None, names=None, extra=(), cut=None):
    names = names or ["%d/layer.tar" % i for i in range(len(layers))]
    if diff_ids is None:
        diff_ids = ["sha256:" + digest(x) for x in layers]
    if config is None:
        config = json.dumps({"architecture": "amd64", "os": "linux",
                             "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    config_name = digest(config) + ".json"
    if manifest is None:
        manifest = json.dumps([{"Config": config_name, "RepoTags": ["hostile:latest"], "Layers": names}]).encode()
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        for m, data in [member(config_name, data=config), *[member(n, data=d) for n, d in zip(names, layers)],
                        *extra, member("manifest.json", data=manifest)]:
            t.addfile(m, io.BytesIO(data))
    raw = b.getvalue()
    with open(os.path.join(out, name + ".tar"), "wb") as f:
        f.write(raw[:cut] if cut else raw)


LINK, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
CHR, BLK, FIFO = tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE
evil = b"evil\n"
E = "tmp/caisson-hostile-"
F = "caisson-hostile-"

# ---- wrong or broken: must not load
archive("refuse-wrong-diff-id", [BASE], diff_ids=["sha256:" + "0" * 64])
archive("refuse-no-diff-ids", [BASE], diff_ids=[])
archive("refuse-more-layers-than-diff-ids", [BASE, layer(member("x"))], diff_ids=["sha256:" + digest(BASE)])
archive("refuse-diff-id-not-a-digest", [BASE], diff_ids=["sha256:../../../etc/passwd"])
archive("refuse-config-not-json", [BASE], config=b"{]")
archive("refuse-config-an-array", [BASE], config=b"[]")
archive("refuse-config-deep", [BASE], config=b'{"a":' * 100000)
archive("refuse-manifest-not-json", [BASE], manifest=b"nonsense")
archive("refuse-manifest-deep", [BASE], manifest=b"[" * 200000)
archive("refuse-manifest-names-nothing", [BASE],
        manifest=b'[{"Config":"none.json","RepoTags":["hostile:latest"],"Layers":["none"]}]')
archive("refuse-manifest-path-outside", [BASE],
        manifest=b'[{"Config":"../../../../etc/passwd","RepoTags":["hostile:latest"],"Layers":["../../etc/shadow"]}]')
archive("refuse-layer-not-a-tar", [os.urandom(100000)])
archive("refuse-layer-truncated", [BASE[:len(BASE) // 2 + 77]])
archive("refuse-layer-gzip-truncated", [gzip.compress(BASE)[:5000]], diff_ids=["sha256:" + digest(BASE)])
archive("refuse-truncated", [BASE], cut=300000)
plain = io.BytesIO()
with tarfile.open(fileobj=plain, mode="w") as t:
    m, data = member("readme", data=b"no image here")
    t.addfile(m, io.BytesIO(data))
with open(os.path.join(out, "refuse-no-manifest.tar"), "wb") as f:
    f.write(plain.getvalue())

# ---- traversal: may load, must stay inside
def harmless(name, *members, **more):
    archive("harmless-" + name, [BASE, layer(*members)], **more)


harmless("dotdot", member("../../../../../../../" + E + "1", data=evil))
harmless("absolute", member("/" + E + "2", data=evil))
harmless("link-then-file", member("l", LINK, link="/tmp"), member("l/" + F + "3", data=evil))
harmless("link-updots", member("l", LINK, link="../../../../../../tmp"), member("l/" + F + "4", data=evil))
archive("harmless-link-in-lower-layer", [BASE, layer(member("l", LINK, link="/tmp")), layer(member("l/" + F + "5", data=evil))])
harmless("hardlink-out", member("escaped", HARD, link="../../../../../../../etc/passwd"))
harmless("hardlink-absolute", member("escaped", HARD, link="/etc/shadow"))
harmless("hardlink-through-link", member("l", LINK, link="/etc"), member("escaped", HARD, link="l/shadow"))
harmless("file-over-link", member("evil", LINK, link="/" + E + "8"), member("evil", data=evil))
harmless("dir-over-link", member("l", LINK, link="/tmp"), member("l", DIR, mode=0o755), member("l/" + F + "6", data=evil))
harmless("whiteout-out", member("../../../../../tmp/.wh.x"))
harmless("whiteout-odd", member(".wh..wh..opq"), member(".wh."), member(".wh..."), member("a/.wh../x"))
harmless("devices", member("sda", BLK, devmajor=8, devminor=0, mode=0o666),
         member("kmem", CHR, devmajor=1, devminor=1, mode=0o666), member("fifo", FIFO))
harmless("duplicates", *[member("same", data=b"%d" % i) for i in range(1000)])
harmless("long-names", member("n" * 255, data=evil), member("/".join(["d" * 200] * 15), data=evil))
harmless("name-too-long", member("n" * 3000, data=evil))
harmless("name-deep", member("d/" * 3000 + "f", data=evil))
harmless("control-names", member("a\nb\x1b[2J", data=evil), member("\udcff\udcfe", data=evil))
harmless("nul-in-pax", member("x", data=evil, pax_headers={"path": "a\0b"}))
harmless("xattrs", member("x", data=evil, pax_headers={
    "SCHILY.xattr.trusted.overlay.redirect": "/../../../etc", "SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.security.capability": "\x01\0\0\x02", "SCHILY.xattr.user.overlay.redirect": "/etc"}))
harmless("setuid", member("suid", data=evil, mode=0o6755), member("sticky", DIR, mode=0o7777))
harmless("odd-ids", member("x", data=evil, uid=2 ** 31 - 1, gid=2 ** 31 - 1), member("y", data=evil, uid=65536))
harmless("times", member("x", data=evil, mtime=2 ** 40), member("y", data=evil, mtime=-2 ** 40))
archive("harmless-layers-share-a-name", [BASE, BASE], names=["0/layer.tar", "0/layer.tar"])
archive("harmless-outer-traversal", [BASE], names=["../../../../../../" + E + "7"])
archive("harmless-outer-links", [BASE], extra=[member("x/layer.tar", LINK, link="/etc/shadow"), member("VERSION", HARD, link="/etc/shadow")])
harmless("many-members", *[member("m/%d" % i) for i in range(20000)])

# ---- bombs
packer = zlib.compressobj(9, zlib.DEFLATED, 31)
big = tarfile.TarInfo("bomb")
big.size = 64 << 30
pieces = [packer.compress(big.tobuf(tarfile.GNU_FORMAT))]
for _ in range(128):
    pieces.append(packer.compress(bytes(1 << 20)))
pieces.append(packer.flush())
archive("refuse-bomb-claims-64-gib", [b"".join(pieces)], diff_ids=["sha256:" + "1" * 64])
big.size = 1 << 62
archive("refuse-size-2-to-the-62", [big.tobuf(tarfile.GNU_FORMAT) + bytes(10240)])
harmless("sparse-claims-a-pebibyte", member("sparse", pax_headers={
    "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": str(1 << 50)}))

#!/bin/bash
# fresh_debian.sh COMMAND...   runs COMMAND in a clean checkout of HEAD, in a minimal Debian 12 made by
# mmdebstrap or debootstrap: nothing of this machine helps it. Needs root and a Debian mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $(id -u) == 0 ]] || { echo "tools/fresh_debian.sh: error: needs root to make a chroot" >&2; exit 1; }

root=$(mktemp -d)
clean_up() {
  umount -q "$root/dev/pts" "$root/proc" || true
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT

mirror=${TROUPE_DEBIAN_MIRROR:-}
if command -v mmdebstrap >/dev/null; then
  mmdebstrap --quiet --variant=minbase bookworm "$root" ${mirror:+"$mirror"}
else
  debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >/dev/null
fi
cp -f /etc/resolv.conf "$root/etc/resolv.conf"
cp -f /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
install -d -m 1777 "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -sf pts/ptmx "$root/dev/ptmx"

git clone -q --no-hardlinks . "$root/troupe"
chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
  bash -c 'cd /troupe && "$@"' fresh_debian "$@"

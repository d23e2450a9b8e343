#!/bin/bash
# setup.sh [PACKAGE...]   installs what building and testing troupe needs (and PACKAGES), by Debian package
# name: the one place that installs. A second call finds everything there, installs nothing and needs no
# network.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache pkg-config git ca-certificates python3-pip unzip
  clang-format clang-tidy graphviz iproute2
  libcaf-dev libzmq3-dev cppzmq-dev libcapnp-dev capnproto librocksdb-dev
  libyaml-cpp-dev libcli11-dev libspdlog-dev nlohmann-json3-dev
  libpcre2-dev libutf8proc-dev libxxhash-dev libssl-dev libzstd-dev libnuma-dev
  prometheus-cpp-dev libjs-d3
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev libdnnl-dev libgloo-dev
  "$@"
)

is_installed() {
  [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == "install ok installed" ]]
}

if ! command -v apt-get >/dev/null; then
  echo "tools/setup.sh: error: there is no apt-get here: troupe is set up on Debian 12 and its derivatives" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
[[ $(id -u) == 0 ]] || as_root=(sudo)
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

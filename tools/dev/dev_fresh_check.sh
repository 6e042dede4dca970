#!/usr/bin/env bash
# ./dev fresh-check [COMMAND...]: a bare Debian 12 made with debootstrap, a clone of HEAD in it, and there the README's
# two commands (the demo with a short budget), or the commands given. It has neither dependencies nor caches; what this
# machine uses to reach its registries (sources, proxies, certificates, settings of apt, pip and cargo) is passed on.
#
# The mounts live in a mount namespace of their own and end with it, however this ends; the folder is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly tool=fresh-check
# shellcheck source=tools/dev/bare_debian.sh
source tools/dev/bare_debian.sh
readonly commands=("./dev demo --budget 60s --batch-sizes 1,8" "./dev test")
readonly clone=/root/paceline

check_prerequisites() {
  local reason
  reason=$(why_no_bare_debian) || fail 4 "$reason"
  command -v git >/dev/null || fail 4 "git was not found. On Debian: apt-get install git."
  [[ -z $(git status --porcelain) ]] || echo "fresh-check: uncommitted changes are left out: HEAD is what is checked"
}

# Copies a file or folder to the same place below the new root, where there is one.
pass_on() {
  local path
  for path in "$@"; do
    [[ -e $path ]] || continue
    mkdir -p "$chroot$(dirname "$path")"
    cp -aL "$path" "$chroot$(dirname "$path")/"
  done
}

make_debian() {
  local start=$SECONDS
  make_bare_debian "$chroot"
  rm -f "$chroot/etc/apt/sources.list"
  # shellcheck disable=SC1091
  if [[ $(. /etc/os-release && echo "${VERSION_CODENAME:-}") == bookworm ]]; then
    pass_on /etc/apt/sources.list /etc/apt/sources.list.d
  else
    echo "deb $(debian_mirror) bookworm main" >"$chroot/etc/apt/sources.list"
  fi
  pass_on /etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/keyrings /etc/apt/trusted.gpg.d /usr/share/keyrings \
    /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates /etc/pip.conf
  pass_on_home .config/pip .pip .cargo/config.toml .cargo/config
  git clone --quiet --no-hardlinks . "$chroot$clone"
  echo "fresh-check: a bare Debian 12 made in $((SECONDS - start)) s, $(du -sm "$chroot" | cut -f1) MB"
}

# Settings in the caller's home go to the home of the new root.
pass_on_home() {
  local name
  for name in "$@"; do
    [[ -e $HOME/$name ]] || continue
    mkdir -p "$chroot/root/$(dirname "$name")"
    cp -aL "$HOME/$name" "$chroot/root/$(dirname "$name")/"
  done
}

# What pip, cargo and the TLS libraries read from the environment; nothing else goes in.
network_environment() {
  env | grep -E '^(https?_proxy|no_proxy|ftp_proxy|HTTPS?_PROXY|NO_PROXY|PIP_[A-Z_]+|CARGO_(HTTP|NET|REGISTR)[A-Z_]*|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE)=' || true
}

# Runs one command in the clone.
run_inside() {
  local environment
  mapfile -t environment < <(network_environment)
  run_in_debian "$chroot" "cd $clone && $1" "${environment[@]}"
}

clean_up() {
  rm -rf --one-file-system "$chroot"
}

check_prerequisites
chroot=$(mktemp -d "${TMPDIR:-/var/tmp}/paceline-fresh-XXXXXX")
readonly chroot
trap clean_up EXIT
trap 'exit 130' INT TERM
make_debian
(($#)) || set -- "${commands[@]}"
for command in "$@"; do
  start=$SECONDS
  echo "fresh-check: \$ $command"
  run_inside "$command" || fail 1 "$command failed after $((SECONDS - start)) s in a bare Debian 12; see above."
  echo "fresh-check: $command: $((SECONDS - start)) s"
done
echo "fresh-check: $# passed, 0 failed"

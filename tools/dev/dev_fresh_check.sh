#!/usr/bin/env bash
# ./dev fresh-check [COMMAND...]: a bare Debian 12 made with debootstrap, a clone of HEAD in it, and there the README's
# two commands (the demo with a short budget), or the commands given. It has neither dependencies nor caches; what this
# machine uses to reach its registries (sources, proxies, certificates, settings of apt, pip and cargo) is passed on.
#
# The mounts live in a mount namespace of their own and end with it, however this ends; the folder is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly commands=("./dev demo --budget 60s --batch-sizes 1,8" "./dev test")
readonly clone=/root/paceline

fail() {  # CODE SENTENCE
  echo "[fresh-check] $2" >&2
  exit "$1"
}

check_prerequisites() {
  ((EUID == 0)) || fail 4 "a bare Debian is made with debootstrap, which needs root. Run it as root, e.g. in a container."
  local tool
  for tool in debootstrap unshare git python3; do
    command -v "$tool" >/dev/null || fail 4 "$tool was not found. On Debian: apt-get install debootstrap util-linux git python3."
  done
  unshare --mount true 2>/dev/null || fail 4 "this machine lets nobody make mounts (unshare --mount). Use another one."
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
  local mirror start=$SECONDS
  mirror=$(python3 -c 'import sys; sys.path.insert(0, "tools/dev"); import dev_setup
print(dev_setup.debian_mirror()["uris"].split()[0])')
  debootstrap --variant=minbase --include=ca-certificates bookworm "$chroot" "$mirror" >"$chroot.log" 2>&1 ||
    { tail -n 6 "$chroot.log" >&2; fail 1 "debootstrap could not make a Debian from the mirror of this machine."; }
  rm -f "$chroot/etc/apt/sources.list"
  # shellcheck disable=SC1091
  if [[ $(. /etc/os-release && echo "${VERSION_CODENAME:-}") == bookworm ]]; then
    pass_on /etc/apt/sources.list /etc/apt/sources.list.d
  else
    echo "deb $mirror bookworm main" >"$chroot/etc/apt/sources.list"
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

# Runs one command in the clone. /proc, /sys and /dev are there for its length.
run_inside() {
  local environment
  mapfile -t environment < <(network_environment)
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child --propagation private bash -c '
    chroot=$1 command=$2 clone=$3
    shift 3
    mount -t proc proc "$chroot/proc" && mount --rbind -o ro /sys "$chroot/sys" && mount --rbind /dev "$chroot/dev" || exit 4
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      TERM="${TERM:-dumb}" "$@" chroot "$chroot" bash -c "cd $clone && $command"
  ' fresh-check "$chroot" "$1" "$clone" "${environment[@]}" </dev/null
}

clean_up() {
  rm -rf --one-file-system "$chroot" "$chroot.log"
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

# shellcheck shell=bash
# Sourced by what tries Paceline in a bare Debian 12: made with debootstrap, it has neither dependencies nor caches.
# Who sources this sets tool to its name.

: "${tool:?}"

fail() {  # CODE SENTENCE
  echo "[$tool] $2" >&2
  exit "$1"
}

# Succeeds where a bare Debian can be made and used; else it says why not.
why_no_bare_debian() {
  local command
  ((EUID == 0)) || { echo "debootstrap needs root. Run it as root, e.g. in a container."; return 1; }
  for command in debootstrap unshare python3; do
    command -v "$command" >/dev/null ||
      { echo "$command was not found. On Debian: apt-get install debootstrap util-linux python3."; return 1; }
  done
  unshare --mount true 2>/dev/null || { echo "this machine lets nobody make mounts (unshare --mount)."; return 1; }
}

debian_mirror() {
  python3 -c 'import sys; sys.path.insert(0, "tools/dev"); import registries
print(registries.debian_mirror()["uris"].split()[0])'
}

# FOLDER: a bare Debian 12 from this machine's mirror.
make_bare_debian() {
  debootstrap --variant=minbase --include=ca-certificates bookworm "$1" "$(debian_mirror)" >"$1.log" 2>&1 ||
    { tail -n 6 "$1.log" >&2; rm -f "$1.log"; fail 1 "debootstrap could not make a Debian from the mirror of this machine."; }
  rm -f "$1.log"
}

# FOLDER: the same out of the cache of ./dev setup, made for it the first time.
unpack_bare_debian() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/paceline-dev start=$SECONDS
  local archive=$cache/bare-debian-12.tar
  if [[ ! -f $archive ]]; then
    make_bare_debian "$1"
    mkdir -p "$cache"
    tar --create --one-file-system --numeric-owner --file "$archive.$$" --directory "$1" \
      --exclude='./var/cache/apt/archives/*.deb' --exclude='./dev/*' .
    mv "$archive.$$" "$archive"
    echo "$tool: a bare Debian 12 made in $((SECONDS - start)) s and kept as $archive"
    return
  fi
  mkdir -p "$1"
  tar --extract --numeric-owner --file "$archive" --directory "$1"
}

# FOLDER COMMAND [NAME=VALUE...]: runs a command line in it. /proc, /sys and /dev are there for its length: the mounts live
# in a mount namespace of their own and end with it, however this ends.
run_in_debian() {
  local folder=$1 command=$2
  shift 2
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child --propagation private bash -c '
    folder=$1 command=$2
    shift 2
    mount -t proc proc "$folder/proc" && mount --rbind -o ro /sys "$folder/sys" && mount --rbind /dev "$folder/dev" || exit 4
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      TERM="${TERM:-dumb}" "$@" chroot "$folder" bash -c "$command"
  ' "$tool" "$folder" "$command" "$@" </dev/null
}

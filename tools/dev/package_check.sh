#!/usr/bin/env bash
# ./dev package-check: tries what ./dev package made as its users would. In a bare Debian 12 without a network, the .deb is
# installed, used and removed; then the tarball is unpacked and used, also without libstdc++.
#
# Where no bare Debian can be made (no root, no mounts, no debootstrap), the unpacked files are tried on this machine instead,
# and the last line says what was not tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly root=$PWD
readonly tool=package-check
# shellcheck source=tools/dev/bare_debian.sh
source tools/dev/bare_debian.sh

readonly packages=out/packages
version=$(sed -n 's/^project(paceline VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
readonly version
readonly deb=$packages/paceline_${version}_amd64.deb
readonly tarball=$packages/paceline-$version-linux-x86_64.tar.gz
readonly libc_parts='libc\.so\.6|libm\.so\.6|libdl\.so\.2|librt\.so\.1|libpthread\.so\.0|ld-linux-x86-64\.so\.2'
readonly texts='hello world\nla vie est belle\n'
passed=0

pass() {  # SENTENCE
  passed=$((passed + 1))
  echo "package-check: $1"
}

# The version stands once in CMakeLists.txt, and in three documents.
check_version() {
  grep -qx "version: $version" CITATION.cff || fail 1 "CITATION.cff is of another version than $version."
  grep -q "^## $version " CHANGELOG.md || fail 1 "CHANGELOG.md has no heading for $version."
  ! grep -oE 'paceline[-_][0-9]+\.[0-9.]+[0-9]' docs/install.md | grep -vE "[-_]$version\$" ||
    fail 1 "docs/install.md names packages of another version than $version; see above."
}

# ---- the files ------------------------------------------------------------------------------------------------------

# FILE PATTERN: every shared library that the file names matches the pattern.
check_needed() {
  local file=$1 extra
  extra=$(readelf --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vxE "$2" || true)
  [[ -z $extra ]] || fail 1 "${file#"$unpacked/"} needs ${extra//$'\n'/, }, expected nothing but $2."
}

# FILE PREFIX LIMIT: no symbol of this library is newer.
check_symbols() {
  local newest
  newest=$(objdump --dynamic-syms "$1" | grep -oE "\b$2_[0-9.]+" | sort --version-sort --unique | tail -n 1 || true)
  [[ $(printf '%s\n%s\n' "$newest" "$2_$3" | sort --version-sort | tail -n 1) == "$2_$3" ]] ||
    fail 1 "${1#"$unpacked/"} needs $newest, expected $2_$3 at most."
}

check_files() {
  local file name run_path
  diff -r "$unpacked/deb/usr" "$prefix" >"$work/diff" ||
    { cat "$work/diff" >&2; fail 1 "the .deb and the tarball hold different files; see above."; }
  while read -r file; do
    name=${file##*/}
    case $name in
      paceline | libpaceline_onnxruntime.so) check_needed "$file" "$libc_parts" ;;
      libpaceline_torch.so) check_needed "$file" "$libc_parts|libstdc\+\+\.so\.6|libgcc_s\.so\.1|libtorch_cpu\.so|libc10\.so" ;;
      *) check_needed "$file" "$libc_parts|libstdc\+\+\.so\.6|libgcc_s\.so\.1" ;;
    esac
    check_symbols "$file" GLIBC 2.36
    check_symbols "$file" GLIBCXX 3.4.30  # GCC 12
    run_path=$(readelf --dynamic "$file" | sed -n 's/.*R\(UN\)*PATH.*\[\(.*\)\]/\2/p')
    # shellcheck disable=SC2016
    [[ -z $run_path || $run_path == '$ORIGIN' ]] || fail 1 "${file#"$unpacked/"} looks for libraries in $run_path."
    ! grep -qF "$root" "$file" || fail 1 "${file#"$unpacked/"} names a folder of this machine: $root."
  done < <(find "$prefix" -type f \( -perm -100 -o -name '*.so*' \))
  for name in LICENSE THIRD_PARTY_NOTICES SECURITY.md CHANGELOG.md CITATION.cff copyright docs/install.md onnxruntime/LICENSE \
    onnxruntime/ThirdPartyNotices.txt; do
    [[ -s $prefix/share/doc/paceline/$name ]] || fail 1 "share/doc/paceline/$name is missing."
  done
  zgrep -q '^\.SH CLASSIFY' "$prefix/share/man/man1/paceline.1.gz" || fail 1 "the manual page has no section CLASSIFY."
  pass "$(find "$prefix" -type f | wc -l) files, the same in both packages; they need glibc 2.36, and libstdc++ where said"
}

# ---- trying them ----------------------------------------------------------------------------------------------------

# Runs a command line where the packages are tried; $paceline is the program there.
try() {
  if [[ -n $chroot ]]; then
    run_in_debian "$chroot" "export LC_ALL=C.UTF-8; cd /try; $1"
  else
    (cd "$work/try" && env -i PATH=/usr/bin:/bin HOME="$work/try" bash -c "$1")
  fi
}

# COMMAND EXPECTED...: it succeeds and its output has each of these texts.
expect() {
  local command=$1 output text
  shift
  output=$(try "$command" 2>&1) || fail 1 "$command failed in ${where}: $output"
  for text in "$@"; do
    [[ $output == *"$text"* ]] || fail 1 "$command in ${where} said \"$output\", expected \"$text\" in it."
  done
}

# The labels of the texts, one a line, by the program that was packed.
expected_labels() {
  # shellcheck disable=SC2059
  printf "$texts" | build/package/paceline classify "$model" --quiet | cut -f 1
}

# PROGRAM: answers on the native backend.
try_program() {
  local labels
  labels=$(expected_labels)
  expect "$1 --version" "paceline $version" "native $version"
  expect "printf '$texts' | $1 classify model --quiet | cut -f 1" "$labels"
  # Exit code 1 says that the measured roof cannot be true, which a busy machine may bring about.
  expect "$1 doctor || [ \$? = 1 ]" "native " "It is not installed: libtorch_cpu.so was not found. Run pip install torch"
}

# PROGRAM: what the rest of it needs is there.
try_engines() {
  local charts="report.html"
  # A bare Debian has no rsvg-convert.
  [[ -z $chroot ]] || charts="librsvg2-bin"
  expect "printf '$texts' | $1 classify model --backends onnxruntime --quiet | cut -f 1" "$(expected_labels)"
  expect "printf '$texts' | $1 classify model --backends torch-eager --quiet; [ \$? = 4 ]" "pip install torch"
  expect "printf '$texts' >texts.txt; $1 bench model --text texts.txt --out report --budget 5s --batch-sizes 1 \
    --backends native,onnxruntime --compute-types fp32 2>&1 && ls report" "report.html" "plan.json" "$charts"
}

# With a PyTorch that is installed elsewhere: here the one of ./dev setup.
try_own_torch() {
  local labels
  labels=$(printf '%b' "$texts" | env -i PATH=/usr/bin:/bin HOME="$work" PACELINE_TORCH_ROOT="$root/.deps/torch/torch" \
    "$prefix/bin/paceline" classify "$model" --backends torch-eager --quiet | cut -f 1)
  [[ $labels == "$(expected_labels)" ]] || fail 1 "with PACELINE_TORCH_ROOT torch-eager answered \"$labels\"."
  pass "PyTorch of this machine used by the tarball's program"
}

# A program of somebody else's, built against the package's files.
build_example() {
  {
    cmake -S examples -B "$work/example" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$1" -DCMAKE_SKIP_RPATH=ON &&
      cmake --build "$work/example"
  } >"$work/example.log" 2>&1 ||
    { tail -n 20 "$work/example.log" >&2; fail 1 "examples/ cannot be built against the package; see above."; }
  cp "$work/example/classify" "$work/try/example"
}

try_deb() {
  local left
  if [[ -n $chroot ]]; then
    cp "$deb" "$chroot/tmp/"
    try "dpkg --install /tmp/${deb##*/}" >"$work/dpkg.log" 2>&1 ||
      { cat "$work/dpkg.log" >&2; fail 1 "dpkg could not install the package in ${where}; see above."; }
    try_program paceline
    try_engines paceline
    expect "printf '$texts' | ./example model | cut -f 1" "$(expected_labels)"
    try "dpkg --purge paceline && ldconfig && rm -rf report texts.txt /tmp/${deb##*/}" >"$work/dpkg.log" 2>&1 ||
      { cat "$work/dpkg.log" >&2; fail 1 "dpkg could not remove the package in ${where}; see above."; }
    left=$(find "$chroot/usr" "$chroot/etc" "$chroot/var/lib/dpkg/info" -name '*paceline*')
    [[ -z $left ]] || fail 1 "dpkg --purge left ${left//"$chroot"/}."
    pass ".deb installed, used, linked against and removed in $where"
  else
    try_program "$unpacked/deb/usr/bin/paceline"
    expect "printf '$texts' | LD_LIBRARY_PATH=$unpacked/deb/usr/lib ./example model | cut -f 1" "$(expected_labels)"
    pass ".deb unpacked and used in $where"
  fi
}

try_tarball() {
  local program=./paceline-$version-linux-x86_64/bin/paceline hidden
  tar --extract --file "$tarball" --directory "$work/try"
  if [[ -n $chroot ]]; then
    hidden=$chroot/root/hidden
    mkdir "$hidden"
    mv "$chroot"/usr/lib/x86_64-linux-gnu/lib{stdc++,gcc_s}.so* "$hidden/"
    try_program "$program"
    expect "$program doctor || [ \$? = 1 ]" "libstdc++.so.6"
    mv "$hidden"/* "$chroot/usr/lib/x86_64-linux-gnu/"
  else
    try_program "$program"
  fi
  try_engines "$program"
  pass "tarball unpacked and used in $where"
}

clean_up() {
  rm -rf --one-file-system "$work"
}

[[ -f $deb && -f $tarball ]] || fail 1 "$deb or $tarball is missing: ./dev package makes both."
readonly model=$root/testdata/models/roberta-fp32
work=$(mktemp -d "${TMPDIR:-/var/tmp}/paceline-package-XXXXXX")
readonly work unpacked=$work/unpacked
trap clean_up EXIT
trap 'exit 130' INT TERM
mkdir -p "$unpacked/deb" "$unpacked/tarball"
dpkg-deb --extract "$deb" "$unpacked/deb"
tar --extract --file "$tarball" --directory "$unpacked/tarball"
readonly prefix=$unpacked/tarball/paceline-$version-linux-x86_64
check_version
check_files

chroot="" where="folders of this machine"
if reason=$(why_no_bare_debian); then
  chroot=$work/debian where="a bare Debian 12"
  unpack_bare_debian "$chroot"
  mkdir "$chroot/try"
  ln -s "$chroot/try" "$work/try"
else
  mkdir "$work/try"
fi
cp -r "$model" "$work/try/model"
build_example "$unpacked/deb/usr"
try_deb
try_tarball
[[ ! -d .deps/torch/torch/lib ]] || try_own_torch
if [[ -z $chroot ]]; then
  echo "package-check: $passed passed. NOT TRIED: installing the .deb, and both in a bare Debian 12: $reason" >&2
else
  echo "package-check: $passed passed, 0 failed"
fi

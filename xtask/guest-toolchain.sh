#!/usr/bin/env bash
# Finds or makes a rustc that can compile guests to wasm32-unknown-unknown, and prints its path; talk goes to stderr.
#
#   1. the active rustc has the target              → rustc
#   2. rustup may add it (RUSTUP_AUTO_INSTALL ≠ 0)  → rustup target add, then rustc
#   3. made here before                             → the one in the cache
#   4. Debian has rustc-web and its source          → unpacked privately, std built from source (about a minute, 140 MB)
#
# Needs no root, changes no default toolchain, writes nothing outside its cache. `--print` makes nothing.
set -euo pipefail
TARGET=wasm32-unknown-unknown
CACHE=${AU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/au-host}/guest-toolchain
say() { echo "guest-toolchain: $*" >&2; }
has_target() { ls "$("$1" --print target-libdir --target "$TARGET" 2>/dev/null)"/libcore-*.rlib >/dev/null 2>&1; }
FORCE=${1:-}

if [ "$FORCE" != --force-debian ]; then
  if [ -n "${AU_GUEST_RUSTC:-}" ]; then echo "$AU_GUEST_RUSTC"; exit; fi
  if has_target rustc; then say "rustc has $TARGET"; echo rustc; exit; fi
  if [ "$FORCE" != --print ] && [ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ] && command -v rustup >/dev/null; then
    say "rustup target add $TARGET"
    if timeout 300 rustup target add "$TARGET" >&2 && has_target rustc; then echo rustc; exit; fi
    say "rustup could not add it"
  fi
fi
# A complete earlier one will do (newest first): an apt upgrade must not force a rebuild.
mkdir -p "$CACHE"; exec 9>"$CACHE/lock"; flock 9
for P in $(ls -1d "$CACHE"/[0-9]* 2>/dev/null | sort -rV); do
  if [ -x "$P/bin/rustc" ] && has_target "$P/bin/rustc"; then say "cached $P"; echo "$P/bin/rustc"; exit; fi
done
[ "$FORCE" = --print ] && exit 1

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
  say "no $TARGET std and no way to get one: run 'rustup target add $TARGET'"; exit 1; }
update() { say "apt-get update"; if [ "$(id -u)" = 0 ]; then apt-get update -qq >&2; else sudo -n apt-get update -qq >&2; fi || say "apt-get update failed"; }
show() { apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -1; }
resolve() {  # which versions this apt offers; rustc, its std, LLVM and source must match exactly
  VER=$(show rustc-web Version); [ -n "$VER" ] && [ -n "$(show "rust-web-src=$VER" Version)" ] || return 1
  LIBSTD=$(show "libstd-rust-web-dev=$VER" Depends | grep -o 'libstd-rust-web-[0-9.]*' | head -1)
  LLVM=$(show "$LIBSTD=$VER" Depends | grep -o 'libllvm[0-9]*' | head -1); [ -n "$LLVM" ]
}
fetch() { rm -rf "$N"; mkdir -p "$N/debs"; say "downloading rustc $VER ($LLVM) from Debian"
  (cd "$N/debs" && apt-get download -qq "rustc-web=$VER" "libstd-rust-web-dev=$VER" "$LIBSTD=$VER" "rust-web-src=$VER" "$LLVM" "lld-${LLVM#libllvm}" >&2 2>"../apt.err") || { tail -3 "$N/apt.err" >&2; return 1; }; }
say "making a rustc for $TARGET out of Debian's packages: about a minute, and 140 MB in $CACHE"
# An image's package lists may be months old, and so would be the compiler.
update; resolve || { say "this apt offers no rustc-web + rust-web-src; run 'rustup target add $TARGET'"; exit 1; }
N=$CACHE/.new.$$; trap 'rm -rf "$N"' EXIT
fetch || { update; resolve && fetch; } || { say "download failed"; exit 1; }
P=$CACHE/$VER
say "unpacking"
for d in "$N"/debs/*.deb; do
  case $d in */rust-web-src_*) dpkg-deb --fsys-tarfile "$d" | tar -x -C "$N" --wildcards './usr/lib/rustlib/src*' './usr/src/rustc-*/library/*' ;;
             *) dpkg-deb --fsys-tarfile "$d" | tar -x -C "$N" ;; esac
done
rm -rf "$N/debs" "$N/usr/share" "$N/usr/bin/rustdoc"
mkdir -p "$N/bin"
cat > "$N/bin/rustc" <<'W'
#!/bin/sh
p=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
LD_LIBRARY_PATH=$p/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$p/usr/bin/rustc" "$@"
W
sed -i "s/x86_64-linux-gnu/$(basename "$(dirname "$(ls "$N"/usr/lib/*/librustc_driver-*.so)")")/" "$N/bin/rustc"; chmod +x "$N/bin/rustc"
missing=$(LD_LIBRARY_PATH=$(dirname "$(ls "$N"/usr/lib/*/librustc_driver-*.so)") ldd "$N"/usr/lib/*/libLLVM*.so.* | awk '/not found/{print $1}' | sort -u)
[ -z "$missing" ] || { say "missing shared libraries: $missing (apt-get install libedit2 libz3-4 libxml2 libffi8 libzstd1)"; exit 1; }
HOST=$("$N/bin/rustc" -vV | sed -n 's/^host: //p'); HASH=$("$N/bin/rustc" -vV | sed -n 's/^commit-hash: //p')
B=$N/usr/lib/rustlib/$HOST/bin; mkdir -p "$B"; ln -s "../../../llvm-${LLVM#libllvm}/bin/lld" "$B/rust-lld"
WCL=$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$HOST/bin/wasm-component-ld
if [ -x "$WCL" ]; then cp -L "$WCL" "$B/"; else say "cargo install wasm-component-ld"; cargo install -q --locked wasm-component-ld --root "$N/wcl" >&2; mv "$N/wcl/bin/wasm-component-ld" "$B/"; fi

say "building std for $TARGET"
# The workspace sits right above library/ so that cargo hashes the path dependencies relative to it: same bytes wherever $CACHE is.
LIB=$(readlink -f "$N/usr/lib/rustlib/src/rust/library"); W=$(dirname "$LIB")
cat > "$W/Cargo.toml" <<C
[workspace]
exclude = ["library"]
[package]
name = "guest-sysroot"
version = "0.0.0"
edition = "2024"
[lib]
path = "lib.rs"
[dependencies]
sysroot = { path = "library/sysroot", default-features = false, features = ["panic-unwind", "compiler-builtins-mem"] }
[patch.crates-io]
rustc-std-workspace-core = { path = "library/rustc-std-workspace-core" }
rustc-std-workspace-alloc = { path = "library/rustc-std-workspace-alloc" }
rustc-std-workspace-std = { path = "library/rustc-std-workspace-std" }
[profile.release]
codegen-units = 1
[profile.release.package.compiler_builtins]
codegen-units = 10000
C
net=(); if [ -d "$LIB/vendor" ]; then net=(--offline --config "$W/config.toml"); fi
printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "%s"\n' "$LIB/vendor" > "$W/config.toml"
cp "$LIB/Cargo.lock" "$W/"; echo '#![feature(no_core)] #![no_core]' > "$W/lib.rs"
(cd "$W" && env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u RUSTUP_TOOLCHAIN \
  RUSTC="$N/bin/rustc" RUSTC_WRAPPER= RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$W/target" CARGO_INCREMENTAL=0 __CARGO_DEFAULT_LIB_METADATA=guest-sysroot \
  RUSTFLAGS="-Zforce-unstable-if-unmarked -Cembed-bitcode=yes --remap-path-prefix=$LIB=/rustc/$HASH/library" \
  cargo build -q --release "${net[@]}" --target "$TARGET" 2>"$W/log" >&2) || { cat "$W/log" >&2; exit 1; }
O=$N/usr/lib/rustlib/$TARGET/lib; mkdir -p "$O"; cp "$W/target/$TARGET/release/deps/"lib*.rlib "$O/"; rm -f "$O"/libguest_sysroot-*
rm -rf "$N/usr/src" "$N/usr/lib/rustlib/src"
rm -rf "$P"; mv "$N" "$P"
has_target "$P/bin/rustc" || { say "internal error"; exit 1; }
say "ready: $P ($(du -sh "$P" | cut -f1))"; echo "$P/bin/rustc"

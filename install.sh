#!/bin/sh
# Installs git-hotfix: the program, its manual, and completions for bash, zsh and fish.
#
# Stands in a checkout, where it builds with cargo, or in an unpacked release beside the program and its
# sha256. The work itself is done by `git-hotfix install`. Never calls sudo.
set -eu

usage() {
    cat <<'USAGE'
usage: ./install.sh [--prefix <dir>] [--no-completions] [--uninstall] [--dry-run]

  --prefix <dir>     below which directory (default: ~/.local)
  --no-completions   leave the completions of the shells alone
  --uninstall        take everything away again
  --dry-run          only say what would be done
USAGE
}

die() {
    printf 'install.sh: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

# The sha256 of a file, with what the machine has.
sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1"
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 "$1"
    elif command -v openssl >/dev/null 2>&1; then
        openssl dgst -r -sha256 "$1"
    else
        die 'nothing here computes a sha256' 'install coreutils (sha256sum), perl (shasum) or openssl'
    fi | cut -d ' ' -f 1
}

# Ends unless the program is the one that its sum was made of.
check() {
    sums=$1.sha256
    [ -f "$sums" ] || die "$sums is missing, so $1 cannot be checked" 'unpack the whole release again'
    expected=$(cut -d ' ' -f 1 <"$sums")
    found=$(sha256_of "$1")
    if [ -z "$found" ] || [ "$expected" != "$found" ]; then
        die "$1 is not the program that was released: its sha256 is $found, not $expected" \
            'download the release again'
    fi
}

main() {
    prefix=${HOME:+$HOME/.local}
    uninstall=no
    dry_run=no
    completions=yes
    while [ $# -gt 0 ]; do
        case $1 in
        --prefix)
            [ $# -gt 1 ] || die '--prefix needs a directory' './install.sh --prefix ~/.local'
            prefix=$2
            shift
            ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --no-completions) completions=no ;;
        --uninstall) uninstall=yes ;;
        --dry-run | -n) dry_run=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
        shift
    done
    [ -n "$prefix" ] || die 'HOME is not set, so there is no default place' './install.sh --prefix <dir>'

    here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    if [ -f "$here/git-hotfix" ]; then
        program=$here/git-hotfix
        check "$program"
    elif [ "$uninstall" = yes ]; then
        program=$prefix/bin/git-hotfix
        if [ ! -x "$program" ]; then
            echo "nothing to do: there is no $program"
            exit 0
        fi
    elif [ -f "$here/Cargo.toml" ]; then
        program=${CARGO_TARGET_DIR:-$here/target}/release/git-hotfix
        if [ "$dry_run" = yes ]; then
            echo "would run cargo build --release --locked in $here"
            echo "would run $program install --prefix $prefix"
            exit 0
        fi
        command -v cargo >/dev/null 2>&1 ||
            die 'cargo is needed to build git-hotfix' 'get it from https://rustup.rs, or take a release'
        (cd "$here" && cargo build --release --locked)
    else
        die "there is neither a program nor its source in $here" 'run it where it was unpacked'
    fi

    set -- install --prefix "$prefix"
    [ "$completions" = yes ] || set -- "$@" --no-completions
    [ "$uninstall" = no ] || set -- "$@" --uninstall
    [ "$dry_run" = no ] || set -- "$@" --dry-run
    exec "$program" "$@"
}

main "$@"

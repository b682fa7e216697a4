# tests/examples/example.sh: what the tests of the examples that need the library of files share. To be sourced, with `program` set, the
# name of one; sets `root`, a directory for files.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154

programs=${top_builddir:-.}/examples
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}

. "$top_srcdir/tests/tap.sh"

if [ ! -x "$programs/$program" ]; then
    skip "$program" "libtapegrad-io was not built"
    finish
fi

# With one thread: beside other tests, two would wait for each other.
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export OMP_NUM_THREADS OPENBLAS_NUM_THREADS

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

run() { # ARGUMENT...: what it prints goes to $root/out, and nothing to standard error, which is no terminal
    "$programs/$program" "$@" >"$root/out" 2>"$root/err" && [ ! -s "$root/err" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    return $status
}

# refuses TEXT ARGUMENT...: exit code 2, one line on standard error with this in it, nothing on standard output.
refuses() {
    text=$1
    shift
    "$programs/$program" "$@" >"$root/out" 2>"$root/err"
    [ $? = 2 ] && grep -q -F -e "$text" "$root/err" && [ "$(wc -l <"$root/err")" -eq 1 ] && [ ! -s "$root/out" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    report $status "$program: an error: $text"
}

helps() { # OPTION...
    run --help && head -n 1 "$root/out" | grep -q "^Usage: $program "
    status=$?
    for option in "$@"; do
        grep -q -e "^  $option " "$root/out" || status=1
    done
    report $status "$program --help"
}

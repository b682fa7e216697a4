# tests/examples/fit.sh: what the tests of the examples that fit and draw share. To be sourced, with `program` set; sets `root`, a
# directory for files.
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

run() { # ARGUMENT...: what it prints goes to $root/out, and nothing to standard error
    "$programs/$program" "$@" >"$root/out" 2>"$root/err" && [ ! -s "$root/err" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    return $status
}

# near NAME FIELD EXPECTED TOLERANCE: of the first line printed that starts with NAME, this field, up to the tolerance times what is
# expected.
near() {
    awk -v name="$1" -v field="$2" -v expected="$3" -v tolerance="$4" '
        index($0, name) == 1 { found = $field; exit }
        END {
            off = found / expected - 1
            if (found != "" && off <= tolerance && -off <= tolerance) exit 0
            print "# expected " expected ", found " found
            exit 1
        }' "$root/out"
    report $? "$1, field $2: $3"
}

# The last line printed is in the document, by itself.
documented() {
    grep -q -F -x -e "$(tail -n 1 "$root/out")" "$top_srcdir/docs/examples.md"
    report $? "docs/examples.md has what it prints in the end"
}

# refuses TEXT ARGUMENT...: exit code 2, one line on standard error with this in it, nothing on standard output.
refuses() {
    text=$1
    shift
    "$programs/$program" "$@" >"$root/out" 2>"$root/err"
    [ $? = 2 ] && grep -q -F -e "$text" "$root/err" && [ "$(wc -l <"$root/err")" -eq 1 ] && [ ! -s "$root/out" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    report $status "an error: $text"
}

helps() { # OPTION...
    run --help && head -n 1 "$root/out" | grep -q "^Usage: $program "
    status=$?
    for option in "$@"; do
        grep -q -e "^  $option " "$root/out" || status=1
    done
    report $status "--help"
}

# The same picture as the one in the documents, where there is gnuplot.
draws() { # ARGUMENT...
    if ! command -v gnuplot >/dev/null; then
        skip "a picture" "there is no gnuplot"
        return
    fi
    run --plot "$root/it's a picture.svg" "$@" && head -n 1 "$root/it's a picture.svg" | grep -q '^<?xml' &&
        [ "$(grep -c '<title>' "$root/it's a picture.svg")" = "$(grep -c '<title>' "$top_srcdir/docs/$program.svg")" ]
    report $? "a picture"
}

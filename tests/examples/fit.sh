# tests/examples/fit.sh: what the tests of the examples that fit and draw share. To be sourced, with `program` set, as
# example.sh.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/example.sh"

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

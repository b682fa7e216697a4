#!/bin/sh
# The example of bundle adjustment: how near it comes, what it saves is where it begins again, and what it says of wrong arguments and of
# damaged files.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=bundle_adjustment

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/fit.sh"

data=$top_srcdir/data/bal.txt

# below NAME FIELD LIMIT: of the line that starts with NAME, this field is smaller.
below() {
    awk -v name="$1" -v field="$2" -v limit="$3" '
        index($0, name) == 1 { found = $field; exit }
        END { if (found != "" && found < limit) exit 0; print "# found " found; exit 1 }' "$root/out"
    report $? "$1, field $2, is below $3"
}

run --save "$root/saved"
report $? "the program ends well"
near Before: 3 48.7048 1e-5
near Loss 2 3353.9665 1e-6 # whatever the width of vectors, by which sums are rounded
below Loss 4 600
near After: 3 0.5094 1e-3 # the noise
documented
grep '^After' "$root/out" | sed 's/^After: /Before:/' >"$root/after"

run --data "$root/saved" --iterations 1
grep -q -F -x -f "$root/after" "$root/out"
report $? "what was saved is as near as what was found"
[ "$(head -n 1 "$root/saved")" = "$(head -n 1 "$data")" ] && [ "$(wc -l <"$root/saved")" -eq "$(wc -l <"$data")" ]
report $? "what was saved is a file of the same form"

# A number in another form is the same number.
awk 'NR == 1 || NF == 1 { print; next } { printf "%d %d %.9e %.9e\n", $1, $2, $3, $4 }' "$data" >"$root/exponents"
run --data "$root/exponents" --iterations 1
near Before: 3 48.7048 1e-5

sed '5s/.*/0 260 1 2/' "$data" >"$root/point"
sed '5s/.*/14 0 1 2/' "$data" >"$root/camera"
sed '5s/.*/0 0 nan 2/' "$data" >"$root/nan"
sed '1s/.*/14 260 0/' "$data" >"$root/none"
sed '$d' "$data" >"$root/short"
for damaged in point camera nan none short; do
    refuses "$damaged: at byte" --data "$root/$damaged"
done
refuses "absent: it cannot be opened: No such file or directory" --data "$root/absent"
draws --iterations 30
refuses "--scale: expected a number from 1e-06 on" --scale 0
refuses "--iterations: expected an integer from 1 to" --iterations 0
refuses "x: expected the name of a picture, which ends in .png, .svg or .pdf" --plot x
refuses "--frob: no such option; --help lists them" --frob
helps --data --scale --iterations --save --plot

finish

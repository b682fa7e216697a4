#!/bin/sh
# The example of optimal control: what it finds, how often the machine swings, and what it says of wrong arguments.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=optimal_control

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/fit.sh"

# below NAME FIELD LIMIT: of the line that starts with NAME, this field is smaller.
below() {
    awk -v name="$1" -v field="$2" -v limit="$3" '
        index($0, name) == 1 { found = $field; exit }
        END { if (found != "" && found < limit) exit 0; print "# found " found; exit 1 }' "$root/out"
    report $? "$1, field $2, is below $3"
}

run
report $? "the program ends well"
near '400 choices' 10 0.408 1e-9 # the motor is too weak to lift the pendulum,
below 'At the end' 7 1           # and yet it stands
below 'Cost' 2 10.5
near 'It swings' 6 4 0.6 # which minimum near by it finds hangs on the last bits

# A motor that is strong enough lifts it at once: no swing.
run --strength 30 --time 2
report $? "a strong motor"
grep -q '^It swings through the bottom 0 times$' "$root/out"
report $? 'it does not swing'
below 'At the end' 7 1

draws --steps 50
refuses "--strength: expected a number from 0.1 on" --strength 0
refuses "--steps: expected an integer from 8 to" --steps 7
refuses "x: expected the name of a picture, which ends in .png, .svg or .pdf" --plot x
refuses "--frob: no such option; --help lists them" --frob
helps --steps --time --strength --iterations --plot

finish

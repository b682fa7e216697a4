#!/bin/sh
# The example of a user's own op: its rules agree with central differences, Newton's method finds the smoothing of the Nile that
# a golden-section search of the plain recursion, without any derivative, finds, and its kernel's own error arrives with the
# line of the user's formula.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=${OWN_OP:-${top_builddir:-.}/examples/own_op}
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}

. "$top_srcdir/tests/tap.sh"

output=$("$program" 2>&1)
report $? "the program ends well"
printed() { # PATTERN NAME
    echo "$output" | grep -q "$1"
    status=$?
    [ $status = 0 ] || echo "$output" | sed 's/^/# /'
    report $status "$2"
}

printed '^gradcheck: 30 derivatives agree, the worst to [0-9.e+-]* of what is tolerated$' \
    "gradient and gradient of the gradient are checked"
# In Python: l = x[0]; for v in x[1:]: e += (v - l)**2; l += (1 - k) * (v - l)   is least at k = 0.753436, where l = 805.04
printed '^a year counts 0\.7534 times as much as the year after it; forecast for 1971: 805\.0$' "the smoothing is the best one"
line=$(grep -n 'fading_sum(flow, k)' "$top_srcdir/examples/own_op.c" | cut -d: -f1)
printed "own_op\.c:$line: fading_sum: the factor is 1\.5," "the kernel's own error names the line of the formula"

# Near the answer each step of Newton's method squares the error.
echo "$output" | awk '
    /^step/ { k[n++] = $NF }
    END {
        best = k[n - 1]
        for (i = 1; i < n - 1; i++) {
            before = k[i - 1] - best; after = k[i] - best
            if (before < 0) before = -before
            if (after < 0) after = -after
            if (after > 5 * before * before + 1e-9) exit 1
        }
        exit n != 6
    }'
report $? "Newton's method converges quadratically"

finish

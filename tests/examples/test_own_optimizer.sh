#!/bin/sh
# The example of a user's own optimizer and loss: it finds the line in spite of the outlier, goes on from its checkpoint to the bit, and
# its errors have the names and the lines of the calls.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=${OWN_OPTIMIZER:-${top_builddir:-.}/examples/own_optimizer}
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
line_of() { # TEXT
    grep -nF "$1" "$top_srcdir/examples/own_optimizer.c" | tail -n 1 | cut -d: -f1
}

# Where the sum of tanh(a x + b - y), and that of x tanh(a x + b - y), are 0, by bisection of the one inside a bisection of the other.
echo "$output" | awk '
    function tanh(d) { d = exp(-2 * d); return (1 - d) / (1 + d) }
    function slope(a, b, by,    i, s) { for (i = 1; i <= n; i++) s += (by ? x[i] : 1) * tanh(a * x[i] + b - y[i]); return s }
    function best_b(a,    low, high, i) {
        low = -5; high = 5
        for (i = 0; i < 60; i++) { b = (low + high) / 2; if (slope(a, b, 0) > 0) high = b; else low = b }
        return b
    }
    BEGIN {
        n = split("-2 -1.5 -1 -0.5 0.5 1 1.5 2", x); split("-3 -2 -1 0 2 9 4 5", y)
        low = -5; high = 5
        for (i = 0; i < 60; i++) { a = (low + high) / 2; if (slope(a, best_b(a), 1) > 0) high = a; else low = a }
    }
    /^y = / { da = $3 - a; db = $6 - b; found = da * da < 1e-4 && db * db < 1e-4 }
    END { exit !found }'
report $? "the line is the best one, up to the rate"
printed '^a\.lion\.m was [-0-9.e]*$' "the checkpoint holds the states"
printed '^resumed: the same bits$' "training goes on from the checkpoint to the bit"
printed "own_optimizer\.c:$(line_of '.beta1 = 1.5'): lion_step: beta1 1\.5 is not in \[0, 1)" "the step's own error names it and the line"
printed "own_optimizer\.c:$(line_of 'TG_SHAPE(3)'): log_cosh_loss: (3) x (2): the shapes do not broadcast" "so does the loss's"

finish

#!/bin/sh
# The examples that hand formulas of a tape to solvers of other libraries: they find what is known.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}

. "$top_srcdir/tests/tap.sh"

finds() { # PROGRAM TEXT NAME
    program=${top_builddir:-.}/examples/$1
    if [ ! -x "$program" ]; then
        skip "$3" "its library is not there"
        return
    fi
    output=$("$program" 2>&1) && echo "$output" | grep -q -F -e "$2"
    status=$?
    [ $status = 0 ] || echo "$output" | sed 's/^/# /'
    report $status "$3"
}

# By SciPy 1.17.1: minimize with SLSQP, and with trust-constr.
finds nlopt_bridge 'minimum 0.045675 at (0.7864, 0.6177)' 'NLopt finds the minimum in the disk'
# E. Hairer and G. Wanner; and by SciPy 1.17.1: solve_ivp with Radau and tolerances of 1e-12.
finds gsl_bridge 't = 40    0.715827 9.1855e-06 0.284164' 'GSL integrates the reaction'

finish

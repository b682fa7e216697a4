#!/bin/sh
# The suites of what is compiled for each instruction set, or calls it, pass with every set: TAPEGRAD_ISA asks for one, and where the
# processor does not have it, the best it has is tested again. The best one itself is what check_tapegrad runs with.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
tests=${top_srcdir:-${srcdir:-$(dirname "$0")/..}}/tests
suites=$(sed -n 's/.*suite_create("\(.*\)").*/\1/p' "$tests"/kernels/test_*.c "$tests"/nn/test_*.c "$tests"/ops/test_*.c \
    "$tests"/optim/test_*.c)

. "$tests/tap.sh"
for isa in baseline avx2; do
    for suite in $suites; do
        output=$(TAPEGRAD_ISA=$isa CK_FORK=no CK_RUN_SUITE=$suite "${builddir:-.}/tests/check_tapegrad") &&
            echo "$output" | grep -q '^ok' && ! echo "$output" | grep -q '^not ok'
        status=$?
        [ $status = 0 ] || echo "$output" | grep '^not ok' | sed 's/^/# /'
        report $status "$suite with $isa"
    done
done
finish

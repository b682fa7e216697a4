#!/bin/sh
# The tests of what is compiled for each instruction set pass with every set: TAPEGRAD_ISA asks for it, and where the processor
# has not got it, the best it has is tested again. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
number=0
for isa in baseline avx2; do
    for suite in gemm sum matmul reduce extreme elementwise special; do
        number=$((number + 1))
        output=$(TAPEGRAD_ISA=$isa CK_FORK=no CK_RUN_SUITE=$suite \
            "${builddir:-.}/tests/check_tapegrad") &&
            echo "$output" | grep -q '^ok' && ! echo "$output" | grep -q '^not ok'
        case $? in
        0) echo "ok $number - $suite with $isa" ;;
        *) echo "not ok $number - $suite with $isa" && echo "$output" | grep '^not ok' | sed 's/^/# /' ;;
        esac
    done
done
echo "1..$number"

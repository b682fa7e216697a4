#!/bin/sh
# examples/mpi_iris on 1 to 4 ranks: the six losses of the tutorial, to rounding; and to the bit with --deterministic.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)

. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/mpi/run.sh"

program=${MPI_IRIS-$top_builddir/examples/mpi_iris}
root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT

# Within 3 units in the last place of float32, of which one is 6e-8 there.
near() { # FILE
    awk 'BEGIN { split("0.9228231 0.6966762 0.6714916 0.6686138 0.6666905 0.6648104", loss) }
        $1 != "Epoch" || $2 != 20 * n || $5 - loss[n + 1] > 2e-7 || loss[n + 1] - $5 > 2e-7 { bad = 1 }
        { n++ }
        END { exit bad || n != 6 }' "$1"
}

why=$(why_not "$program")
if [ -n "$why" ]; then
    skip "mpi_iris" "$why"
else
    for n in 1 2 3 4; do
        ranks $n "$program" >"$root/losses" 2>"$root/log" && near "$root/losses"
        status=$?
        [ $status = 0 ] || sed 's/^/# /' "$root/losses" "$root/log"
        report $status "the six losses on $n ranks"
        ranks $n "$program" --deterministic >"$root/ordered-$n" 2>"$root/log" && near "$root/ordered-$n" &&
            cmp "$root/ordered-1" "$root/ordered-$n"
        status=$?
        [ $status = 0 ] || sed 's/^/# /' "$root/ordered-$n" "$root/log"
        report $status "the same bits on $n ranks"
    done
    ranks 5 "$program" --deterministic >"$root/losses" 2>"$root/log"
    [ $? != 0 ] && [ "$(grep -c 'mpi_iris: .*12 shards cannot be divided among 5 ranks' "$root/log")" = 1 ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/log"
    report $status "what is wrong is said once"
fi

finish

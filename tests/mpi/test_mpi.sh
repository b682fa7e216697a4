#!/bin/sh
# The tests of libtapegrad-mpi, on 1 to 4 ranks: MPI_RANKS names others.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)

. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/mpi/run.sh"

program=$top_builddir/tests/mpi/check_mpi
root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT

# The program's own report goes on under new numbers.
relay() { # RANKS
    while IFS= read -r line; do
        case $line in
        "ok "*) report 0 "$1 ranks: ${line#ok * - }" ;;
        "not ok "*) report 1 "$1 ranks: ${line#not ok * - }" ;;
        "1.."*) ;;
        *) echo "# $line" ;;
        esac
    done <"$root/log"
}

why=$(why_not "$program")
if [ -n "$why" ]; then
    skip "libtapegrad-mpi" "$why"
else
    for n in ${MPI_RANKS-1 2 3 4}; do
        ranks "$n" "$program" >"$root/log" 2>&1
        status=$?
        relay "$n"
        report "$status" "$n ranks: the program ends as it should"
    done
fi

finish

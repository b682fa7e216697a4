#!/bin/sh
# What becomes of a run when one rank fails, leaves, stops, ends, or is killed at a random moment: it ends, soon, and says why.
# MPI_KILLS says how many are killed; `make mpi-kills` kills 100.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)

. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/mpi/run.sh"

program=${MPI_UNLUCKY-$top_builddir/tests/mpi/unlucky}
TEST_SECONDS=${TEST_SECONDS-120} # so long a run may take in all
root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT

# The run ends by itself and not well, and one rank says what it was.
says() { # NAME TEXT WHAT RANK
    ranks 3 "$program" "$3" "$4" >"$root/log" 2>&1
    status=$?
    [ $status != 0 ] && [ $status != 124 ] && [ $status != 137 ] && [ "$(grep -c 'says: ' "$root/log")" = 1 ] &&
        grep -q "says: .*$2" "$root/log"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/log"
    report $status "$1"
}

# The run ends by itself and not well: mpirun says so.
ends() { # NAME WHAT RANK
    ranks 3 "$program" "$2" "$3" >"$root/log" 2>&1
    status=$?
    echo "# the status is $status"
    [ $status != 0 ] && [ $status != 124 ] && [ $status != 137 ]
    report $? "$1"
}

random() { # BELOW: from the system's random numbers
    echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# Rank 0 to 2 is killed some time after it began: while ranks meet, in a step, in a sum.
kill_one() { # NUMBER
    rank=$(random 3) wait=$(random 1500)
    rm -f "$root/number"
    ranks 3 "$program" killed "$rank" "$root/number" >"$root/log" 2>&1 &
    run=$!
    waited=0
    while [ ! -s "$root/number" ] && kill -0 $run 2>/dev/null && [ $waited -lt 600 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    sleep "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
    kill -9 "$(cat "$root/number")"
    killed=$?
    begun=$(date +%s)
    wait $run
    status=$?
    seconds=$(($(date +%s) - begun))
    echo "# rank $rank was killed after $wait ms; the run ended $seconds s later, with status $status"
    [ $killed = 0 ] && [ $status != 0 ] && [ $status != 124 ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/log"
    report $status "killed $1"
}

why=$(why_not "$program")
if [ -n "$why" ]; then
    skip "failures of ranks" "$why"
else
    says "a rank whose tape fails" "take: .*index 64" fails 1
    says "rank 0 fails" "take: .*index 64" fails 0
    says "a rank that makes fewer steps" "the ranks differ at their communication .*tg_mpi_agree" leaves 2
    says "a rank that does not answer" "this rank does not answer: 1" sleeps 1
    says "rank 0 does not answer" "this rank does not answer: 0" sleeps 0
    ends "a rank that exits" exits 2
    i=0
    while [ $i -lt "${MPI_KILLS-3}" ]; do
        i=$((i + 1))
        kill_one $i
    done
fi

finish

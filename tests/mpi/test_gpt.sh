#!/bin/sh
# examples/mpi_gpt, a small one, on 1, 2 and 4 ranks: the same losses, to rounding, and to the bit with --deterministic; a training that was
# stopped goes on to the same bits, on another number of ranks too; what it says of wrong arguments.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)

. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/mpi/run.sh"

program=${MPI_GPT-$top_builddir/examples/mpi_gpt}
model="--layers 2 --heads 2 --width 32 --context 32"
root=$(mktemp -d) || exit 99
run=
trap '[ -z "$run" ] || stop; rm -rf "$root"' EXIT

# trains RANKS ARGUMENT...: 20 steps; the losses go to $root/losses.
trains() {
    n=$1
    shift
    # shellcheck disable=SC2086
    ranks "$n" "$program" $model --batch 8 --steps 20 --every 5 --bucket 20000 "$@" >"$root/losses" 2>"$root/log" &&
        [ "$(grep -c '^step' "$root/losses")" = 4 ]
}

said() { # STATUS
    [ "$1" = 0 ] || sed 's/^/# /' "$root/losses" "$root/log"
    return "$1"
}

# near FILE: the losses there and those of this run differ by less than 1e-5, some 20 units in the last place.
near() {
    awk -F '[ ,:]+' 'function far(x, y) { return x - y > 1e-5 || y - x > 1e-5 }
        FNR == NR { loss[$2] = $4; test[$2] = $6; next }
        !($2 in loss) || far(loss[$2], $4) || far(test[$2], $6) { bad = 1 }
        END { exit bad }' "$1" "$root/losses"
}

# refuses TEXT RANKS ARGUMENT...: it ends with the exit code 2, and says why, once.
refuses() {
    text=$1
    n=$2
    shift 2
    ranks "$n" "$program" "$@" >"$root/losses" 2>"$root/log"
    status=$?
    [ $status = 2 ] && [ "$(grep -c "^mpi_gpt: .*$text" "$root/log")" = 1 ] && ! grep -q '^step' "$root/losses"
    said $?
    report $? "an error on $n ranks: $text"
}

# saving RANKS STEPS: a training that saves after every second step.
saving() {
    # shellcheck disable=SC2086
    ranks "$1" "$program" $model --batch 4 --shards 4 --deterministic --steps "$2" --every 2 --checkpoint "$root/run/checkpoint" \
        >"$root/losses" 2>"$root/log"
}

# begins RANKS STEPS: the same, beside this script.
begins() {
    : >"$root/losses" # those of the last one are not to be counted
    mkdir "$root/run"
    saving "$@" &
    run=$!
}

# Where it saves is no more, so it ends.
stop() {
    mv "$root/run" "$root/gone.$run"
    wait $run
    status=$?
    run=
}

# prints LINES: waits until it has printed so many, or has ended.
prints() {
    while [ "$(grep -c '^step' "$root/losses")" -lt "$1" ] && kill -0 $run 2>/dev/null; do
        sleep 0.1
    done
    [ "$(grep -c '^step' "$root/losses")" -ge "$1" ]
}

# ends RANKS: a training that can save no more says so, once. The status of mpirun is that of the rank whose end it sees first, which may be one
# that it has killed: only one alone has its own.
ends() {
    begins "$1" 1000000
    prints 2
    printed=$?
    stop
    [ $printed = 0 ] && [ "$(grep -c '^mpi_gpt: ' "$root/log")" = 1 ] || return 1
    if [ "$1" = 1 ]; then
        [ $status = 2 ]
    else
        [ $status != 0 ] && [ $status != 124 ] && [ $status != 137 ]
    fi
}

# A training on 2 ranks to its end, whose losses are in $root/whole; and its checkpoint of a moment near the beginning.
is_whole() {
    begins 2 100
    prints 2 && cp "$root/run/checkpoint" "$root/moment"
    printed=$?
    wait $run
    status=$?
    run=
    mv "$root/run" "$root/gone.whole"
    cp "$root/losses" "$root/whole"
    [ $printed = 0 ] && [ $status = 0 ] && [ "$(grep -c '^step' "$root/whole")" = 50 ]
}

# goes_on RANKS: from there to the end, in the same way.
goes_on() {
    mkdir "$root/run"
    cp "$root/moment" "$root/run/checkpoint"
    saving "$1" 100
    status=$?
    mv "$root/run" "$root/gone.on$1"
    lines=$(grep -c '^step' "$root/losses")
    [ $status = 0 ] && [ "$lines" -gt 0 ] && tail -n "$lines" "$root/whole" | cmp - "$root/losses"
}

why=$(why_not "$program")
if [ -n "$why" ]; then
    skip "mpi_gpt" "$why"
    finish
fi

trains 1 && cp "$root/losses" "$root/one"
said $?
report $? "20 steps on 1 rank"
trains 1 --deterministic --shards 4 && near "$root/one" && cp "$root/losses" "$root/ordered"
said $?
report $? "the same losses in 4 shards"
for n in 2 4; do
    trains "$n" && near "$root/one"
    said $?
    report $? "the same losses on $n ranks"
    trains "$n" --deterministic --shards 4 && cmp "$root/losses" "$root/ordered"
    said $?
    report $? "the same bits on $n ranks"
done

for n in 1 2; do
    ends "$n"
    said $?
    report $? "a training that can save no more ends on $n ranks"
done
is_whole
said $?
report $? "a training saves while it goes on"
for n in 1 2 4; do
    goes_on "$n"
    said $?
    report $? "one that was stopped goes on to the same bits on $n ranks"
done
# shellcheck disable=SC2086
"$top_builddir/examples/char_gpt" $model --batch 4 --steps 0 --checkpoint "$root/moment" --prompt "ZEAL, n." --characters 20 \
    >"$root/losses" 2>"$root/log" && [ "$(head -c 8 "$root/losses")" = "ZEAL, n." ]
said $?
report $? "char_gpt writes with what it has learned"

ranks 2 "$program" --help >"$root/losses" 2>"$root/log" && [ "$(grep -c '^Usage: mpi_gpt ' "$root/losses")" = 1 ]
said $?
report $? "--help is printed once"
refuses "8 shards cannot be divided among 3 ranks" 3 --deterministic
refuses "16 pieces cannot be divided into 3 shards" 3
refuses "no such option" 2 --colour
refuses "expected an integer from 1" 2 --layers 0
refuses "cannot be opened" 2 --text "$root/missing"
refuses "wte.weight" 2 --checkpoint "$root/moment"

finish

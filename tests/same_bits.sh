#!/bin/sh
# usage: tests/same_bits.sh BASE [HEAD]
#
# Whether two commits compute the same to the bit, and if not, where they first differ: everything that the tests read, the op
# table's among them, under several settings; random programs; and what the examples print. HEAD is the current commit unless it is
# named. Both are built outside of the tree, and tests/same_bits.c, as it is here, is linked into the tests of both: it writes down
# what they read.
#
# Tests are matched by their names, wherever they stand; those of one name in several suites, by the suite too. Where one commit's
# loop has more iterations, those of the other must be among them in their order. Any NaN is a NaN, but others than before are told.
# Exit code: 0 the same; 1 different; 2 it could not be found out.
#
#   PROGRAMS=100000 SEED=1   how many random programs, and the first
#   SETTINGS='default ...'   default, one-thread, two-threads, eager, baseline, avx2: all of these unless some are named
#   CONFIGURE='...'          arguments of configure, for both
#   WORK=DIRECTORY           where builds and logs stay: a commit that was built there is not built again
#
# SPDX-License-Identifier: MIT
set -u

fail() {
    echo "same_bits.sh: $*" >&2
    exit 2
}

cd "$(dirname "$0")/.." || exit 2
case $# in 1 | 2) ;; *) fail "usage: tests/same_bits.sh BASE [HEAD]" ;; esac
base=$(git rev-parse --verify --quiet "$1^{commit}") || fail "$1: no such commit"
head=$(git rev-parse --verify --quiet "${2:-HEAD}^{commit}") || fail "$2: no such commit"
source=$PWD/tests/same_bits.c
if [ -n "${WORK-}" ]; then
    mkdir -p "$WORK" && work=$(cd "$WORK" && pwd) || exit 2
else
    work=$(mktemp -d) || exit 2
    trap 'rm -rf "$work"' EXIT
    trap 'exit 2' HUP INT TERM
fi
unset MAKEFLAGS MFLAGS MAKELEVEL # of the make that this may run under
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# both COMMAND ARGUMENT...: does it for the two commits at once, with SIDE and COMMIT before the arguments.
both() {
    command=$1
    shift
    ("$command" base "$base" "$@") &
    ("$command" head "$head" "$@")
    status=$?
    wait $! && [ $status = 0 ]
}

# ---- building ---------------------------------------------------------------------------------------------------------

# variable NAME: what a variable of the Makefile of this directory holds.
variable() {
    printf 'include Makefile\nsame-bits-print:\n\t@echo $(%s)\n' "$1" | make -s -f - same-bits-print
}

# The program that reads are written down by: what it wraps, its own WRAPS(type, NAME, ...) say.
wrapped=$(sed -n 's/^WRAPS([^,]*, \([a-z_]*\),.*/,--wrap=\1/p' "$source" | tr -d '\n')
link_program() { # PROGRAM FLAG...
    program=$1
    shift
    rm -f "$program"
    make LDFLAGS="$(variable LDFLAGS) -Wl$wrapped $* $PWD/same_bits.o" "$program"
}

link_tests() {
    eval "$(variable CC) -std=gnu11 -O2 -Iinclude $(variable CHECK_CFLAGS) -c -o same_bits.o '$source'" || return
    for program in $(variable check_PROGRAMS); do # not all have random programs, which nothing else asks for
        link_program "$program" -Wl,--undefined=perform_random_program || link_program "$program" || return
    done
}

# In a directory of the commit's name, so that one path is as long as the other.
make_commit() { # SIDE COMMIT
    if [ "$1" = head ] && [ "$base" = "$head" ]; then return; fi
    tree=$work/$2
    if [ ! -e "$tree/same_bits.built" ]; then
        rm -rf "$tree"
        mkdir -p "$tree" && git archive "$2" >"$tree.tar" && tar -xf "$tree.tar" -C "$tree" && rm "$tree.tar" || return
    fi
    (
        cd "$tree" || exit
        if [ ! -e same_bits.built ]; then
            # shellcheck disable=SC2086 # flags are words
            ./bootstrap && ./configure --quiet --disable-shared ${CONFIGURE-} && make -j "$(((jobs + 1) / 2))" &&
                touch same_bits.built || exit
        fi
        link_tests
    ) >"$tree.log" 2>&1 && return
    tail -n 20 "$tree.log" >&2
    fail "$1, $2: does not build"
}

# ---- running ----------------------------------------------------------------------------------------------------------

# Under which variables a setting runs. A BLAS may give other bits for another number of its threads.
variables() { # SETTING
    echo "CK_FORK=no OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive TAPEGRAD_FUZZ_SEED=$seed"
    case $1 in
        default) echo "TAPEGRAD_FUZZ=$programs" ;;
        one-thread) echo "TAPEGRAD_FUZZ=0 OMP_NUM_THREADS=1" ;;
        two-threads) echo "TAPEGRAD_FUZZ=0 OMP_NUM_THREADS=2" ;;
        eager) echo "TAPEGRAD_FUZZ=0 TAPEGRAD_EAGER=1" ;;
        baseline | avx2) echo "TAPEGRAD_FUZZ=0 TAPEGRAD_ISA=$1" ;;
        *) fail "$1: no such setting" ;;
    esac
}

run_tests() { # LOG VARIABLE...
    log=$1
    shift
    : >"$log"
    for program in $(variable check_PROGRAMS); do
        # How often an allocation is made to fail is how many there are.
        case $program in *allocation) skip=SAME_BITS_SKIP=fail ;; *) skip= ;; esac
        # shellcheck disable=SC2086 # a word or none
        env SAME_BITS_LOG="$log" $skip "$@" "$program" >"$log.out" 2>&1
        status=$?
        [ "$status" -le 1 ] || printf 'X\t%s\t%d\n' "$program" "$status" >>"$log" # 1: some test failed, and its line says so
    done
}

run_examples() { # DIRECTORY VARIABLE...
    rm -rf "$1"
    mkdir "$1" || return
    out=$1
    shift
    for dtype in f32 f64; do
        for record in once each; do
            for loss in half-squared bce; do
                options="--dtype $dtype --record $record --loss $loss"
                # shellcheck disable=SC2086 # flags are words
                env "$@" examples/iris_fnn $options --check --csv "$out/iris$options.csv" >"$out/iris$options" 2>&1
                echo "exit code $?" >>"$out/iris$options"
            done
        done
    done
    for example in linear newton own_op; do
        env "$@" "examples/$example" >"$out/$example" 2>&1
        echo "exit code $?" >>"$out/$example"
    done
}

run_setting() { # SIDE COMMIT SETTING
    side=$work/$1
    mkdir -p "$side" && cd "$work/$2" || return
    # shellcheck disable=SC2046 # variables are words
    set -- "$3" $(variables "$3")
    setting=$1
    shift
    run_examples "$side/$setting.examples" "$@" || return
    if [ -n "$tests" ]; then set -- "$@" "SAME_BITS_TESTS=$tests"; fi
    run_tests "$side/$setting.log" "$@"
}

# ---- comparing --------------------------------------------------------------------------------------------------------

# Reads both logs; writes "differ LINE LINE" for a test that differs, by its lines in the logs; for the first of the random programs
# that do, "program SEED COUNT OTHER-INPUTS"; "only SIDE TEST"; and sentences that begin with "note" or "broken".
compare='
BEGIN { FS = "\t" }
FNR == 1 { side++; performed = 0 }
$1 == "X" { print "broken " $2 " of " (side == 1 ? "base" : "head") " ended with status " $3 }
$1 == "P" && side == 1 { program[$2] = $3 FS $6; exact[$2] = $5; inputs[$2] = $4; programs_of_base++ }
$1 == "P" && side == 2 {
    programs++
    if (program[$2] == $3 FS $6) nans += exact[$2] != $5
    else if (!programs_differ++ || $2 + 0 < first) { first = $2 + 0; other = inputs[$2] != $4 }
}
$1 == "P" { performed = 1 }
$1 == "T" {
    key = $2 FS $3
    n = ++count[side, key]
    if (n == 1) { keys[side, ++kinds[side]] = key; name[key] = $2; suite[key] = $3 }
    what[side, key, n] = performed ? $5 : $5 FS $6 FS $9 # its programs are compared by themselves
    bits[side, key, n] = performed ? "" : $8
    performed = 0
    line[side, key, n] = FNR
    reads[side] += $6
    total[side]++
}

function same(a, i, b, j) {
    if (what[1, a, i] != what[2, b, j]) return 0
    if (bits[1, a, i] != bits[2, b, j]) nans++
    return 1
}

# The shorter loop must be in the longer, in order.
function match_loops(a, b,  n, m, i, j) {
    n = count[1, a]; m = count[2, b]
    if (n == m) {
        for (i = 1; i <= n; i++) if (!same(a, i, b, i)) print "differ " line[1, a, i] " " line[2, b, i]
        return
    }
    for (i = j = 1; i <= n && j <= m;) {
        if (same(a, i, b, j)) { i++; j++ }
        else if (n < m) j++
        else i++
    }
    print "note " name[a] ": " n " iterations in base, " m " in head"
    if (n < m && i <= n) print "differ " line[1, a, i] " " line[2, b, i]
    if (n > m && j <= m) print "differ " line[1, a, j] " " line[2, b, j]
}

END {
    for (s = 1; s <= 2; s++) for (k = 1; k <= kinds[s]; k++) {
        key = keys[s, k]
        if ((3 - s, key) in count) { if (s == 1) match_loops(key, key) }
        else { alone[s, name[key]]++; left[s, name[key]] = key }
    }
    # What is left: a name of which there is one in each has gone to another suite.
    for (s = 1; s <= 2; s++) for (k = 1; k <= kinds[s]; k++) {
        key = keys[s, k]
        if ((3 - s, key) in count) continue
        if (alone[1, name[key]] == 1 && alone[2, name[key]] == 1) { if (s == 1) match_loops(key, left[2, name[key]]) }
        else print "only " (s == 1 ? "base" : "head") " " suite[key] ": " name[key]
    }
    if (programs_of_base != programs) print "broken " programs_of_base + 0 " random programs in base, " programs + 0 " in head"
    if (programs_differ) print "program " first " " programs_differ " " other
    if (nans) print "note other bits of NaNs in " nans " tests and programs"
    if (!total[1] || !total[2]) print "broken no tests"
    print "total " total[1] + 0 " " total[2] + 0 " " reads[1] + 0 " " programs + 0
}'

readings() { # LOG LINE: those before the line of their test, which comes first
    awk -F '\t' -v last="$2" '
        NR == last { print $3 ", " $2 "[" $4 "], " $5 ", inputs " $7; for (i = 1; i <= n; i++) print reading[i]; exit }
        $1 == "T" { n = 0 }
        $1 == "R" { reading[++n] = $2 " bytes, status " $3 ", digest " $5 }' "$1"
}

# The first reading in which a test differs.
explain() { # BASE-LOG BASE-LINE HEAD-LOG HEAD-LINE
    readings "$1" "$2" >"$work/base.readings"
    readings "$3" "$4" >"$work/head.readings"
    paste -d '\t' "$work/base.readings" "$work/head.readings" | awk -F '\t' '
        NR == 1 {
            split($1, a, ", inputs "); split($2, b, ", inputs ")
            print "  base: " a[1] "\n  head: " b[1]
            if (a[2] != b[2]) print "    what it writes into leaves differs: the test is not the same"
            next
        }
        $1 != $2 {
            print "    reading " NR - 1 " of base: " ($1 == "" ? "there is none" : $1)
            print "    reading " NR - 1 " of head: " ($2 == "" ? "there is none" : $2)
            found = 1
            exit
        }
        END { if (!found) print "    all " NR - 1 " readings that are written down are the same" }'
}

# One random program once more, with all its readings.
run_program() { # SIDE COMMIT SEED
    cd "$work/$2" || return
    log=$work/$1/program.log
    name=$(sed -n "$(line_of_program "$work/$1/default.log")p" "$work/$1/default.log" | cut -f 2)
    # shellcheck disable=SC2046 # variables are words
    run_tests "$log" $(variables default) TAPEGRAD_FUZZ=1 TAPEGRAD_FUZZ_SEED="$3" SAME_BITS_READS=1 SAME_BITS_TESTS=" $name "
}
line_of_program() { # LOG: of the test that performed it
    awk '/^P/ { seen = 1 } /^T/ && seen { print NR; exit }' "$1"
}
explain_program() { # SEED COUNT OTHER-INPUTS
    echo "  $2 random programs differ, the first of them of seed $1"
    if [ "$3" = 1 ]; then echo "    what it writes into leaves differs: the programs are not the same"; fi
    both run_program "$1"
    explain "$work/base/program.log" "$(line_of_program "$work/base/program.log")" \
        "$work/head/program.log" "$(line_of_program "$work/head/program.log")"
}

compare_setting() { # SETTING
    logs="$work/base/$1.log $work/head/$1.log" found=$work/$1.found
    # shellcheck disable=SC2086 # two words
    awk "$compare" $logs >"$found" || fail "cannot compare"
    result='the same bits'
    if ! diff -r "$work/base/$1.examples" "$work/head/$1.examples" >"$work/$1.diff"; then
        result=DIFFERENT
        head -n 10 "$work/$1.diff" | sed 's/^/  /'
    fi
    differ=$(grep -c '^differ ' "$found")
    if grep -q -e '^differ ' -e '^program ' -e '^broken ' "$found"; then result=DIFFERENT; fi
    if [ "$differ" != 0 ]; then echo "  $differ tests differ; the first:"; fi
    grep '^differ ' "$found" | sort -k 2n | head -n 5 | while read -r _ line other; do
        explain "${logs% *}" "$line" "${logs#* }" "$other"
    done
    sed -n 's/^broken /  /p; s/^note /  note: /p' "$found"
    grep '^program ' "$found" | head -n 1 | while read -r _ seed count other; do explain_program "$seed" "$count" "$other"; done
    for side in base head; do
        count=$(grep -c "^only $side " "$found")
        if [ "$count" != 0 ]; then echo "  $count tests are only in $side:"; fi
        sed -n "s/^only $side /    /p" "$found"
    done
    sed -n 's/^total //p' "$found" | {
        read -r tests others reads programs
        echo "$1: $tests and $others tests, $reads readings, $programs random programs, the examples: $result"
    }
    [ "$result" != DIFFERENT ]
}

# ---- all of it --------------------------------------------------------------------------------------------------------

programs=${PROGRAMS:-100000} seed=${SEED:-1} tests=
echo "base $base, head $head"
both make_commit || exit 2
different=0
for setting in ${SETTINGS:-default one-thread two-threads eager baseline avx2}; do
    variables "$setting" >/dev/null || exit 2
    both run_setting "$setting" || exit 2
    compare_setting "$setting" || different=1
    # Only what reads anything can differ under another setting; and the views' cases are those that plans go through, too.
    if [ "$setting" = default ]; then
        tests=" $(cat "$work/base/default.log" "$work/head/default.log" |
            awk -F '\t' '$1 == "T" && $6 && $2 != "values_of_views_are_right" && !seen[$2]++ { printf "%s ", $2 }')"
    fi
done
if [ $different = 0 ]; then echo "the same bits"; else echo "DIFFERENT"; fi
exit $different

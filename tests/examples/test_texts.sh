#!/bin/sh
# The examples that learn to write: their losses are PyTorch's; a training that is stopped and goes on is the same as one in one piece; what
# they say of wrong arguments and files.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
programs=${top_builddir:-.}/examples
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}

. "$top_srcdir/tests/tap.sh"

if [ ! -x "$programs/char_gpt" ]; then
    skip "the examples that learn to write" "libtapegrad-io was not built"
    finish
fi

# With one thread: beside other tests, two would wait for each other.
OMP_NUM_THREADS=1
export OMP_NUM_THREADS

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

# A small model of each program.
char_gpt="char_gpt --layers 2 --heads 2 --width 32 --context 32 --batch 4 --characters 300"
lstm_text="lstm_text --layers 2 --hidden 24 --length 16 --batch 4 --characters 300"

# learns NAME ARGUMENT...: the program that is being tested; its output is in $root/NAME, and nothing on standard error.
learns() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$programs/"$program "$@" >"$root/$name" 2>"$root/err" && [ ! -s "$root/err" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/$name" "$root/err"
    return $status
}

# is_as_it_should_be NAME: the program of that name.
is_as_it_should_be() {
    rm -f "$root/checkpoint"
    learns whole --steps 50 --every 1 --metrics "$root/metrics"
    report $? "$1: 50 steps"

    # The fixture was made by make_texts.py.
    awk -F '[ ,:]+' -v name="$1" -v file="$top_srcdir/tests/fixtures/texts.csv" '
        BEGIN {
            while ((getline line < file) > 0) {
                split(line, field, ",")
                if (field[1] == name) loss[field[2]] = field[3]
            }
        }
        $1 == "step" {
            seen++
            d = $4 - loss[$2]
            if (d < 0) d = -d
            if (!($2 in loss) || d > 1e-4) { print "# " $0 " is not " loss[$2]; bad = 1 }
        }
        END { exit bad || seen != 50 }' "$root/whole"
    report $? "$1: the losses of 50 steps are those of PyTorch to 1e-4"

    [ "$(head -n 1 "$root/metrics")" = "step,train_loss,test_loss" ] && [ "$(grep -c '^[0-9]' "$root/metrics")" -eq 50 ]
    report $? "$1: a table of them"

    set -- "$1" --steps 50 --every 10 --checkpoint "$root/checkpoint" --prompt "ZEAL, n."
    what=$1
    shift
    learns first "$@" && learns again "$@" && grep -v '^step' "$root/first" >"$root/text" && cmp -s "$root/text" "$root/again"
    report $? "$what: a trained model is loaded, and writes the same again"

    [ "$(head -c 8 "$root/text")" = "ZEAL, n." ] && [ "$(wc -c <"$root/text")" -eq 309 ]
    report $? "$what: it writes as many characters as are asked for, after the prompt"

    # Stopped after 20 steps of 50: the steps from there on are the same to the last digit.
    mv "$root/checkpoint" "$root/whole_checkpoint"
    # shellcheck disable=SC2086
    "$programs/"$program "$@" 2>"$root/err" | sed '/^step 20/q' >"$root/begun"
    learns rest "$@"
    tail -n +"$(grep -n "$(head -n 1 "$root/rest")" "$root/first" | cut -d: -f1)" "$root/first" | cmp -s - "$root/rest" &&
        cmp -s "$root/checkpoint" "$root/whole_checkpoint"
    report $? "$what: a training that was stopped goes on to the same bits"
}

program=$lstm_text
is_as_it_should_be lstm_text
program=$char_gpt
is_as_it_should_be char_gpt

# refuses TEXT ARGUMENT...: exit code 2, one line on standard error with this in it, nothing on standard output.
refuses() {
    text=$1
    shift
    "$programs/char_gpt" "$@" >"$root/out" 2>"$root/err"
    [ $? = 2 ] && grep -q -F -e "$text" "$root/err" && [ "$(wc -l <"$root/err")" -eq 1 ] && [ ! -s "$root/out" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    report $status "refused: $text"
}

printf 'too short' >"$root/short"
yes 'Long enough for a step, but not for the test.' | head -n 60 >"$root/long"
printf '\037\213 no gzip' >"$root/broken.gz"
refuses "no such option" --colour red
refuses "needs a value" --steps
refuses "unexpected" steps
refuses "expected an integer from 1" --layers 0
refuses "expected an integer from 0" --steps -1
refuses "expected an integer from 0" --steps 1e3
refuses "expected a number from 0.001 on" --temperature 0
refuses "expected a number from 0 on" --rate fast
refuses "expected a text" --text=
refuses "not divided into 3 heads" --heads 3
refuses "at most 48" --layers 1000
refuses "cannot be opened" --text "$root/missing"
refuses "are too few" --text "$root/short"
refuses "the text is shorter than" --text "$root/long" --context 5000
refuses "too few for a test" --text "$root/long"
refuses "which --metrics names" --plot "$root/x.svg"
refuses "x.txt" --plot "$root/x.txt" --metrics "$root/x.csv"
refuses "broken.gz" --text "$root/broken.gz"
# shellcheck disable=SC2086
refuses "wte.weight" ${char_gpt#char_gpt} --width 64 --checkpoint "$root/checkpoint" --steps 50

"$programs/lstm_text" --layers 9 >"$root/out" 2>"$root/err"
[ $? = 2 ] && grep -q "at most 8" "$root/err"
report $? "refused: too many layers of an LSTM"

"$programs/char_gpt" --help >"$root/out" 2>"$root/err" && grep -q -e '--temperature' "$root/out" && [ ! -s "$root/err" ]
report $? "--help"

finish

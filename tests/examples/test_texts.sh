#!/bin/sh
# The examples that learn to write: their losses are PyTorch's; a training that is stopped and goes on is the same as one in one piece; what
# they say of wrong arguments and files.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=char_gpt

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/example.sh"

# A small model of each program.
char_gpt="char_gpt --layers 2 --heads 2 --width 32 --context 32 --batch 4 --characters 300"
lstm_text="lstm_text --layers 2 --hidden 24 --length 16 --batch 4 --characters 300"

# learns NAME ARGUMENT...: the command that is being tested; its output is in $root/NAME, and nothing on standard error.
learns() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$programs/"$command "$@" >"$root/$name" 2>"$root/err" && [ ! -s "$root/err" ]
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
    "$programs/"$command "$@" 2>"$root/err" | sed '/^step 20/q' >"$root/begun"
    learns rest "$@"
    tail -n +"$(grep -n "$(head -n 1 "$root/rest")" "$root/first" | cut -d: -f1)" "$root/first" | cmp -s - "$root/rest" &&
        cmp -s "$root/checkpoint" "$root/whole_checkpoint"
    report $? "$what: a training that was stopped goes on to the same bits"
}

command=$lstm_text
is_as_it_should_be lstm_text
command=$char_gpt
is_as_it_should_be char_gpt

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

helps --temperature

program=lstm_text
refuses "at most 8" --layers 9

finish

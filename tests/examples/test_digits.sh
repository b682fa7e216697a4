#!/bin/sh
# The examples that read digits: what they reach, from the table and from files in the format of MNIST; that the seed decides it; and what
# they say of wrong arguments and of files that are no digits.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
programs=${top_builddir:-.}/examples
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}

. "$top_srcdir/tests/tap.sh"

if [ ! -x "$programs/digits_cnn" ]; then
    skip "the examples that read digits" "libtapegrad-io was not built"
    finish
fi

# With one thread: beside other tests, two would wait for each other.
OMP_NUM_THREADS=1
export OMP_NUM_THREADS

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

# reaches PERCENT NAME PROGRAM ARGUMENT...: its last line, and nothing on standard error, which is no terminal.
reaches() {
    percent=$1 name=$2 program=$3
    shift 3
    "$programs/$program" "$@" >"$root/out" 2>"$root/err" && [ ! -s "$root/err" ] &&
        awk -v percent="$percent" '
            { line = $0 }
            END { exit !(line ~ /^Test accuracy: [0-9]+[.][0-9]%$/ && substr(line, 16) + 0 >= percent) }' "$root/out"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    report $status "$name"
}

# refuses TEXT PROGRAM ARGUMENT...: exit code 2, one line on standard error with this in it, nothing on standard output.
refuses() {
    text=$1 program=$2
    shift 2
    "$programs/$program" "$@" >"$root/out" 2>"$root/err"
    [ $? = 2 ] && grep -q -F -e "$text" "$root/err" && [ "$(wc -l <"$root/err")" -eq 1 ] && [ ! -s "$root/out" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/err"
    report $status "$program: $text"
}

reaches 98 "digits_cnn reads 98 % of what it has not seen" digits_cnn
reaches 95 "digits_mlp reads 95 %" digits_mlp
cp "$root/out" "$root/first"
"$programs/digits_mlp" >"$root/second" && cmp -s "$root/first" "$root/second"
report $? "one seed gives one result"

# The files of MNIST, of 40 images of 12 x 12: digit d is white in row d.
idx() { # COUNT
    awk -v count="$1" -v name="$root/mnist/$2" '
        function octal(n) { return sprintf("\\%03o", n) }
        BEGIN {
            images = "\\000\\000\\010\\003" "\\000\\000\\000" octal(count) "\\000\\000\\000\\014\\000\\000\\000\\014"
            labels = "\\000\\000\\010\\001" "\\000\\000\\000" octal(count)
            for (i = 0; i < count; i++) {
                labels = labels octal(i % 10)
                for (p = 0; p < 144; p++) images = images octal(int(p / 12) == i % 10 ? 255 : 0)
            }
            print images >(name "-images-idx3-ubyte.text"); print labels >(name "-labels-idx1-ubyte.text")
        }'
    for kind in images-idx3 labels-idx1; do
        # shellcheck disable=SC2059 # the file is the format
        printf "$(cat "$root/mnist/$2-$kind-ubyte.text")" >"$root/mnist/$2-$kind-ubyte"
    done
}
mkdir "$root/mnist"
idx 200 train && idx 40 t10k
gzip -f "$root/mnist/t10k-labels-idx1-ubyte"
reaches 100 "digits_mlp reads the files of MNIST, compressed or not" digits_mlp --data "$root/mnist" --epochs 20
rm "$root/mnist/train-images-idx3-ubyte"
refuses "train-images-idx3-ubyte.gz: it cannot be opened: No such file or directory" digits_mlp --data "$root/mnist"

printf '1,2,3\n' >"$root/few"
awk 'BEGIN { for (i = 0; i < 12; i++) { line = 17; for (p = 1; p < 65; p++) line = line ",1"; print line } }' >"$root/bright"
awk 'BEGIN { for (i = 0; i < 12; i++) { line = 1; for (p = 1; p < 64; p++) line = line ",1"; print line ",10" } }' >"$root/ten"
refuses "1 lines of 3 numbers; expected 10 lines or more" digits_cnn --data "$root/few"
refuses "bright: pixels from 1 to 17, expected 0 to 16" digits_cnn --data "$root/bright"
refuses "ten: digits from 10 to 10, expected 0 to 9" digits_cnn --data "$root/ten"
refuses "absent: it cannot be opened: No such file or directory" digits_cnn --data "$root/absent"
refuses "--data: expected a file or directory, found ''" digits_cnn --data ""
refuses "--epochs: expected an integer from 0 to 2147483647, found 'x'" digits_cnn --epochs x
refuses "--epochs: needs a value" digits_cnn --epochs
refuses "--seed: expected an integer from 0 to 18446744073709551615, found '18446744073709551616'" digits_mlp --seed 18446744073709551616
refuses "--help=3: takes no value" digits_mlp --help=3
refuses "--frob: no such option; --help lists them" digits_mlp --frob
refuses "file: unexpected; every option starts with --" digits_mlp file

for program in digits_cnn digits_mlp; do
    "$programs/$program" --help >"$root/out" && head -n 1 "$root/out" | grep -q "^Usage: $program " && grep -q -e '--data PATH' "$root/out"
    report $? "$program --help"
done

finish

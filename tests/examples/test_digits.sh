#!/bin/sh
# The examples that read digits: what they reach, from the table and from files in the format of MNIST; that the seed decides it; and what
# they say of wrong arguments and of files that are no digits.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=digits_cnn

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/example.sh"

# reaches PERCENT NAME PROGRAM ARGUMENT...: its last line, and nothing on standard error, which is no terminal.
reaches() {
    percent=$1 name=$2 program=$3
    shift 3
    run "$@" &&
        awk -v percent="$percent" '
            { line = $0 }
            END { exit !(line ~ /^Test accuracy: [0-9]+[.][0-9]%$/ && substr(line, 16) + 0 >= percent) }' "$root/out"
    report $? "$name"
}

reaches 98 "digits_cnn reads 98 % of what it has not seen" digits_cnn
reaches 95 "digits_mlp reads 95 %" digits_mlp
cp "$root/out" "$root/first"
"$programs/digits_mlp" >"$root/second" && cmp -s "$root/first" "$root/second"
report $? "one seed gives one result"

# ---- tables and pictures ---------------------------------------------------------------------------------------------

# This gnuplot keeps what it is told to draw.
mkdir "$root/bin"
cat >"$root/bin/gnuplot" <<END
#!/bin/sh
cat >"$root/script"
echo a picture
grep -q '^set title .Confusion' "$root/script" && cp "$root/script" "$root/confusion"
grep -q '^set title .Losses' "$root/script" && cp "$root/script" "$root/losses"
exit 0
END
chmod +x "$root/bin/gnuplot"
path=$PATH
PATH=$root/bin:$PATH

reaches 10 "digits_mlp writes a table and draws pictures" digits_mlp --epochs 3 --metrics "$root/m.csv" --plot "$root/loss.svg" \
    --confusion "$root/confusion.png"
[ "$(cat "$root/loss.svg" "$root/confusion.png" | sort -u)" = 'a picture' ]
report $? "both pictures are there"
awk -F, '
    NR == 1 { bad = $0 != "epoch,train_loss,test_loss,test_accuracy" }
    NR > 1 && ($1 != NR - 1 || !($2 > 0) || !($3 > 0) || !($4 > 0 && $4 <= 1)) { bad = 1 }
    NR == 4 { accuracy = sprintf("Test accuracy: %.1f%%", 100 * $4) }
    END { print accuracy; exit bad || NR != 4 }' "$root/m.csv" >"$root/last" && cmp -s "$root/last" "$root/out"
report $? "the table has three epochs, and the accuracy that was printed"
awk -F, 'NR > 1 { print $1, sprintf("%.9g", $3) }' "$root/m.csv" >"$root/points"
sed -n '/^.c1 << END/,/^END/p' "$root/losses" | sed '1d;$d' | cmp -s - "$root/points"
report $? "the curve is that of the table"
sed -n '/^.cells/,/^END/p' "$root/confusion" | awk 'NF == 5 { n += $3; if ($1 == $2) right += $3 }
    END { printf "Test accuracy: %.1f%%\n", 100 * right / n; exit n != 359 }' >"$root/last" && cmp -s "$root/last" "$root/out"
report $? "the confusion matrix has all images, and those that were read right"
PATH=$path

if command -v gnuplot >/dev/null; then
    reaches 10 "pictures by gnuplot" digits_mlp --epochs 1 --plot "$root/real.svg" --confusion "$root/real2.svg" &&
        grep -q '>Losses of the training and of the test<' "$root/real.svg" && grep -q '>Confusion matrix: ' "$root/real2.svg"
    report $? "gnuplot has drawn them"
else
    skip "pictures by gnuplot" "gnuplot is not installed"
fi

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
program=digits_mlp
refuses "train-images-idx3-ubyte.gz: it cannot be opened: No such file or directory" --data "$root/mnist"

printf '1,2,3\n' >"$root/few"
awk 'BEGIN { for (i = 0; i < 12; i++) { line = 17; for (p = 1; p < 65; p++) line = line ",1"; print line } }' >"$root/bright"
awk 'BEGIN { for (i = 0; i < 12; i++) { line = 1; for (p = 1; p < 64; p++) line = line ",1"; print line ",10" } }' >"$root/ten"
program=digits_cnn
refuses "1 lines of 3 numbers; expected 10 lines or more" --data "$root/few"
refuses "bright: pixels from 1 to 17, expected 0 to 16" --data "$root/bright"
refuses "ten: digits from 10 to 10, expected 0 to 9" --data "$root/ten"
refuses "absent: it cannot be opened: No such file or directory" --data "$root/absent"
refuses "--data: expected a file or directory, found ''" --data ""
refuses "--epochs: expected an integer from 1 to 2147483647, found 'x'" --epochs x
refuses "--epochs: needs a value" --epochs
refuses "--epochs: expected an integer from 1 to 2147483647, found '0'" --epochs 0
refuses "--metrics: expected a file, found ''" --metrics ""
refuses "--picture: no such option; --help lists them" --picture x.png
program=digits_mlp
refuses "metrics_open: $root/no/m.csv: it cannot be opened: No such file or directory" --metrics "$root/no/m.csv"
refuses "plot_check: x.gif: the name of a picture ends in .svg, .png or .pdf" --plot x.gif
refuses "--seed: expected an integer from 0 to 18446744073709551615, found '18446744073709551616'" --seed 18446744073709551616
refuses "--help=3: takes no value" --help=3
refuses "--frob: no such option; --help lists them" --frob
refuses "file: unexpected; every option starts with --" file

for program in digits_cnn digits_mlp; do
    helps --data
done

finish

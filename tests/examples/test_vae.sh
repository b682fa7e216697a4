#!/bin/sh
# The example that paints digits: what it reaches, that its losses are PyTorch's, its table and its picture, and what it says of wrong
# arguments.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=vae

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/example.sh"

# reaches NATS NAME ARGUMENT...: its last line, and nothing on standard error, which is no terminal.
reaches() {
    nats=$1 name=$2
    shift 2
    run "$@" &&
        awk -v nats="$nats" '
            { line = $0 }
            END { exit !(line ~ /^Test bound: [0-9]+[.][0-9] nats per image$/ && substr(line, 13) + 0 <= nats) }' "$root/out"
    report $? "$name"
}

# ---- what it reaches -------------------------------------------------------------------------------------------------

reaches 95 "vae knows what it has not seen" --metrics "$root/m.csv"
cp "$root/out" "$root/first"
awk -F, '
    NR == 1 && $0 != "epoch,train_loss,test_loss" { bad = 1 }
    NR > 1 && ($1 != NR - 1 || !($2 > 0) || !($3 > 0)) { bad = 1 }
    { last = $3 }
    END { printf "Test bound: %.1f nats per image\n", last; exit bad || NR != 121 }' "$root/m.csv" >"$root/last" && cmp -s "$root/last" "$root/first"
report $? "the table has all epochs, and the bound that was printed"

# The losses of single steps; PyTorch's are in the fixture, whose head says how they were made.
gzip -dc "$top_srcdir/data/digits.csv.gz" | head -n 40 >"$root/forty"
"$programs/vae" --data "$root/forty" --epochs 60 --seed 1 --metrics "$root/steps.csv" >/dev/null &&
    paste -d, "$root/steps.csv" "$top_srcdir/tests/fixtures/vae.csv" | awk -F, '
        function differ(a, b) { d = a > b ? a / b - 1 : b / a - 1; if (!(d <= most)) most = d; return !(d <= 1e-4) }
        NR > 1 && (NF != 6 || $1 != $4 || differ($2, $5) || differ($3, $6)) { print "# line " NR ": " $0; bad = 1 }
        END { printf "# the largest relative difference is %.2g\n", most; exit bad || NR != 61 }'
report $? "its losses are those of PyTorch"

# ---- the picture -----------------------------------------------------------------------------------------------------

# This gnuplot keeps what it is told to draw.
mkdir "$root/bin"
cat >"$root/bin/gnuplot" <<END
#!/bin/sh
cat >"$root/script"
echo a picture
END
chmod +x "$root/bin/gnuplot"
path=$PATH
PATH=$root/bin:$PATH
reaches 400 "vae draws a picture" --epochs 2 --picture "$root/digits.png"
[ "$(cat "$root/digits.png")" = 'a picture' ] && grep -q "held out" "$root/script" &&
    awk '/^.pixels/ { on = 1; next } /^END/ { on = 0 } on { rows++; if (NF != 596) bad = 1
        for (i = 1; i <= NF; i++) { if ($i != "NaN") n++; if ($i == 255) white++ } }
        END { exit bad || rows != 4 * 56 + 12 || n != 40 * 56 * 56 || !white }' "$root/script"
report $? "it has forty images, and some of them are white in places"
PATH=$path
if command -v gnuplot >/dev/null; then
    reaches 400 "vae draws by gnuplot" --epochs 1 --picture "$root/real.png" --plot "$root/real.svg"
    [ "$(dd if="$root/real.png" bs=1 skip=1 count=3 2>/dev/null)" = PNG ] && grep -q '>Losses of the training and of the test<' "$root/real.svg"
    report $? "gnuplot has drawn both pictures"
else
    skip "pictures by gnuplot" "gnuplot is not installed"
fi

# ---- arguments -------------------------------------------------------------------------------------------------------

refuses "--epochs: expected an integer from 1 to 2147483647, found 'x'" --epochs x
refuses "--picture: expected a file, found ''" --picture ""
refuses "--picture: needs a value" --picture
refuses "--confusion: no such option; --help lists them" --confusion x.png
refuses "plot_check: x: the name of a picture ends in .svg, .png or .pdf" --picture x
refuses "absent: it cannot be opened: No such file or directory" --data "$root/absent"
refuses "file: unexpected; every option starts with --" file

helps --picture

finish

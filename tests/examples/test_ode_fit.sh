#!/bin/sh
# The example that fits a differential equation: it finds what SciPy finds, with the same standard errors; what it says of wrong
# arguments and of damaged data; and its pictures.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=ode_fit

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/fit.sh"

run
report $? "the program ends well"

# By SciPy 1.17.1: least_squares, with the solution by solve_ivp (DOP853, tolerances 1e-13), and the Hessian of the logarithm of the
# likelihood by central differences of two widths.
near alpha 2 0.5401589923 1e-6
near beta 2 0.02716535716 1e-6
near gamma 2 0.7963860435 1e-6
near delta 2 0.02369463837 1e-6
near 'first hares' 3 34.60242436 1e-6
near 'first lynxes' 3 5.84450614 1e-6
near sigma 2 0.219233576 1e-6
near alpha 3 0.054774137 1e-4
near beta 3 0.0035597117 1e-4
near gamma 3 0.077710926 1e-4
near delta 3 0.0030455331 1e-4
near 'first hares' 4 2.5981338 1e-4
near 'first lynxes' 4 0.44715458 1e-4
near sigma 3 0.023920344 1e-4
near 'Log likelihood' 3 4.1445191479 1e-6
near Period 5 9.57981766 1e-4
near Period 7 0.1430965 5e-3
documented

# The unit of the numbers is one's own.
data=$top_srcdir/data/hares.csv
awk -F, 'NR > 1 { $2 *= 1000; $3 *= 1000 } { print $1 "," $2 "," $3 }' "$data" >"$root/ones"
run --data "$root/ones"
near alpha 2 0.5401589923 1e-6
near beta 2 2.716535716e-5 1e-6

cat >"$root/gnuplot" <<'EOF'
#!/bin/sh
cat >"$0.script"
echo a picture >"$(sed -n "s/^set output .\(.*\).$/\1/p" "$0.script")"
EOF
chmod +x "$root/gnuplot"
before=$PATH
PATH=$root:$PATH
run --plot "$root/x.svg" && [ "$(cat "$root/x.svg")" = "a picture" ] &&
    grep -q "^plot '-' using 1:2:3 with filledcurves .* title 'lynxes'$" "$root/gnuplot.script" && [ "$(grep -c '^e$' "$root/gnuplot.script")" = 6 ] &&
    grep -q '^1903 77.4' "$root/gnuplot.script"
report $? "the picture holds the bands, the curves and the data"
printf '#!/bin/sh\ncat >/dev/null\nexit 1\n' >"$root/gnuplot"
"$programs/$program" --plot "$root/x.svg" >"$root/out" 2>"$root/err"
[ $? = 2 ] && grep -q 'x.svg: gnuplot could not draw it' "$root/err" && [ "$(cat "$root/x.svg")" = "a picture" ] &&
    [ "$(find "$root" -name '*.tmp' | wc -l)" -eq 0 ]
report $? "a gnuplot that fails leaves the picture that was there"
refuses "x.gif: expected the name of a picture, which ends in .png, .svg or .pdf" --plot "$root/x.gif"
refuses "/no/x.svg: No such file or directory" --plot "$root/no/x.svg"
PATH=$before
PATH=$root/no "$programs/$program" --plot "$root/x.svg" 2>"$root/err"
[ $? = 2 ] && grep -q 'x.svg: pictures are drawn by gnuplot, which is not installed or not in PATH' "$root/err"
report $? "without gnuplot there is no picture"
draws --tolerance 1e-7

printf 'year,hares,lynxes\n1900,1,2\n1901,2,3\n' >"$root/few"
sed 's/^1903.*/1903,77.4/' "$data" >"$root/short"
sed 's/^1903.*/1903,77.4,many/' "$data" >"$root/word"
sed 's/^1903.*/1903,0,35.2/' "$data" >"$root/none"
sed 's/^1903.*/1901,77.4,35.2/' "$data" >"$root/twice"
awk -F, '{ print $1 "," (NR > 1 ? 10 : $2) "," $3 }' "$data" >"$root/constant"
refuses "absent: it cannot be opened: No such file or directory" --data "$root/absent"
refuses "few: 2 rows; expected 5 to 1000" --data "$root/few"
refuses "short: line 5" --data "$root/short"
refuses "word: line 5" --data "$root/word"
refuses "none: row 4: expected a later year than before, and numbers above 0" --data "$root/none"
refuses "twice: row 4: expected a later year" --data "$root/twice"
refuses "odeint: the step size is" --data "$root/constant"
refuses "--data: expected a text, found ''" --data ""
refuses "--tolerance: expected a number from 1e-13 on" --tolerance 0
refuses "--tolerance: needs a value" --tolerance
refuses "--frob: no such option; --help lists them" --frob
refuses "file: unexpected; every option starts with --" file
helps --data --tolerance --plot

finish

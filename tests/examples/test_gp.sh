#!/bin/sh
# The example of a Gaussian process: likelihood and predictions are those of scikit-learn, before and after the hyperparameters are
# learned; and what it says of wrong arguments and of damaged data.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=gp

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/fit.sh"

# By scikit-learn 1.9.1: GaussianProcessRegressor with the kernel c1 DotProduct(span)^2 + c2 ExpSineSquared(shape, 1) RBF(decay) +
# c3 Matern(length, 0.5) + WhiteKernel(noise^2), where c1 = trend^2 / span^4, c2 = season^2, c3 = rest^2, on years from the center and
# values from the mean; at the first hyperparameters (optimizer=None), and then fitted from there. The field after +- is 1.96 times the
# standard deviation.
run --iterations 0
report $? "the program ends well without learning"
near 'Log likelihood' 6 -167.6151072973 1e-8
near 2004-12 2 378.06491827 2e-6
near 2004-12 4 1.76693956 4e-4
near 2025-12 2 424.25738233 2e-6
near 2025-12 4 6.11753418 1e-4
run
report $? "the program ends well"
near 'Log likelihood' 6 -121.87437737 1e-7
near 2004-12 2 378.15968566 5e-6
near 2004-12 4 1.25432144 1e-3
near 2025-12 2 425.08562793 1e-5
near 2025-12 4 7.40739188 1e-3
near 2025-12 5 427.49 1e-9
documented

draws --from 1990 --until 2000 --iterations 0
run --from 1970 --until 1975
near 'Log likelihood' 6 -31.73 0.1 # and not -1952, where L-BFGS goes whose first steps are not held back

data=$top_srcdir/data/co2.csv
sed 's/^1960,7,.*/1960,7/' "$data" >"$root/short"
sed 's/^1960,7,.*/1960,7,n\/a/' "$data" >"$root/word"
sed 's/^1960,7,.*/1960,13,318.18/' "$data" >"$root/thirteenth"
sed 's/^1960,7,.*/1960,6,318.18/' "$data" >"$root/twice"
sed 's/^1960,7,.*/1960,7,nan/' "$data" >"$root/nan"
cut -d, -f1,2 "$data" >"$root/narrow"
refuses "absent: it cannot be opened: No such file or directory" --data "$root/absent"
refuses "short: line 30" --data "$root/short"
refuses "word: line 30" --data "$root/word"
refuses "thirteenth: row 29: expected a later month than before, as year and month, and a number" --data "$root/thirteenth"
refuses "twice: row 29: expected a later month" --data "$root/twice"
refuses "nan: row 29: expected a later month" --data "$root/nan"
refuses "narrow: line 2: it has 2 columns, 3 are wanted" --data "$root/narrow"
refuses "co2.csv: 814 months from 1958 on and before 2030, 0 after; expected 24 and 12 or more" --until 2030
refuses "co2.csv: 0 months from 2010 on and before 2004, 192 after; expected 24 and 12 or more" --from 2010
refuses "--until: expected an integer from 0 to" --until 2004.5
refuses "--iterations: needs a value" --iterations
refuses "x: expected the name of a picture, which ends in .png, .svg or .pdf" --plot x
refuses "--frob: no such option; --help lists them" --frob
helps --data --from --until --iterations --plot

finish

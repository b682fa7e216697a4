#!/bin/sh
# The example of Hamiltonian Monte Carlo: means and deviations are those of the integrals, and what it says of wrong arguments.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=hmc

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/fit.sh"

# The posterior's means and deviations by integrals over mu and log tau, on a grid of 1201 x 1401 (NumPy); given both, the gains are
# normal. 20,000 samples of which about one in four counts have an error of 1 to 2 %.
run
report $? "the program ends well"
near mu 2 4.396820 0.06
near mu 3 3.317705 0.06
near tau 2 3.597710 0.08
near tau 3 3.219958 0.1
near 'school A' 3 6.211886 0.08
near 'school A' 4 5.593128 0.08
near 'school C' 3 3.927004 0.1
near 'school C' 4 5.262617 0.08
near '20000 samples' 6 1 0.02
near Leapfrogs 5 80 0.06

draws --samples 50 --warm-up 50
run --samples 100 --warm-up 0 --chains 2 --leapfrogs 1
report $? "without a warm-up"
refuses "--chains: expected an integer from 2 to" --chains 1
refuses "--samples: expected an integer from 20 to" --samples 1
refuses "x: expected the name of a picture, which ends in .png, .svg or .pdf" --plot x
refuses "--frob: no such option; --help lists them" --frob
helps --samples --warm-up --chains --leapfrogs --seed --plot

finish

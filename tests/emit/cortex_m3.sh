#!/bin/sh
# The training step of the iris network, as C, on a Cortex-M3 without an operating system, which qemu-system-arm plays: it prints the six
# losses of the tutorial. Prints how much flash and RAM it takes. Where the cross compiler or the emulator is missing, that is left out.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}
builddir=${builddir:-.}
arm=${ARM_CC:-arm-none-eabi-gcc}

. "$top_srcdir/tests/tap.sh"

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

expected='Epoch 0 | Loss: 0.922823
Epoch 20 | Loss: 0.696676
Epoch 40 | Loss: 0.671492
Epoch 60 | Loss: 0.668614
Epoch 80 | Loss: 0.666690
Epoch 100 | Loss: 0.664810'

six_digits() {
    awk '{ sub(/\r/, ""); printf "Epoch %d | Loss: %.6f\n", $2, $5 }'
}

are_the_losses() { # OUTPUT NAME
    [ "$(six_digits <"$1")" = "$expected" ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$1"
    report $status "$2"
}

"$builddir/examples/emit_iris" "$root"
report $? "the network is written as C"
main=$top_srcdir/examples/emitted/iris_main.c
warnings='-Wall -Wextra -Wpedantic -Wconversion -Werror'

# shellcheck disable=SC2086
${CC:-cc} -std=c99 -O3 $warnings -I "$root" -o "$root/iris" "$root/iris.c" "$main" -lm && "$root/iris" >"$root/out"
report $? "it is compiled without a warning, and runs"
are_the_losses "$root/out" "it trains to the losses of the tutorial"

if [ -n "${CXX-}" ] && command -v "${CXX%% *}" >/dev/null; then
    # shellcheck disable=SC2086
    $CXX -x c++ -std=c++11 -O1 $warnings -I "$root" -o "$root/iris++" "$root/iris.c" "$main" -lm && "$root/iris++" >"$root/out"
    report $? "it is C++, too"
    are_the_losses "$root/out" "and trains to the same"
fi

if ! command -v "$arm" >/dev/null || ! command -v qemu-system-arm >/dev/null; then
    skip "on a Cortex-M3" "needs $arm with newlib, and qemu-system-arm"
    finish
fi

# shellcheck disable=SC2086
"$arm" -mcpu=cortex-m3 -mthumb -O2 -ffunction-sections -std=c99 $warnings -I "$root" -c -o "$root/iris.o" "$root/iris.c"
report $? "$arm compiles it without a warning"
"$arm" -mcpu=cortex-m3 -mthumb -O2 -ffunction-sections -Wl,--gc-sections --specs=rdimon.specs \
    -T "$top_srcdir/examples/emitted/mps2_an385.ld" -I "$root" -o "$root/iris.elf" "$root/iris.o" "$main" \
    "$top_srcdir/examples/emitted/cortex_m3.c" -lm
report $? "and links it with newlib"
timeout 120 qemu-system-arm -M mps2-an385 -cpu cortex-m3 -nographic -semihosting-config enable=on,target=native \
    -kernel "$root/iris.elf" >"$root/out" 2>"$root/err" </dev/null
report $? "it runs on a Cortex-M3"
are_the_losses "$root/out" "and trains to the losses of the tutorial"
size=${arm%gcc}size
echo "# of the training alone, and of the whole program with newlib:"
"$size" "$root/iris.o" "$root/iris.elf" | sed 's/^/# /'
finish

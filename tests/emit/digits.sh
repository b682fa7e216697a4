#!/bin/sh
# The network that reads digits, as C: the C program alone reads as many of those that the training has not seen as the library does; also
# on a Cortex-M4 without an operating system, which qemu-system-arm plays, with the weights in flash. Where there are no tools for that, it
# is left out. Prints how much flash and RAM it takes.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}
builddir=${builddir:-.}
arm=${ARM_CC:-arm-none-eabi-gcc}

. "$top_srcdir/tests/tap.sh"

if [ ! -x "$builddir/examples/emit_digits" ]; then
    skip "the network that reads digits" "examples/emit_digits needs libtapegrad-io"
    finish
fi

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

reads_as_many() { # OUTPUT NAME
    grep -q '^Test accuracy: 9[5-9]' "$1" && tr -d '\r' <"$1" | cmp -s - "$root/expected"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/expected" "$1"
    report $status "$2"
}

"$builddir/examples/emit_digits" "$root" >"$root/expected"
report $? "the network is trained, and written as C"
main=$top_srcdir/examples/emitted/digits_main.c
warnings='-Wall -Wextra -Wpedantic -Wconversion -Werror'
# shellcheck disable=SC2086
${CC:-cc} -std=c99 -O2 $warnings -I "$root" -o "$root/digits" "$root/digits.c" "$main" -lm && "$root/digits" >"$root/out"
report $? "it is compiled without a warning, and runs"
reads_as_many "$root/out" "it reads as many digits as the library"

if ! command -v "$arm" >/dev/null || ! command -v qemu-system-arm >/dev/null; then
    skip "on a Cortex-M4" "needs $arm with newlib, and qemu-system-arm"
    finish
fi

cpu='-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16'
# shellcheck disable=SC2086
"$arm" $cpu -O2 -ffunction-sections -std=c99 $warnings -I "$root" -c -o "$root/digits.o" "$root/digits.c"
report $? "$arm compiles it without a warning"
# shellcheck disable=SC2086
"$arm" $cpu -O2 -ffunction-sections -Wl,--gc-sections --specs=rdimon.specs -T "$top_srcdir/examples/emitted/mps2_an385.ld" \
    -I "$root" -o "$root/digits.elf" "$root/digits.o" "$main" "$top_srcdir/examples/emitted/cortex_m3.c" -lm
report $? "and links it with newlib"
timeout 300 qemu-system-arm -M mps2-an386 -cpu cortex-m4 -nographic -semihosting-config enable=on,target=native \
    -kernel "$root/digits.elf" >"$root/out" 2>"$root/err" </dev/null
report $? "it runs on a Cortex-M4"
reads_as_many "$root/out" "and reads as many digits there"
size=${arm%gcc}size
echo "# of the network alone, and of the whole program with newlib and the images:"
"$size" "$root/digits.o" "$root/digits.elf" | sed 's/^/# /'
grep -o 'f32\[[0-9]*\]' "$root/digits.h" | sed 's/^/# work memory: /'
finish

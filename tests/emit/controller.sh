#!/bin/sh
# The controller that looks ahead, as C: it compiles without a warning, and brings the pendulum to rest.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}
builddir=${builddir:-.}

. "$top_srcdir/tests/tap.sh"

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

"$builddir/examples/emit_controller" "$root"
report $? "cost, gradient and Hessian are written as C"
# shellcheck disable=SC2086
${CC:-cc} -std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$root" -o "$root/controller" "$root/controller.c" \
    "$top_srcdir/examples/emitted/controller_main.c" -lm
report $? "they are compiled without a warning"
"$root/controller" >"$root/out"
status=$?
[ $status = 0 ] || sed 's/^/# /' "$root/out"
report $status "the pendulum comes to rest upright"
"$builddir/examples/emit_controller" "$root/none" 2>"$root/err"
[ $? = 1 ] && [ "$(wc -l <"$root/err")" -eq 1 ] && grep -q 'none/controller.c: No such file or directory' "$root/err"
report $? "a directory that is not there is an error"
finish

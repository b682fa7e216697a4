#!/bin/sh
# What the compiler is to say of a pointer whose elements are not of the tensor's dtype, in C and in C++, optimized and not.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/..}}" && pwd)
root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
cd "$root" || exit 99

cat >program.c <<'END'
#include <tapegrad.h>
void calls(tg_tape *tape, tg_tensor x, tg_dtype dtype);
void calls(tg_tape *tape, tg_tensor x, tg_dtype dtype) {
    static float   f[2][3][2];
    static double  d[2], *p[2];
    static const double c[2] = {1, 2};
    static int64_t i[2];
    static int     n[2];
    static bool    b[2];
    static struct { float x, y; } s[2];
    static union { double d; float f; } u[2];
    tg_constant(tape, TG_F64, TG_SHAPE(2), d);
    tg_constant(tape, TG_F64, TG_SHAPE(2), c);
    tg_constant(tape, TG_F32, TG_SHAPE(2, 3, 2), f);
    tg_constant(tape, TG_I64, TG_SHAPE(2), i);
    tg_constant(tape, TG_BOOL, TG_SHAPE(2), b);
    tg_constant(tape, TG_BOOL, TG_SHAPE(0), NULL);
    tg_constant(tape, dtype, TG_SHAPE(2), d);
    tg_borrow(tape, TG_F64, TG_SHAPE(2), (const void *)f);
    tg_borrow_parameter(tape, "w", TG_F32, TG_SHAPE(12), f);
    tg_constant(tape, TG_F32, TG_SHAPE(2, 2), s);
    tg_write(x, d, 2), tg_read(x, (char *)n, 2), tg_write(x, u, 2), tg_read(x, NULL, 0);
    (void)p;
#ifdef CALL
    CALL;
#endif
}
END
cp program.c program.cc

# One line a call that must not compile.
cat >calls <<'END'
tg_constant(tape, TG_F64, TG_SHAPE(2), n)
tg_constant(tape, TG_F64, TG_SHAPE(2), f)
tg_constant(tape, TG_F32, TG_SHAPE(2), d)
tg_constant(tape, TG_I64, TG_SHAPE(2), c)
tg_constant(tape, TG_I64, TG_SHAPE(2), b)
tg_constant(tape, TG_BOOL, TG_SHAPE(2), i)
tg_constant(tape, TG_F64, TG_SHAPE(2), p)
tg_borrow(tape, TG_F64, TG_SHAPE(2), i)
tg_borrow_parameter(tape, "v", TG_F32, TG_SHAPE(2), d)
tg_write(x, n, 2)
tg_write(x, p, 2)
tg_write(x, &p, 2)
tg_read(x, n, 2)
tg_read(x, c, 2)
tg_read_jacobian(x, x, n, 4)
tg_read_hessian(x, x, n, 4)
END

. "$top_srcdir/tests/tap.sh"
compiles() { # [-DCALL=...]: what the compiler says goes to the log
    # shellcheck disable=SC2086 # the compiler is words
    $compiler $level -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I "$top_srcdir/include" -c "$file" -o program.o "$@" \
        >log 2>&1
}

for language in C C++; do
    if [ $language = C ]; then compiler="${CC:-cc} -std=c11" file=program.c; else compiler="${CXX:-} -std=c++11" file=program.cc; fi
    if [ $language = C++ ] && [ -z "${CXX:-}" ]; then continue; fi
    for level in -O0 -O2; do
        compiles
        status=$?
        if [ $status != 0 ]; then sed 's/^/# /' log; fi
        report $status "$language $level: pointers that fit"
        while read -r call; do
            ! compiles "-DCALL=$call"
            report $? "$language $level: $call"
        done <calls
    done
done
finish

#!/bin/sh
# Installs the library below a temporary directory, and uses it as a stranger would: from another directory, through pkg-config,
# from C and from C++, shared and static. Then sees what it exports, and that uninstalling leaves nothing.
# `make check` sets the variables; reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
: "${top_srcdir:?is set by make check}" "${top_builddir:?}" "${libdir:?}" "${includedir:?}" "${MAKE:?}" "${CC:?}" "${NM:?}"
top_srcdir=$(cd "$top_srcdir" && pwd) top_builddir=$(cd "$top_builddir" && pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL # of the make that runs the tests, whose job server is not ours

. "$top_srcdir/tests/tap.sh"

root=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$root"; rm -rf "$root"' EXIT
log=$root/log

# What a command printed goes to the log of the test, as remarks, when it fails.
quietly() {
    "$@" >"$log" 2>&1
    status=$?
    if [ $status != 0 ]; then sed 's/^/# /' "$log"; fi
    return $status
}

# ---- install ---------------------------------------------------------------------------------------------------------

stage=$root/stage
quietly "$MAKE" -C "$top_builddir" install DESTDIR="$stage"
report $? "make install"

cp -R "$stage$libdir" "$root/static"
find "$root/static" \( -name '*.so*' -o -name '*.dylib' \) -exec rm {} +

# ---- use -------------------------------------------------------------------------------------------------------------

# The build's instrumentation (sanitizers, coverage) must be in the program, too.
instrumentation=
for flag in $CFLAGS; do
    case $flag in -fsanitize* | --coverage) instrumentation="$instrumentation $flag" ;; esac
done
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror'

mkdir "$root/elsewhere"
headers=$(cd "$stage$includedir" && echo tapegrad.h tapegrad/*.h)
cd "$root/elsewhere" || exit 99

# The program that the comment of tapegrad.h shows.
awk '/^ \*     #include <stdio.h>/ { inside = 1 }
     inside { if (!/^ \*($|     )/) exit; sub(/^ \*(     )?/, ""); print }
     /^ \*     }/ { exit }' "$top_srcdir/include/tapegrad.h" >line.c
cat >line.cc <<'END'
#include <cstdio>
#include <tapegrad.h>

int main() {
    const double xs[] = {1, 2}, ys[] = {3, 5};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2), xs);
    tg_tensor y = tg_constant(tape, TG_F64, TG_SHAPE(2), ys);
    tg_tensor a = tg_parameter(tape, "a", 0.0);
    tg_tensor b = tg_parameter(tape, "b", 0.0);

    tg_tensor error = tg_sub(tg_add(tg_mul(a, x), b), y);
    tg_tensor loss = tg_mul(0.5f, tg_sum_axes(tg_square(error), TG_AXES(0), false));
    tg_backward(loss);
    tg_sgd_step_with(tape, 0.2, NULL);

    for (int step = 0; step < 1000; step++)
        tg_run(tape);
    tg_tensor both = tg_stack(TG_LIST(a, tg_where(tg_gt(b, 0), b, -1)), 0);
    std::printf("y = %g x + %g\n", tg_item(tg_slice(both, 0, 0, 1, 1)), tg_item(tg_einsum("i,i", both, tg_arange(tape, TG_F64, 0, 2, 1))));

    int status = *tg_error(tape) ? 1 : 0;
    if (status) std::fprintf(stderr, "%s\n", tg_error(tape));
    tg_tape_free(tape);
    return status;
}
END

# The module whose programs are tried: tapegrad, tapegrad-io or tapegrad-mpi.
module=tapegrad
pkg() { # LIBDIR [--static]: what pkg-config says, as if the library were where it lies now
    where=$1
    shift
    PKG_CONFIG_PATH=$where/pkgconfig "$PKG_CONFIG" --define-variable=libdir="$where" \
        --define-variable=includedir="$stage$includedir" --cflags --libs "$@" "$module"
}

# try NAME COMPILER SOURCE STANDARD LIBDIR [--static]: compiles and runs the program, which prints the line through its points.
try() {
    # One name for each: a program of the same name would be told that what gcov has counted is not its own.
    program=./program-$number
    # shellcheck disable=SC2086,SC2046 # flags are words
    quietly $2 -std=$4 $warnings $instrumentation $CPPFLAGS "$3" -o "$program" $(pkg "$5" ${6+"$6"}) $LDFLAGS &&
        LD_LIBRARY_PATH=$5:${LD_LIBRARY_PATH-} DYLD_LIBRARY_PATH=$5:${DYLD_LIBRARY_PATH-} quietly "$program" &&
        [ "$(cat "$log")" = 'y = 2 x + 1' ]
    report $? "$1"
}

# Calls of every kind of macro whose values nobody takes.
cat >unused.c <<'END'
#include <tapegrad.h>

void unused(tg_tape *tape, tg_tensor x, tg_tensor *parts);
void unused(tg_tape *tape, tg_tensor x, tg_tensor *parts) {
    double number;
    tg_seed(tape, 1), tg_exp(x), tg_add(x, 1), tg_where(x, 1, 2), tg_item(x), tg_data(x), tg_read(x, &number, 1);
    tg_run(tape), tg_full(tape, TG_F64, TG_SHAPE(2), 1), tg_parameter(tape, "w", 1.0), tg_layer_norm(x, 1, x, x, 1e-5);
    tg_sum_axes(x, TG_AXES(0), false), tg_scatter(x, x, x, 0), tg_concat(TG_LIST(x, x), 0), tg_einsum("i->", x);
    tg_jvp(tape, 1, &x, NULL, 1, &x, parts), tg_sgd_step(tape, 0.1), tg_conv2d(x, x, TG_NONE, NULL), tg_size(x);
}
END

# quiet NAME COMPILER STANDARD: each header compiles alone, without a warning, and so do calls whose values nobody takes.
quiet() {
    # shellcheck disable=SC2086 # flags are words
    quietly $2 $3 $warnings -Wunused-value -I "$stage$includedir" -fsyntax-only unused.c
    status=$?
    for header in $headers; do
        echo "#include <$header>" >alone.c
        # shellcheck disable=SC2086 # flags are words
        quietly $2 $3 $warnings -I "$stage$includedir" ${MPI_CFLAGS-} -fsyntax-only alone.c || status=1
    done
    report $status "$1"
}

# The line goes through files.
cat >files.c <<'END'
#include <stdio.h>
#include <tapegrad/io.h>
#include <tapegrad/report.h>

int main(void) {
    static tg_checkpoint_options options; /* zeros in both languages */
    tg_tape *tape = tg_tape_new();
    double   numbers[2] = {2, 1};
    tg_save_npy(tg_constant(tape, TG_F64, TG_SHAPE(2), numbers), "line.npy");
    tg_tensor line = tg_load_npy(tape, "line.npy"), a = tg_slice(line, 0, 0, 1, 1), b = tg_slice(line, 0, 1, 2, 1);
    tg_save_safetensors(tape, "line.safetensors", TG_NAMED({"a", a}, {"b", b}), TG_METADATA({"made", "here"}));
    tg_save_npz(tape, "line.npz", TG_NAMED({"a", a}), true);
    tg_archive *archive = tg_archive_open("line.safetensors");
    a = tg_archive_load(tape, archive, "a");
    b = tg_archive_borrow_parameter(tape, archive, "b");
    printf("y = %g x + %g\n", tg_item(a), tg_item(b));

    tg_metadata title[] = {{"title", "a line"}};
    options.metadata = tg_metadata_list_from(1, title);
    options.inputs = TG_LIST();
    tg_save_checkpoint(tape, "line.checkpoint", &options);
    tg_load_checkpoint(tape, "line.checkpoint", NULL);

    static tg_progress progress;
    tg_metrics        *metrics = tg_metrics_open(tape, "line.csv", "step,loss", NULL);
    for (int step = 1; step <= 2; step++) {
        tg_progress_step(&progress, 0.5, 0.1);
        tg_metrics_write(tape, metrics, TG_ROW((double)step, 0.5));
    }
    tg_progress_end(&progress);
    tg_metrics_close(metrics);
    tg_plot_curves(tape, "line.svg", TG_CURVES({"none", 0, NULL, NULL}), NULL); /* draws nothing, and says so */
    if (tg_error_status(tape) == TG_ERR_VALUE) tg_clear_error(tape);
    int status = *tg_error(tape) || !options.inputs.x ? 1 : 0; /* an empty list is there, in both languages */
    if (status) fprintf(stderr, "%s\n", tg_error(tape));
    tg_tape_free(tape);
    tg_archive_close(archive);
    return status;
}
END
cp files.c files.cc

# The line is that of all ranks: here there is one.
cat >ranks.c <<'END'
#include <stdio.h>
#include <tapegrad/mpi.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    tg_tape  *tape = tg_tape_new();
    tg_mpi   *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, NULL);
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    tg_mpi_share_parameters(mpi);
    tg_mpi_backward(tg_mul(2, tg_mpi_allreduce(w, mpi, TG_MPI_SUM)), mpi, NULL);
    printf("y = %g x + %g\n", tg_item(tg_grad(w)), tg_item(w));
    tg_status status = tg_mpi_free(mpi);
    if (status) fprintf(stderr, "%s\n", tg_error(tape));
    tg_tape_free(tape);
    MPI_Finalize();
    return status;
}
END
cp ranks.c ranks.cc

# programs C-FILE C++-FILE: tried with the module that is set, from C and C++, shared and static.
programs() {
    for language in C C++; do
        if [ $language = C ]; then compiler=$CC file=$1 standard=c11; else compiler=$CXX file=$2 standard=c++11; fi
        if [ -z "$compiler" ]; then
            skip "$module, $language" "there is no compiler for it"
            continue
        fi
        if [ -n "$(find "$stage$libdir" -name 'libtapegrad.so' -o -name 'libtapegrad.dylib')" ]; then
            try "$module, $language, shared" "$compiler" "$file" $standard "$stage$libdir"
        else
            skip "$module, $language, shared" "only the static library was built"
        fi
        if [ -e "$root/static/libtapegrad.a" ]; then
            try "$module, $language, static" "$compiler" "$file" $standard "$root/static" --static
        else
            skip "$module, $language, static" "only the shared library was built"
        fi
    done
}

if [ -z "$PKG_CONFIG" ]; then
    skip "the installed library" "pkg-config is missing"
else
    programs line.c line.cc
    if [ -e "$stage$libdir/pkgconfig/tapegrad-io.pc" ]; then
        module=tapegrad-io
        programs files.c files.cc
    else
        skip "tapegrad-io" "it was not built"
    fi
    if [ -e "$stage$libdir/pkgconfig/tapegrad-mpi.pc" ]; then
        module=tapegrad-mpi
        programs ranks.c ranks.cc
    else
        skip "tapegrad-mpi" "it was not built"
    fi
fi

quiet "each header alone, in C" "$CC" "-x c -std=c11"
if [ -n "$CXX" ]; then quiet "each header alone, in C++" "$CXX" "-x c++ -std=c++11"; else skip "each header alone, in C++" "no compiler"; fi

# ---- exports ---------------------------------------------------------------------------------------------------------

exports() { # NAME: of the library
    library=$stage$libdir/$1.so
    if [ ! -e "$library" ]; then
        skip "$1 exports only tg_ symbols" "there is no $1.so"
        return
    fi
    # Old linkers also export the ends of the sections.
    # shellcheck disable=SC2086 # NM is words
    exports=$($NM -D "$library" | awk 'NF == 3 { print $3 }' | grep -v -E '^(_init|_fini|_edata|_end|__bss_start)$')
    echo "$exports" | grep -v '^tg_' | sed 's/^/# not ours: /'
    [ -n "$exports" ] && ! echo "$exports" | grep -q -v '^tg_'
    report $? "$1 exports only tg_ symbols"
}
exports libtapegrad
exports libtapegrad-io
exports libtapegrad-mpi

# ---- uninstall -------------------------------------------------------------------------------------------------------

cd / || exit 99
quietly "$MAKE" -C "$top_builddir" uninstall DESTDIR="$stage"
report $? "make uninstall"
left=$(find "$stage" ! -type d; find "$stage$includedir" -type d -name tapegrad)
if [ -n "$left" ]; then echo "$left" | sed 's/^/# left: /'; fi
[ -z "$left" ]
report $? "uninstalling leaves nothing"

finish

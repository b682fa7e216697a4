#!/bin/sh
# Dependencies point one way, from what records down to the kernels: each layer includes, and by the symbols of its objects calls, only
# what it may; and the tape, the executor and what prints them know no op by its name.
# `make check` sets srcdir; reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
cd "${srcdir:-.}/lib" || exit 99

. ../tests/tap.sh

# The #include lines of a directory, as FILE:NAME, with <> or "" around the name.
includes() { # DIRECTORY
    for file in "$1"/*.[ch]; do
        sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^">]*[">]\).*|'"$file"':\1|p' "$file"
    done
}

# What a directory may include: headers in "" of some directories, or of its own, and <tapegrad...> or not. Other headers in <> are
# the system's.
layer() { # DIRECTORY DIRECTORIES [PUBLIC [HEADER]]
    own=$(cd "$1" && ls ./*.h 2>/dev/null | sed 's|^\./||' | tr '\n' '|')
    allowed="\"(($2)/[a-z0-9_]+\.h|${own}config\.h${4:+|$4})\""
    [ "${3-}" = public ] && allowed="$allowed|<tapegrad.*"
    report_none "lib/$1 includes only what is below it" "$(includes "$1" | grep -Ev ":<[^t]|:<(tgmath|time)" | grep -Ev ":($allowed)$")"
}

# Each directory must be there, and in the table below, or nothing would be looked at.
report_none 'lib/ holds the layers that are looked at' \
    "$(ls -d */ | grep -Ev '^(core|emit|grad|inspect|io|kernels|layers|mpi|nn|ops|optim|random|run|solve)/$')$(
        for d in core emit grad inspect io kernels layers mpi nn ops optim random run solve; do
        ls "$d"/*.c >/dev/null 2>&1 || echo "lib/$d has no source"
    done)"

# A name says which file is meant without its directory.
report_none 'the names of files in lib/ are unique' "$(for file in */*.[ch]; do basename "$file"; done | sort | uniq -d)"

layer kernels 'kernels'
layer core core public 'kernels/(mt19937|threads)\.h'
layer run 'core|kernels|run' public
layer emit 'core|emit|inspect|kernels|run' public
layer ops 'core|kernels|ops' public
layer grad 'core|ops|run|grad' public 'kernels/(copy|strided)\.h'
layer random 'core|kernels|random' public
# On the public headers alone, as their users' own layers and optimizers are.
layer optim optim public 'core/inside\.h|kernels/(isa|vector)\.h'
layer nn nn public 'core/inside\.h|kernels/(isa|sum|vector|vmath)\.h'
layer layers layers public 'core/inside\.h'
layer solve solve public 'core/inside\.h'
layer inspect 'core|run|inspect' public
# Libraries of their own, on what their users have.
layer io io public
layer mpi mpi public

# ---- what the objects really call -------------------------------------------------------------------------------------

# Includes of <tapegrad.h> say nothing of what is called by it: the symbols of the objects do. Prints FROM TO SYMBOL for each symbol of
# ours that an object of one directory needs and one of another defines.
calls() {
    objects=$(find "$build/lib" -name '*.o' ! -path '*/.libs/*')
    [ -n "$objects" ] || objects=$(find "$build/lib" -name '*.o')
    for object in $objects; do
        directory=${object%/.libs/*}
        [ "$directory" = "$object" ] && directory=${object%/*}
        ${NM:-nm} -P "$object" 2>/dev/null | sed "s|^|${directory##*/} |"
    done | awk '
        { sub(/^_/, "", $2) }
        $2 !~ /^tgi?_/ { next }
        $3 == "U" { needs[$1 " " $2] = 1; next }
        $3 ~ /^[A-Z]$/ { home[$2] = $1 }
        END {
            for (need in needs) {
                split(need, part, " ")
                if (part[2] in home && home[part[2]] != part[1]) print part[1], home[part[2]], part[2]
            }
        }' | sort
}

# What a directory may call in others: anything of the first list, and of the second what is public (tg_).
may_call() { # DIRECTORY DIRECTORIES [PUBLIC-OF]
    found=$(echo "$calls" | awk -v from="$1" '$1 == from' )
    report_none "lib/$1 calls only ${2:-nothing}${3:+, and by public names $3}" "$(echo "$found" |
        grep -Ev "^$1 (${2:-none}) |^$1 (${3:-none}) tg_" | grep .)"
    echo "$found" | awk 'NF { n[$2]++ } END { for (to in n) printf "# %s -> %s: %d symbols\n", from, to, n[to] }' from="$1" | sort
}

build=$(cd "$OLDPWD" && cd "${builddir:-.}" && pwd)
calls=$(calls)
if [ -n "$calls" ]; then
    may_call kernels ''
    may_call core kernels
    may_call run 'core|kernels'
    may_call emit 'core|inspect|kernels|run'
    may_call ops 'core|kernels' 'run|emit'
    may_call random 'core|kernels|run' 'ops|emit'
    may_call grad 'core|kernels|run|ops' emit
    may_call nn 'core|kernels|random' 'ops|run|grad|emit'
    may_call layers '' 'core|random|ops|run|nn|grad'
    may_call optim 'core|kernels' 'ops|run|grad'
    may_call solve '' 'core|run|ops|grad'
    may_call inspect 'core|kernels|run'
    may_call io '' 'core|grad|inspect|nn|ops|optim|random|run'
    may_call mpi '' 'core|grad|nn|ops|random|run'
else
    skip "what the objects call" "there are no objects that nm reads"
fi

# A BLAS, the compiler's own names for vector instructions and the threads of POSIX, all in kernels, are all outside the C library and
# uthash that lib/ may include.
system='assert|ctype|errno|float|inttypes|limits|locale|math|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|tgmath|time|uthash|xlocale'
threads='pthread|sched|signal|unistd'
vectors='immintrin|arm_neon'
programs='crt_externs|dlfcn|fcntl|signal|spawn|sys/stat|sys/wait|unistd'
ranks='mpi|pthread|signal'
pages='sys/mman'
files='crt_externs|fcntl|io|jansson|pthread|signal|spawn|sys/ioctl|sys/mman|sys/stat|sys/wait|unistd|windows|zlib'
blas='cblas|openblas/cblas|blis/cblas|mkl_cblas|Accelerate/Accelerate'
report_none 'lib/ includes the C library, uthash, in kernels a BLAS, vectors and threads, in io what files take, in mpi what that takes, in emit what a compiler takes, for the memory its pages, and no other' \
    "$(for d in */; do includes "${d%/}"; done | grep ':<' |
        grep -Ev ":<(($system)\.h|tapegrad(/[a-z]+)?\.h)>$" | grep -Ev "^kernels/.*:<($blas|$vectors|$threads)\.h>$|^io/.*:<($files)\.h>$|^mpi/.*:<($ranks)\.h>$|^emit/compiler\.c:<($programs)\.h>$|^core/memory\.c:<($pages)\.h>$")"

# ---- the tape and the executor know no op ----------------------------------------------------------------------------

# Comments and texts may name ops: they are cut out. A file becomes one line.
code() { # FILE
    sed -E 's,"([^"\\]|\\.)*","",g' "$1" | tr '\n' ' ' | sed -E 's,/\*([^*]|\*+[^*/])*\*+/, ,g'
    echo
}

# The names of a list that stand in a file's code.
named_in() { # NAMES FILE
    code "$2" | tr -c 'A-Za-z0-9_' '\n' | grep -Ex "(tg|tgi)_($1)" | sed "s,^,$2: ,"
}

# The names in ops.h are the list, so that a new op is looked for too.
ops=$(sed -n 's/^tg_tensor tg_\([a-z0-9_]*\)(.*/\1/p' ../include/tapegrad/ops.h | tr '\n' '|')
report_none 'ops.h tells the names of the ops' "$(echo "|$ops" | grep -Fq '|matmul|' || echo 'no tg_matmul found')"
report_none 'lib/core, lib/run, lib/inspect and lib/emit call no op' \
    "$(for file in core/*.[ch] run/*.[ch] inspect/*.[ch] emit/*.[ch]; do named_in "${ops%|}" "$file"; done)"
report_none 'lib/core, lib/run, lib/inspect and lib/emit know no op by its text' \
    "$(grep -En 'strn?cmp *\([^)]*->name|strn?cmp *\([^)]*\.name' core/*.[ch] run/*.[ch] inspect/*.[ch] emit/*.[ch])"
report_none 'lib/kernels knows no tape' \
    "$(for file in kernels/*.[ch]; do named_in 'tape|tensor|op|array|kernel_call|infer|node' "$file"; done)"

finish

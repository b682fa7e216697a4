#!/bin/sh
# What README.md, CONTRIBUTING.md and docs/*.md show is true: their programs compile without a warning and print what stands below
# them, their commands succeed, and the functions, files, options and targets that they name are there.
#
# How the texts say what is to be done:
#   <!-- program: NAME -->             the ```c blocks from here on, joined, are the program NAME.c; the ```text block that
#                                      follows is what it prints. A ```python block on the way is the same program for Python:
#                                      where there is PyTorch, it is run, and prints the same
#   <!-- insert: FILE after: TEXT -->  the block that follows, in any language, belongs into FILE, below the first line that starts with
#                                      TEXT. The document's programs use the library with all of its insertions
#   <!-- command: COMMAND -->          the ```text block that follows is what it prints; numbers may differ by 1e-6
#   ```sh                              lines that start with examples/ are run, and must succeed
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=${top_srcdir:-${srcdir:-$(dirname "$0")/..}}
top_builddir=${top_builddir:-.}
top_srcdir=$(cd "$top_srcdir" && pwd) && top_builddir=$(cd "$top_builddir" && pwd) || exit 99
CC=${CC:-cc}
flags="-std=c11 -pthread ${CPPFLAGS-} ${CFLAGS-} -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
libs="${LDFLAGS-} ${LIBS-} ${TG_LIBS-} -lm"

. "$top_srcdir/tests/tap.sh"

root=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$root"; rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM
log=$root/log

# What a command printed goes to the log of the test, as remarks, when it fails.
quietly() {
    "$@" >"$log" 2>&1
    status=$?
    if [ $status != 0 ]; then sed 's/^/# /; 15q' "$log"; fi
    return $status
}

# The library's archive, and that of the library for files, if it was built; the convenience ones where no static libraries were.
archive= io_archive=
for name in libtapegrad libtapegrad_all; do
    if [ -z "$archive" ] && [ -e "$top_builddir/.libs/$name.a" ]; then archive=$top_builddir/.libs/$name.a; fi
done
for name in libtapegrad-io libtapegrad_io_all; do
    if [ -z "$io_archive" ] && [ -e "$top_builddir/.libs/$name.a" ]; then io_archive=$top_builddir/.libs/$name.a; fi
done

# ---- taking a document apart -------------------------------------------------------------------------------------------

# extract FILE DIR: writes DIR/NAME.c and DIR/NAME.out for each program, DIR/programs, their names, and so on for the rest.
extract() {
    awk -v dir="$2" '
        function problem(text) { print "# " FILENAME ":" FNR ": " text; status = 1 }
        function argument(after) { # what stands between `after` and the end of the comment
            sub("^<!-- " after " *", ""); sub(/ *-->$/, ""); return $0
        }
        function begin(new) {
            if (what == "program") problem("before this, a program without its output")
            if (what == "insert" || what == "command") problem("before this, no block for the " what)
            what = new
        }
        /^<!-- program: / { begin("program"); name = argument("program:"); print name >(dir "/programs"); next }
        /^<!-- insert: /  { begin("insert"); name = ++insertions; print argument("insert:") >(dir "/insert." name); next }
        /^<!-- command: / { begin("command"); name = ++commands; print argument("command:") >(dir "/command." name); next }

        language != "" && /^```$/ {
            if (out) close(out)
            if (language == "text" || what == "insert") what = ""
            language = out = ""
            next
        }
        language != "" {
            if (out) print >>out
            if (language == "sh" && /^examples\//) { sub(/ *#.*/, ""); print >(dir "/shell") }
            next
        }
        /^```/ {
            language = substr($0, 4); if (language == "") language = "none"
            if (language == "c" && what == "program") out = dir "/" name ".c"
            else if (what == "insert") out = dir "/insert." name ".lines"
            else if (language == "python" && what == "program") out = dir "/" name ".py"
            else if (language == "c") problem("a c block that belongs to no program")
            else if (language == "text" && what == "program") out = dir "/" name ".out"
            else if (language == "text" && what == "command") out = dir "/command." name ".out"
        }
        END { begin(""); if (language != "") problem("a block that does not end"); exit status }
    ' "$1"
}

# ---- insertions --------------------------------------------------------------------------------------------------------

# insert TREE WHERE LINES: WHERE holds "FILE after: TEXT".
insert() {
    file=$1/$(sed 's/ after: .*//' "$2")
    anchor=$(sed 's/.* after: //' "$2")
    ANCHOR=$anchor awk -v lines="$3" '
        { print }
        !done && index($0, ENVIRON["ANCHOR"]) == 1 { while ((getline line <lines) > 0) print line; done = 1 }
        END { exit !done }' "$file" >"$root/inserted" || return 1
    cp "$root/inserted" "$file"
}

# objects_of TREE DIR: compiles again what the insertions may have changed; the linker takes it before the archive's. It is
# compiled for one instruction set only, by which the program must then be run.
objects_of() {
    objects=
    grep -v AVX "$top_builddir/config.h" >"$2/config.h"
    for source in elementwise elementwise_loops; do
        # shellcheck disable=SC2086 # flags are words
        quietly $CC -std=gnu11 -fwrapv -DHAVE_CONFIG_H -I"$2" ${CPPFLAGS-} ${CFLAGS-} -I"$1/include" -I"$1/lib" \
            -c "$1/lib/ops/$source.c" -o "$2/$source.o" || return 1
        objects="$objects $source.o"
    done
}

# ---- programs and commands ---------------------------------------------------------------------------------------------

# Whether the program NAME uses the library for files.
needs_io() {
    grep -q -E '<tapegrad/(data|io)\.h>' "$1.c"
}

# run_program NAME INCLUDE OBJECTS: in the current directory, so that messages name the file as the text does.
run_program() {
    files= io=
    if needs_io "$1"; then files=$io_archive io=${IO_LIBS-}; fi
    if [ -n "$archive" ]; then
        # shellcheck disable=SC2086 # flags are words
        quietly $CC $flags -I"$2" -o "$1" "$1.c" $3 $files "$archive" $io $libs
    else
        # shellcheck disable=SC2086 # flags are words
        quietly "$top_builddir/libtool" --silent --mode=link $CC $flags -I"$2" -o "$1" "$1.c" $3 $files "$top_builddir/libtapegrad.la" \
            $io $libs
    fi && quietly env TAPEGRAD_ISA="${3:+baseline}" "./$1" && cp "$log" "$1.printed" && quietly diff "$1.out" "$1.printed"
}

# run_python NAME: the program that the document shows beside NAME.c.
python=${PYTHON:-python3}
run_python() {
    if $python -c 'import torch' 2>/dev/null; then
        quietly $python "$1.py" && cp "$log" "$1.printed" && quietly diff "$1.out" "$1.printed"
        report $? "$2: program $1, in Python"
    else
        skip "$2: program $1, in Python" "$python has no PyTorch"
    fi
}

# close_enough EXPECTED PRINTED: word by word the same, but for numbers that differ by at most 1e-6.
close_enough() {
    awk -v expected="$1" '
        function differs(a, b) {
            if (a == b) return 0
            if (a !~ /^[-+]?[0-9]+[.][0-9]+$/ || b !~ /^[-+]?[0-9]+[.][0-9]+$/) return 1
            return a - b > 1e-6 || b - a > 1e-6
        }
        {
            if ((getline line <expected) <= 0 || split(line, words) != NF) exit status = 1
            for (i = 1; i <= NF; i++) if (differs(words[i], $i)) { print "# expected: " line; print "# printed:  " $0; exit status = 1 }
        }
        END { if (!status && (getline line <expected) > 0) status = 1; exit status }' "$2"
}

# ---- one document ------------------------------------------------------------------------------------------------------

document() {
    dir=$root/$1
    mkdir -p "$dir"
    cd "$dir" || exit 99
    extract "$top_srcdir/$1" "$dir"
    report $? "$1: every block has its place"

    include=$top_srcdir/include
    objects=
    if [ -e insert.1 ]; then
        cp -R "$top_srcdir/include" "$top_srcdir/lib" "$top_srcdir/tests" "$dir" && chmod -R u+w "$dir"
        include=$dir/include
        i=1
        while [ -e "insert.$i" ]; do
            insert "$dir" "insert.$i" "insert.$i.lines"
            report $? "$1: $(cat "insert.$i")"
            i=$((i + 1))
        done
        objects_of "$dir" "$dir"
        report $? "$1: the library compiles with them"
    fi

    if [ -e programs ]; then
        while read -r name; do
            if [ -n "$objects" ] && [ -z "$archive" ]; then
                skip "$1: program $name" "there is no static library"
            elif needs_io "$name" && [ -z "$io_archive" ]; then
                skip "$1: program $name" "libtapegrad-io was not built"
            else
                run_program "$name" "$include" "$objects"
                report $? "$1: program $name"
            fi
            if [ -e "$name.py" ]; then run_python "$name" "$1"; fi
        done <programs
    fi

    i=1
    while [ -e "command.$i" ]; do
        command=$(cat "command.$i")
        # shellcheck disable=SC2086 # a command is words
        (cd "$top_builddir" && quietly $command) && cp "$log" printed && close_enough "command.$i.out" printed
        report $? "$1: $command"
        i=$((i + 1))
    done
    if [ -e shell ]; then
        while read -r command; do
            # shellcheck disable=SC2086 # a command is words
            (cd "$top_builddir" && quietly $command </dev/null)
            report $? "$1: $command"
        done <shell
    fi

    absent=$(grep -o '](\([^):#]*\))' "$top_srcdir/$1" | sed 's/](//; s/)//' | while read -r file; do
        [ -e "$top_srcdir/$(dirname "$1")/$file" ] || echo "$file"
    done)
    report_none "$1: the files it links to are there" "$absent"

    tree='(bench|data|docs|examples|include|lib|tests)'
    absent=$(grep -o -E '`'"$tree"'/[a-zA-Z0-9_./]*`' "$top_srcdir/$1" | tr -d '`' | grep -v NAME | while read -r file; do
        [ -e "$top_srcdir/$file" ] || [ -e "$top_builddir/$file" ] || echo "$file"
    done)
    report_none "$1: the files it names are there" "$absent"

    absent=$(grep -o -w 'tg_[a-z0-9_]*[a-z0-9]' "$top_srcdir/$1" | sort -u | while read -r name; do
        grep -q -r -w "$name" "$include" || echo "$name"
    done)
    report_none "$1: the functions it names are in the headers" "$absent"

    absent=$(grep -o 'make [a-z][a-z]*`' "$top_srcdir/$1" | sed 's/make //; s/`//' | while read -r target; do
        grep -q "^$target:" "$top_builddir/Makefile" || echo "make $target"
    done)
    report_none "$1: the make targets it names are there" "$absent"
    cd / || exit 99
}

document README.md
document CONTRIBUTING.md
for file in "$top_srcdir"/docs/*.md; do
    document "docs/${file##*/}"
done

# ---- options -----------------------------------------------------------------------------------------------------------

"$top_builddir/examples/iris_fnn" --help >"$root/help"
report $? "docs/iris.md: iris_fnn --help"
absent=$(grep '^| `--' "$top_srcdir/docs/iris.md" | grep -o -e '--[a-z]*' | while read -r option; do
    grep -q -w -e "$option" "$root/help" || echo "$option"
done)
report_none "docs/iris.md: iris_fnn has the options it names" "$absent"
absent=$(sed -n 's/^  \(--[a-z]*\) .*/\1/p' "$root/help" | while read -r option; do
    grep -q -w -e "$option" "$top_srcdir/docs/iris.md" || [ "$option" = --help ] || echo "$option"
done)
report_none "docs/iris.md: it names the options of iris_fnn" "$absent"

grep -q -e '--install-deps)' "$top_srcdir/bootstrap"
report $? "README.md: bootstrap --install-deps"

finish

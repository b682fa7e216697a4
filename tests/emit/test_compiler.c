/* tests/emit/test_compiler.c: tg_compile and the compiler: its errors, its arguments and files, and what it leaves alone in the host's process.
 * Where there is no compiler these are left out.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emit/compiled.h"
#include "emit/emitted.h"
#include "ops/values.h"

/* How many entries the directory has, beside itself and the one above. */
static int entries_of(const char *path) {
    DIR *directory = opendir(path);
    int  count = -2;
    ck_assert(directory != NULL);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void write_script(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && !fclose(file) && !chmod(path, 0755));
}

START_TEST(errors_of_the_compiler_are_clear) {
    tg_tape *tape = small_part();
    char     script[1100], expected[1300], directory[1024];
    snprintf(directory, sizeof directory, "%s", emitted_path("compile_errors"));
    mkdir(directory, 0777);
    ck_assert(!setenv("TMPDIR", directory, 1));
    FAILS(tape, tg_compile(tape, "no", NULL), TG_ERR_NAME, "compile: there is no part 'no'");
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = "/no/such/compiler"}), TG_ERR_IO,
          "compile: the C compiler '/no/such/compiler' cannot be found");
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = " "}), TG_ERR_IO,
          "compile: the name of the C compiler is empty");
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = directory}), TG_ERR_IO, "compile: the C compiler '");
    snprintf(script, sizeof script, "%s_compiler", directory);
    write_script(script, "#!/bin/sh\necho 'part.c:1: it does not like that' >&2\nexit 1\n");
    snprintf(expected, sizeof expected, "compile: the C compiler '%s' failed: part.c:1: it does not like that", script);
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = script}), TG_ERR_IO, expected);
    write_script(script, "#!/bin/sh\nexit 0\n"); /* and nothing made */
    snprintf(expected, sizeof expected, "compile: the C compiler '%s' failed", script);
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = script}), TG_ERR_IO, expected);
    write_script(script, "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\necho no object >\"$2\"\n");
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = script}), TG_ERR_IO,
          "compile: the object cannot be loaded: ");
    write_script(script, "#!/bin/sh\nkill -9 $$\n");
    FAILS(tape, tg_compile(tape, "part", &(tg_compile_options){.compiler = script}), TG_ERR_IO, expected);
    ck_assert_int_eq(entries_of(directory), 0); /* all files are gone */
    ck_assert(!tg_is_compiled(tape, "part"));
    unlink(script);
    ck_assert(!setenv("TMPDIR", "/no/such/directory", 1));
    FAILS(tape, tg_compile(tape, "part", NULL), TG_ERR_IO,
          "compile: no directory can be made in '/no/such/directory': No such file or directory");
    ck_assert(!setenv("TMPDIR", directory, 1));
    compile(tape, "part");
    ck_assert_int_eq(entries_of(directory), 0);
    ck_assert(!unsetenv("TMPDIR"));
    rmdir(directory);
    run_part(tape, "part");
    finish(tape);
}
END_TEST

/* The directory is its own, and closed to others, while the compiler runs; arguments are no text of a shell. */
START_TEST(the_compiler_gets_a_directory_and_arguments) {
    tg_tape *tape = small_part();
    char     script[1024], text[6000], log[1100];
    snprintf(script, sizeof script, "%s", emitted_path("compile_arguments"));
    snprintf(log, sizeof log, "%s.log", script);
    snprintf(text, sizeof text,
             "#!/bin/sh\nfor a; do last=$a; [ \"$a\" = '$(x) `y`' ] && echo flag; case $a in */part.c) ls -ld \"${a%%/*}\" "
             "\"$a\";; esac; "
             "done >'%s'\ntrap >>'%s'\ncat >>'%s'\necho first=$1 >>'%s'\nexit 1\n",
             log, log, log, log);
    write_script(script, text);
    snprintf(text, sizeof text, "  %s  first   ", script);
    const char *const flags[] = {"$(x) `y`", NULL};
    ck_assert_int_eq(tg_compile(tape, "part", &(tg_compile_options){.compiler = text, .flags = flags}), TG_ERR_IO);
    FILE *file = fopen(log, "r");
    ck_assert(file != NULL);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    ck_assert_msg(strstr(text, "drwx------") && strstr(text, "-rw-------") && strstr(text, "flag\n") &&
                      strstr(text, "first=first\n"),
                  "%s", text);
    unlink(script);
    unlink(log);
    tg_tape_free(tape);
}
END_TEST

/* A host that ignores its children, blocks signals, and has a child of its own. */
START_TEST(the_hosts_signals_and_children_are_left_alone) {
    tg_tape *tape = small_part();
    sigset_t blocked, after;
    int      status;
    pid_t    child = fork();
    if (!child) {
        pause();
        _exit(0);
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    compile(tape, "part");
    run_part(tape, "part");
    sigprocmask(SIG_SETMASK, NULL, &after);
    ck_assert(sigismember(&after, SIGUSR1) == 1);
    ck_assert(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    ck_assert(waitpid(-1, &status, WNOHANG) == -1); /* no other is left */
    signal(SIGCHLD, SIG_IGN);
    tg_uncompile(tape, NULL);
    compile(tape, "part");
    ck_assert(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
    run_part(tape, "part");
    finish(tape);
}
END_TEST

START_TEST(an_op_without_a_text_is_named) {
    tg_tape *tape = tg_tape_new();
    char     expected[200];
    tg_begin_part(tape, "part");
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(3, 3));
    int       line = __LINE__ + 1;
    tg_record(tape, &textless, 1, &x, NULL, 0);
    FAILS(tape, tg_compile(tape, "part", NULL), TG_ERR_ARGUMENT,
          "compile: the part 'part' is still being recorded: call tg_end_part first");
    tg_end_part(tape);
    snprintf(expected, sizeof expected, "compile: textless (3, 3) at %s:%d: the op has no C text", __FILE__, line);
    FAILS(tape, tg_compile(tape, "part", NULL), TG_ERR_ARGUMENT, expected);
    ck_assert(!tg_is_compiled(tape, "part") && !tg_is_compiled(NULL, "part") && !tg_is_compiled(tape, NULL));
    FAILS(tape, tg_uncompile(tape, "no"), TG_ERR_NAME, "uncompile: there is no part 'no'");
    run_part(tape, "part");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_compiler(void) {
    Suite *suite = suite_create("emit/compiler");
    TCase *tcase = tcase_create("the compiler");
    suite_add_tcase(suite, tcase);
    if (!can_compile()) return suite;
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, errors_of_the_compiler_are_clear);
    tcase_add_test(tcase, the_compiler_gets_a_directory_and_arguments);
    tcase_add_test(tcase, the_hosts_signals_and_children_are_left_alone);
    tcase_add_test(tcase, an_op_without_a_text_is_named);
    return suite;
}

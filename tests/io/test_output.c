/* tests/io/test_output.c: a file appears whole or not at all: full disks, directories that may not be written, links, permissions, two
 * who write at once.
 *
 * What must be an error is tried by a child, whose rights and limits are its own.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"

/* How many names a directory of this run has. */
static int count_entries(const char *directory) {
    DIR *d = opendir(directory);
    int  count = 0;
    ck_assert(d != NULL);
    while (readdir(d))
        count++;
    closedir(d);
    return count - 2;
}

static void save_vector(tg_tape *tape, const char *path, double value, int64_t size) {
    tg_save_npy(tg_full(tape, TG_F64, TG_SHAPE(size), value), path);
}

/* All elements of the file are that value. */
static void check_vector(const char *path, double value, int64_t size) {
    tg_tape *tape = tg_tape_new();
    CHECK_SAME(tg_load_npy(tape, path), tg_full(tape, TG_F64, TG_SHAPE(size), value));
    tg_tape_free(tape);
}

/* Runs it in a child, which exits with what it returns. */
static int in_child(int (*act)(const char *), const char *path) {
    fflush(stdout); /* or the child would print it again */
    pid_t child = fork();
    if (child == 0) _exit(act(path));
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* 0 if the error is the one there should be. */
static int compare_error(const tg_tape *tape, const char *path, const char *reason) {
    char expected[700];
    snprintf(expected, sizeof expected, "save_npy: %s: %s", path, reason);
    if (tg_error_status(tape) == TG_ERR_IO && strstr(tg_error(tape), expected)) return 0;
    fprintf(stderr, "'%s', not '%s'\n", tg_error(tape), expected);
    return 1;
}

/* ---- disks, rights ----------------------------------------------------------------------------------------------- */

static int save_too_much(const char *path) {
    tg_tape *tape = tg_tape_new();
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, 50000});
    save_vector(tape, path, 2, 100000);
    return compare_error(tape, path, "it cannot be written: File too large");
}

static int save_a_little_too_much(const char *path) { /* what stdio has in its buffer until the end */
    tg_tape *tape = tg_tape_new();
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, 100});
    save_vector(tape, path, 2, 1);
    return compare_error(tape, path, "it cannot be brought to the disk: File too large");
}

START_TEST(where_there_is_no_room_the_old_file_stays) {
    tg_tape *tape = tg_tape_new();
    mkdir(scratch("full"), 0755);
    save_vector(tape, scratch("full/x.npy"), 1, 10);
    ck_assert_int_eq(in_child(save_too_much, scratch("full/x.npy")), 0);
    ck_assert_int_eq(in_child(save_a_little_too_much, scratch("full/x.npy")), 0);
    check_vector(scratch("full/x.npy"), 1, 10);
    ck_assert_int_eq(count_entries(scratch("full")), 1);
    tg_tape_free(tape);
}
END_TEST

/* The superuser may write anywhere. */
static int save_without_rights(const char *path) {
    tg_tape *tape = tg_tape_new();
    if (geteuid() == 0 && (setgid(65534) || setuid(65534))) return 2;
    save_vector(tape, path, 2, 10);
    return compare_error(tape, path, "no file can be made beside it: Permission denied");
}

START_TEST(where_nobody_may_write_the_old_file_stays) {
    tg_tape *tape = tg_tape_new();
    chmod(getenv("TAPEGRAD_SCRATCH"), 0755);
    mkdir(scratch("closed"), 0755);
    save_vector(tape, scratch("closed/x.npy"), 1, 10);
    chmod(scratch("closed"), 0555);
    ck_assert_int_eq(in_child(save_without_rights, scratch("closed/x.npy")), 0);
    chmod(scratch("closed"), 0755);
    check_vector(scratch("closed/x.npy"), 1, 10);
    ck_assert_int_eq(count_entries(scratch("closed")), 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_file_is_left_alone) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("directory");
    tg_tensor   x = counted(tape, TG_F32, TG_SHAPE(3));
    mkdir(path, 0755);
    FAILS_ON(tape, tg_save_npy(x, path), TG_ERR_IO, path, "save_npy: PATH: it is a directory");
    FAILS_ON(tape, tg_save_npy(x, "/dev/null"), TG_ERR_IO, "/dev/null", "save_npy: PATH: it is no regular file");
    path = scratch("nowhere/x.npy");
    FAILS_ON(tape, tg_save_npy(x, path), TG_ERR_IO, path,
             "save_npy: PATH: no file can be made beside it: No such file or directory");
    ck_assert_int_eq(count_entries(scratch("directory")), 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------------------- */

START_TEST(a_link_is_followed) {
    tg_tape    *tape = tg_tape_new();
    struct stat status;
    mkdir(scratch("links"), 0755);
    mkdir(scratch("links/below"), 0755);
    ck_assert(!symlink("below/one", scratch("links/x.npy")) && !symlink("two.npy", scratch("links/below/one")));
    for (int i = 0; i < 2; i++) { /* to a file that is not there, and to one that is */
        save_vector(tape, scratch("links/x.npy"), i, 10);
        check_vector(scratch("links/below/two.npy"), i, 10);
        ck_assert(!lstat(scratch("links/x.npy"), &status) && S_ISLNK(status.st_mode));
        ck_assert(!lstat(scratch("links/below/one"), &status) && S_ISLNK(status.st_mode));
    }
    char circle[100]; /* which C libraries call by different names */
    snprintf(circle, sizeof circle, "save_npy: PATH: it cannot be written: %s", strerror(ELOOP));
    ck_assert(!symlink("circle", scratch("links/circle")));
    FAILS_ON(tape, tg_save_npy(counted(tape, TG_F32, TG_SHAPE(3)), scratch("links/circle")), TG_ERR_IO, scratch("links/circle"),
             circle);
    tg_tape_free(tape);
}
END_TEST

START_TEST(permissions) {
    tg_tape    *tape = tg_tape_new();
    struct stat status;
    mode_t      mask = umask(027);
    save_vector(tape, scratch("rights.npy"), 1, 10);
    ck_assert(!stat(scratch("rights.npy"), &status) && (status.st_mode & 07777) == 0640);
    chmod(scratch("rights.npy"), 0604);
    save_vector(tape, scratch("rights.npy"), 2, 10);
    ck_assert(!stat(scratch("rights.npy"), &status) && (status.st_mode & 07777) == 0604);
    umask(mask);
    tg_tape_free(tape);
}
END_TEST

START_TEST(names_of_every_kind) {
    tg_tape *tape = tg_tape_new();
    char     name[256];
    memset(name, 'x', 255); /* the longest that Linux has */
    name[255] = 0;
    save_vector(tape, scratch(name), 1, 10);
    check_vector(scratch(name), 1, 10);
    ck_assert(!chdir(getenv("TAPEGRAD_SCRATCH")));
    save_vector(tape, "here.npy", 2, 10);
    check_vector(scratch("here.npy"), 2, 10);
    FAILS_ON(tape, tg_save_npy(counted(tape, TG_F32, TG_SHAPE(3)), ""), TG_ERR_IO, "", "save_npy: : it cannot be replaced: ");
    ck_assert(!chdir("/"));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* Another process that ended may have left a file of the name that would be tried first. */
START_TEST(what_others_left_is_not_touched) {
    tg_tape *tape = tg_tape_new();
    char     name[64];
    snprintf(name, sizeof name, "left.npy.%ld-0.tmp", (long)getpid());
    write_text(scratch(name), "theirs");
    save_vector(tape, scratch("left.npy"), 1, 10);
    check_vector(scratch("left.npy"), 1, 10);
    size_t   count;
    uint8_t *bytes = read_bytes(scratch(name), &count);
    ck_assert(count == 6 && !memcmp(bytes, "theirs", 6));
    free(bytes);
    tg_tape_free(tape);
}
END_TEST

/* ---- two at once ------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 25, SIZE = 20000 };

static int save_often(const char *path) {
    tg_tape *tape = tg_tape_new();
    tg_mark  mark = tg_tape_mark(tape);
    for (int i = 0; i < ROUNDS; i++, tg_rewind(tape, mark))
        save_vector(tape, path, getpid(), SIZE);
    return tg_error_status(tape) != TG_OK;
}

/* While two save, each file that is found is whole, and of one of them. */
START_TEST(two_at_once) {
    mkdir(scratch("both"), 0755);
    const char *path = scratch("both/x.npy");
    tg_tape    *tape = tg_tape_new();
    pid_t       child[2];
    fflush(stdout);
    save_vector(tape, path, 0, SIZE);
    for (int i = 0; i < 2; i++)
        if ((child[i] = fork()) == 0) _exit(save_often(path));
    tg_mark mark = tg_tape_mark(tape);
    for (int i = 0; i < ROUNDS; i++, tg_rewind(tape, mark)) {
        tg_tensor x = tg_load_npy(tape, path);
        CHECK_OK(tape);
        double first = ((const double *)tg_data(x))[0];
        ck_assert(first == 0 || first == child[0] || first == child[1]);
        CHECK_SAME(x, tg_full(tape, TG_F64, TG_SHAPE(SIZE), first));
    }
    for (int i = 0; i < 2; i++) {
        int status;
        ck_assert(waitpid(child[i], &status, 0) == child[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ck_assert_int_eq(count_entries(scratch("both")), 1);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_output(void) {
    Suite *suite = suite_create("io/output");
    TCase *tcase = tcase_create("output");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, where_there_is_no_room_the_old_file_stays);
    tcase_add_test(tcase, where_nobody_may_write_the_old_file_stays);
    tcase_add_test(tcase, what_is_no_file_is_left_alone);
    tcase_add_test(tcase, a_link_is_followed);
    tcase_add_test(tcase, permissions);
    tcase_add_test(tcase, names_of_every_kind);
    tcase_add_test(tcase, what_others_left_is_not_touched);
    tcase_add_test(tcase, two_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}

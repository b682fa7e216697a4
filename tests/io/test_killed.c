/* tests/io/test_killed.c: a training that saves checkpoints is killed again and again, goes on from what it finds, and ends in the bits
 * of one that nobody disturbed.
 *
 * SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "training.h"

enum { KILLS = 50, STEPS = 400, EVERY = 5 };

/* Trains from the checkpoint, if there is one, to the end. False after an error. */
static bool train(const char *path, uint64_t *end) {
    tg_checkpoint_report report = {.step = 0};
    tg_tape             *tape = tg_tape_new();
    record_leaves(tape);
    record_step(tape);
    if (path && access(path, F_OK) == 0) tg_load_checkpoint(tape, path, &report);
    for (int i = (int)report.step; i < STEPS && !tg_error_status(tape); i++) {
        if (path && i % EVERY == 0) tg_save_checkpoint(tape, path, &(tg_checkpoint_options){.step = i});
        run_step(tape, i);
    }
    bool good = tg_error_status(tape) == TG_OK;
    if (!good) fprintf(stderr, "%s\n", tg_error(tape));
    *end = fingerprint(tape);
    tg_tape_free(tape);
    return good;
}

static void sleep_for(uint32_t microseconds) {
    nanosleep(&(struct timespec){.tv_nsec = 1000L * (long)microseconds}, NULL);
}

/* A child that trains. It tells by its status whether it ended well, and by the pipe how. */
static pid_t start(const char *path, int to) {
    uint64_t end;
    pid_t    child = fork();
    if (child == 0) {
        bool good = train(path, &end) && write(to, &end, sizeof end) == sizeof end;
        _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return child;
}

/* One that came to its end gave the bits that are expected, and the training begins anew. */
static void check_end(const char *path, int from, uint64_t expected) {
    uint64_t found;
    ck_assert_int_eq(read(from, &found, sizeof found), sizeof found);
    ck_assert_uint_eq(found, expected);
    unlink(path);
}

START_TEST(it_goes_on_after_being_killed) {
    const char *path = scratch("killed.checkpoint");
    uint64_t    expected;
    uint32_t    state = 11;
    int         ends[2], status, killed = 0;
    ck_assert(train(NULL, &expected));
    ck_assert(!pipe(ends));
    fflush(stdout);
    for (bool last = false; !last;) {
        last = killed == KILLS;
        pid_t child = start(path, ends[1]);
        if (!last) {
            sleep_for(1000 + next_number(&state) % 40000);
            kill(child, SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a checkpoint that was found could not be loaded");
        if (WIFSIGNALED(status))
            killed++;
        else
            check_end(path, ends[0], expected);
    }
}
END_TEST

Suite *suite_killed(void) {
    Suite *suite = suite_create("io/killed");
    TCase *tcase = tcase_create("killed");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, it_goes_on_after_being_killed);
    suite_add_tcase(suite, tcase);
    return suite;
}

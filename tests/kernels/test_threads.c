/* tests/kernels/test_threads.c: units that a team shares out: each is done once, by a share that no two threads have; nobody waits for
 * a thread that has nothing in hand; and the team survives a fork, the lack of threads, and its end.
 *
 * Nothing is asserted on a thread: Check is for one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for pthread_setattr_default_np */
#endif

#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif
#include <time.h>
#include <unistd.h>

#include "kernels/threads.h"

#ifdef TGI_HAVE_THREADS
enum { HAS_THREADS = 1 };
#else
enum { HAS_THREADS = 0 };
#endif

enum { UNITS = 300, SHARES = 9 };

/* What was seen of a job: how often each unit was done, and whether two threads had a share at the same time. */
typedef struct record {
    atomic_int done[UNITS], inside[SHARES], by_share[SHARES];
    atomic_int wrong, total;
} record;

static void note_units(const void *job, int share, int64_t from, int64_t to) {
    record *r = (record *)(uintptr_t)job;
    if (share < 0 || share >= SHARES || from < 0 || to > UNITS || atomic_fetch_add(&r->inside[share], 1)) {
        atomic_store(&r->wrong, 1);
        return;
    }
    for (int64_t i = from; i < to; i++) {
        atomic_fetch_add(&r->done[i], 1);
        atomic_fetch_add(&r->by_share[share], 1);
        atomic_fetch_add(&r->total, 1);
    }
    atomic_fetch_sub(&r->inside[share], 1);
}

/* Whether each of so many units was done once, by one of so many shares. */
static bool is_right(record *r, int shares, int64_t units) {
    bool right = !atomic_load(&r->wrong) && atomic_load(&r->total) == units;
    for (int64_t i = 0; i < UNITS; i++)
        right = right && atomic_load(&r->done[i]) == (i < units);
    for (int share = shares > 1 ? shares : 1; share < SHARES; share++)
        right = right && atomic_load(&r->by_share[share]) == 0;
    return right;
}

static bool shares_out(tgi_team *team, int shares, int64_t units) {
    record r = {0};
    tgi_share_out(team, shares, units, note_units, &r);
    return is_right(&r, shares, units);
}

/* ---- each unit once ---------------------------------------------------------------------------------------------- */

START_TEST(each_unit_is_done_once) {
    for (int threads = 1; threads <= SHARES; threads++) {
        tgi_team team;
        tgi_team_begin(&team, threads);
        ck_assert_int_eq(tgi_team_size(&team), HAS_THREADS ? threads : 1);
        for (int shares = 1; shares <= threads; shares++)
            for (int64_t units = 0; units <= UNITS; units += units < 40 ? 1 : 13)
                ck_assert_msg(shares_out(&team, shares, units), "%d threads, %d shares, %d units", threads, shares, (int)units);
        tgi_team_end(&team);
    }
    ck_assert(shares_out(NULL, 1, UNITS) && tgi_team_size(NULL) == 1);
}
END_TEST

/* Jobs that follow each other at once, or after the workers fell asleep. */
START_TEST(threads_that_come_late_do_no_harm) {
    tgi_team team;
    tgi_team_begin(&team, 4);
    for (int i = 0; i < 3000; i++) {
        ck_assert(shares_out(&team, 2 + i % 3, i % 50));
        if (i % 100 == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    tgi_team_end(&team);
}
END_TEST

/* The work of a unit is shared out once more, by whichever thread does it. */
static void share_out_again(const void *job, int share, int64_t from, int64_t to) {
    record *const *records = ((void *const *)job)[1];
    (void)share;
    for (int64_t i = from; i < to; i++)
        tgi_share_out(((void *const *)job)[0], 4, UNITS, note_units, records[i]);
}

START_TEST(a_unit_that_shares_out_does_it_alone) {
    enum { JOBS = 20 };
    static record records[JOBS];
    record       *of[JOBS];
    tgi_team      team;
    tgi_team_begin(&team, 4);
    for (int i = 0; i < JOBS; i++)
        of[i] = &records[i];
    tgi_share_out(&team, 4, JOBS, share_out_again, (void *[]){&team, of});
    for (int i = 0; i < JOBS; i++)
        ck_assert(is_right(&records[i], 1, UNITS));
    tgi_team_end(&team);
}
END_TEST

/* ---- nobody is waited for who has nothing in hand ------------------------------------------------------------------ */

/* The units of workers stay in hand until the caller has done all others; the caller begins when a worker has some. */
typedef struct held_job {
    atomic_int done, held, holders;
} held_job;

static void hold_units(const void *job, int share, int64_t from, int64_t to) {
    held_job *h = (held_job *)(uintptr_t)job;
    time_t    end = time(NULL) + 20;
    if (share > 0) {
        atomic_fetch_add(&h->holders, 1);
        atomic_fetch_add(&h->held, (int)(to - from));
        while (atomic_load(&h->done) + atomic_load(&h->held) < UNITS && time(NULL) < end)
            sched_yield();
        return;
    }
    while (atomic_load(&h->holders) == 0 && time(NULL) < end)
        sched_yield();
    atomic_fetch_add(&h->done, (int)(to - from));
}

START_TEST(the_caller_does_what_others_do_not) {
    for (int threads = 2; threads <= 4; threads++) {
        held_job h = {0};
        tgi_team team;
        tgi_team_begin(&team, threads);
        tgi_share_out(&team, threads, UNITS, hold_units, &h);
        tgi_team_end(&team);
        ck_assert_int_eq(atomic_load(&h.done) + atomic_load(&h.held), UNITS);
        ck_assert_int_ge(atomic_load(&h.holders), 1);
        ck_assert_int_le(atomic_load(&h.holders), threads - 1);             /* each of them held one part, */
        ck_assert_int_le(atomic_load(&h.held), (threads - 1) * UNITS / 10); /* and that was a small one */
    }
}
END_TEST

/* ---- the end, and without threads -------------------------------------------------------------------------------- */

START_TEST(a_team_that_has_ended_begins_again) {
    tgi_team team;
    tgi_team_begin(&team, 3);
    tgi_team_end(&team);
    for (int i = 0; i < 50; i++) {
        ck_assert(shares_out(&team, 3, UNITS));
        tgi_team_end(&team);
        ck_assert_int_eq(tgi_team_size(&team), HAS_THREADS ? 3 : 1);
    }
}
END_TEST

#ifndef _WIN32 /* which has no fork */

/* Whether a team without workers does its jobs, by the share of the caller; it ends. */
static bool works_alone(tgi_team *team) {
    bool right = true;
    for (int i = 0; i < 10; i++) {
        record r = {0};
        tgi_share_out(team, 3, UNITS, note_units, &r);
        right = right && is_right(&r, 1, UNITS);
    }
    tgi_team_end(team);
    return right;
}

/* Whatever the workers were doing at the fork. */
START_TEST(a_child_goes_on_without_the_workers) {
    tgi_team team;
    tgi_team_begin(&team, 3);
    for (int i = 0; i < 30; i++) {
        int status;
        ck_assert(shares_out(&team, 3, UNITS));
        if (i % 2) nanosleep(&(struct timespec){.tv_nsec = 10000 * i}, NULL);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            alarm(60);
            _exit(works_alone(&team) ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    }
    ck_assert(shares_out(&team, 3, UNITS));
    tgi_team_end(&team);
}
END_TEST

#endif

/* ---- a thread that is cancelled ---------------------------------------------------------------------------------- */

/* A worker's first unit cancels its thread, as a kernel could that does not know on which it is. */
static void cancel_self(const void *job, int share, int64_t from, int64_t to) {
    if (share > 0) {
        pthread_cancel(pthread_self());
        pthread_testcancel();
    }
    note_units(job, share, from, to);
}

START_TEST(a_worker_that_is_cancelled_does_its_units) {
    tgi_team team;
    tgi_team_begin(&team, 3);
    for (int i = 0; i < 200; i++) {
        record r = {0};
        tgi_share_out(&team, 3, UNITS, cancel_self, &r);
        ck_assert(is_right(&r, 3, UNITS));
    }
    tgi_team_end(&team);
}
END_TEST

#ifdef __GLIBC__
/* Stacks that no memory holds, whatever the width of an address. */
START_TEST(threads_that_cannot_be_made_are_not_needed) {
    pthread_attr_t before, huge;
    tgi_team       team;
    ck_assert(!pthread_getattr_default_np(&before) && !pthread_attr_init(&huge));
    ck_assert(!pthread_attr_setstacksize(&huge, SIZE_MAX / 4 * 3 & ~(size_t)0xffff) && !pthread_setattr_default_np(&huge));
    tgi_team_begin(&team, 3);
    ck_assert(works_alone(&team));
    ck_assert(!pthread_setattr_default_np(&before));
    ck_assert(shares_out(&team, 3, UNITS)); /* it had ended */
    tgi_team_end(&team);
    pthread_attr_destroy(&before);
    pthread_attr_destroy(&huge);
}
END_TEST
#endif

/* ---- threads that are lent --------------------------------------------------------------------------------------- */

/* A pool that makes a thread for each share; does them one by one, from the end; the first one alone; none; each twice. */
typedef enum lending { TOGETHER, BACKWARDS, THE_FIRST, NOTHING, TWICE, LENDINGS } lending;

enum { MOST_LENT = 8 };

typedef struct lent_share {
    void (*share)(void *job, int i);
    void *job;
    int   i;
} lent_share;

typedef struct pool {
    lending how;
    int     asked, largest; /* how often, and for how many at most */
} pool;

static void *do_lent(void *share) {
    lent_share *s = share;
    s->share(s->job, s->i);
    return NULL;
}

static void lend(void *context, int count, void (*share)(void *job, int i), void *job) {
    pool      *p = context;
    pthread_t  threads[MOST_LENT];
    lent_share shares[MOST_LENT];
    p->asked++;
    if (count > p->largest) p->largest = count;
    for (int i = count - 1; i >= 0 && (p->how == BACKWARDS || p->how == TWICE); i--)
        share(job, i), p->how == TWICE ? share(job, i) : (void)0;
    if (p->how == THE_FIRST) share(job, 0);
    for (int i = 0; i < count && p->how == TOGETHER; i++) {
        shares[i] = (lent_share){share, job, i};
        if (pthread_create(&threads[i], NULL, do_lent, &shares[i])) abort();
    }
    for (int i = 0; i < count && p->how == TOGETHER; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(lent_threads_do_each_unit_once) {
    for (lending how = TOGETHER; how < LENDINGS; how++) {
        pool     p = {.how = how};
        tgi_team team;
        tgi_team_begin(&team, 4);
        team.lender = (tgi_lender){&p, lend};
        for (int shares = 1; shares <= 4; shares++)
            for (int64_t units = 0; units <= UNITS; units += 7)
                ck_assert_msg(shares_out(&team, shares, units), "%d shares, %d units, pool %d", shares, (int)units, how);
        tgi_team_resize(&team, 3);
        ck_assert(shares_out(&team, 3, UNITS)); /* by the same lender */
        ck_assert_int_eq(p.largest, HAS_THREADS ? 4 : 0);
        ck_assert(!HAS_THREADS || p.asked > 3 * UNITS / 7);
        tgi_team_end(&team);
    }
}
END_TEST

START_TEST(what_lent_threads_share_out_they_do_alone) {
    record   r = {0};
    record  *of[] = {&r};
    pool     p = {.how = TOGETHER};
    tgi_team team;
    tgi_team_begin(&team, 4);
    team.lender = (tgi_lender){&p, lend};
    tgi_share_out(&team, 4, 1, share_out_again, (void *[]){&team, of});
    ck_assert(is_right(&r, 1, UNITS));
    ck_assert_int_eq(p.asked, HAS_THREADS);
    tgi_team_end(&team);
}
END_TEST

/* ---- teams side by side ------------------------------------------------------------------------------------------ */

static void *share_out_often(void *right) {
    tgi_team team;
    tgi_team_begin(&team, 3);
    *(bool *)right = true;
    for (int i = 0; i < 300; i++)
        *(bool *)right &= shares_out(&team, 3, i);
    tgi_team_end(&team);
    return NULL;
}

START_TEST(teams_do_not_disturb_each_other) {
    enum { TEAMS = 5 };
    pthread_t threads[TEAMS];
    bool      right[TEAMS];
    for (int i = 0; i < TEAMS; i++)
        ck_assert(!pthread_create(&threads[i], NULL, share_out_often, &right[i]));
    for (int i = 0; i < TEAMS; i++) {
        ck_assert(!pthread_join(threads[i], NULL));
        ck_assert(right[i]);
    }
}
END_TEST

/* ---- how many ---------------------------------------------------------------------------------------------------- */

START_TEST(the_environment_says_how_many) {
    static const struct {
        const char *text;
        int         count;
    } cases[] = {{"3", 3}, {"4,2", 4}, {"1", 1}, {"99999", 1024}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tgi_team team;
        tgi_team_begin(&team, 0);
        set_environment("OMP_NUM_THREADS", cases[i].text);
        ck_assert_int_eq(tgi_team_size(&team), HAS_THREADS ? cases[i].count : 1);
    }
    for (int i = 0; i < 3; i++) {
        tgi_team team;
        tgi_team_begin(&team, i ? 0 : 5000);
        set_environment("OMP_NUM_THREADS", i < 2 ? "many" : NULL);
        ck_assert_int_ge(tgi_team_size(&team), 1);
        ck_assert_int_le(tgi_team_size(&team), 1024);
    }
}
END_TEST

START_TEST(little_work_is_for_one) {
    ck_assert_int_eq(tgi_shares_of(4, 100, 1999, 1000), 1);
    ck_assert_int_eq(tgi_shares_of(4, 100, 2000, 1000), 2);
    ck_assert_int_eq(tgi_shares_of(4, 100, 1e9, 1000), 4);
    ck_assert_int_eq(tgi_shares_of(4, 3, 1e9, 1000), 3);
    ck_assert_int_eq(tgi_shares_of(1, 100, 1e9, 1000), 1);
    ck_assert_int_eq(tgi_shares_of(4, 0, 0, 1000), 1);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_threads(void) {
    Suite *suite = suite_create("kernels/threads");
    TCase *units = tcase_create("units"), *team = tcase_create("team");
    tcase_set_timeout(units, 120);
    tcase_set_timeout(team, 120);
    tcase_add_test(units, each_unit_is_done_once);
    tcase_add_test(units, threads_that_come_late_do_no_harm);
    tcase_add_test(units, a_unit_that_shares_out_does_it_alone);
    tcase_add_loop_test(units, the_caller_does_what_others_do_not, 0, HAS_THREADS);
    tcase_add_test(units, little_work_is_for_one);
    tcase_add_test(team, a_team_that_has_ended_begins_again);
#ifndef _WIN32
    tcase_add_test(team, a_child_goes_on_without_the_workers);
#endif
    tcase_add_test(team, a_worker_that_is_cancelled_does_its_units);
#ifdef __GLIBC__
    tcase_add_test(team, threads_that_cannot_be_made_are_not_needed);
#endif
    tcase_add_test(units, lent_threads_do_each_unit_once);
    tcase_add_test(units, what_lent_threads_share_out_they_do_alone);
    tcase_add_test(team, teams_do_not_disturb_each_other);
    tcase_add_test(team, the_environment_says_how_many);
    suite_add_tcase(suite, units);
    suite_add_tcase(suite, team);
    return suite;
}

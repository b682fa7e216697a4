/* tests/run/test_races.c: programs that are shared out over threads in every way, and tapes on threads of their own: the bits are
 * those of one thread. Under the thread sanitizer (make tsan) no two threads may touch the same memory, either.
 *
 * Nothing is asserted on a thread: Check is for one.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"

#include "kernels/isa.h"
#include "run/plan.h"

enum { ROWS = 1500, COLUMNS = 100, MANY = ROWS * COLUMNS, RESULTS = 4, RUNS = 3, THREADS = 4 };

/* ---- programs: each has a group that is worth four threads ------------------------------------------------------- */

static tg_tensor parameter(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape) {
    return tg_parameter(tape, name, tg_randn(tape, dtype, shape));
}

/* Elements, one by one, and their sum. */
static void elements(tg_tape *tape, tg_tensor *x) {
    x[0] = parameter(tape, "x", TG_F32, TG_SHAPE(MANY));
    x[1] = tg_sum(tg_sigmoid(tg_mul(tg_tanh(x[0]), tg_exp(tg_neg(tg_square(x[0]))))));
    tg_backward(x[1]);
    tg_sgd_step(tape, 0.01);
}

/* Rows, and what is summed over them. */
static void rows(tg_tape *tape, tg_tensor *x) {
    x[0] = parameter(tape, "x", TG_F32, TG_SHAPE(ROWS, COLUMNS));
    x[1] = parameter(tape, "w", TG_F32, TG_SHAPE(COLUMNS));
    x[2] = tg_layer_norm(tg_softmax(x[0], 1), 1, x[1], TG_NONE, 1e-5);
    x[3] = tg_mean(tg_square(tg_sub(x[2], tg_tanh(x[0]))));
    tg_backward(x[3]);
    tg_sgd_step_with(tape, 0.01, &(tg_sgd_options){.momentum = 0.9});
}

/* Rows too long for one tile. */
static void long_rows(tg_tape *tape, tg_tensor *x) {
    x[0] = parameter(tape, "x", TG_F64, TG_SHAPE(3, MANY / 2));
    x[1] = parameter(tape, "w", TG_F64, TG_SHAPE(3, 1));
    x[2] = tg_sum(tg_square(tg_sub(tg_log_softmax(tg_mul(x[0], x[1]), 1), tg_sin(x[0]))));
    tg_backward(x[2]);
    tg_adam_step(tape, 0.01, NULL);
}

/* Sums, extremes and running statistics of columns. */
static void columns(tg_tape *tape, tg_tensor *x) {
    tg_tensor in = tg_randn(tape, TG_F32, TG_SHAPE(ROWS, COLUMNS));
    x[0] = tg_input(tape, "mean", TG_F32, TG_SHAPE(COLUMNS));
    x[1] = tg_input(tape, "variance", TG_F32, TG_SHAPE(COLUMNS));
    x[2] = parameter(tape, "w", TG_F32, TG_SHAPE(COLUMNS));
    tg_tensor h = tg_mul(tg_batch_norm(in, x[0], x[1], x[2], TG_NONE, true, 0.1, 1e-5), tg_sigmoid(in));
    x[3] = tg_sum(tg_mul(tg_sum_axes(h, TG_AXES(0), false), tg_max_axes(tg_exp(h), TG_AXES(0), false)));
    tg_backward(x[3]);
    tg_adamw_step(tape, 0.01, &(tg_adam_options){.weight_decay = 0.01});
}

/* Operands that lie otherwise: turned, in steps, from the end back, stretched; other dtypes; numbers drawn. */
static void views(tg_tape *tape, tg_tensor *x) {
    tg_tensor wide = parameter(tape, "x", TG_F32, TG_SHAPE(COLUMNS, 2 * ROWS));
    x[0] = tg_transpose(tg_slice(wide, 1, 0, 2 * ROWS, 2), 0, 1);
    tg_tensor back = tg_flip(tg_transpose(tg_slice(wide, 1, 1, 2 * ROWS, 2), 0, 1), TG_AXES(0));
    x[1] = tg_where(tg_gt(x[0], back), tg_mul(x[0], tg_slice(back, 0, 0, 1, 1)), tg_dropout(back, 0.5, true));
    x[2] = tg_sum(tg_cast(tg_add(tg_cast(tg_mul(10, x[1]), TG_I64), tg_cast(tg_lt(x[0], 0), TG_I64)), TG_F64));
    x[3] = tg_mean(tg_square(x[1]));
    tg_backward(x[3]);
    tg_sgd_step(tape, 0.01);
}

/* Assigns that read what others overwrite, before and after. */
static void assigns(tg_tape *tape, tg_tensor *x) {
    x[0] = tg_input(tape, "a", TG_F32, TG_SHAPE(ROWS, COLUMNS));
    x[1] = tg_input(tape, "b", TG_F32, TG_SHAPE(ROWS, COLUMNS));
    tg_tensor steps = tg_arange(tape, TG_F32, 0, MANY, 1), old = tg_cos(x[0]);
    tg_assign(x[0], tg_add(tg_mul(0.5, x[1]), tg_reshape(tg_sin(steps), TG_SHAPE(ROWS, COLUMNS))));
    tg_assign(x[1], tg_sub(tg_mul(0.5, x[0]), tg_mul(old, tg_exp(tg_neg(tg_square(x[1]))))));
    x[2] = tg_sum(tg_mul(x[0], old));
}

/* Memory that every tape reads; and kernels beside the groups. */
static float shared[COLUMNS * COLUMNS];

static void fill_shared(void) {
    for (int i = 0; i < COLUMNS * COLUMNS; i++)
        shared[i] = (float)(i % 17) / 17 - 0.5f;
}

static void borrowed(tg_tape *tape, tg_tensor *x) {
    tg_tensor w = tg_borrow(tape, TG_F32, TG_SHAPE(COLUMNS, COLUMNS), shared);
    x[0] = parameter(tape, "x", TG_F32, TG_SHAPE(ROWS, COLUMNS));
    tg_tensor h = tg_gelu(tg_matmul(x[0], w)), images = tg_reshape(tg_slice(h, 0, 0, 24, 1), TG_SHAPE(6, 4, 10, 10));
    x[1] = tg_mean(tg_square(h));
    x[2] = tg_sum(
        tg_max_pool2d(tg_conv2d(images, tg_reshape(tg_slice(w, 0, 0, 4, 1), TG_SHAPE(4, 4, 5, 5)), TG_NONE, NULL), 2, 2, NULL));
    tg_backward(tg_add(x[1], x[2]));
    tg_sgd_step(tape, 0.01);
}

/* Elements that are chosen by index, and put back; rows that are sorted, and added up. */
static void chosen(tg_tape *tape, tg_tensor *x) {
    tg_tensor numbers = tg_randint(tape, TG_I64, TG_SHAPE(2 * ROWS), 0, ROWS), order;
    x[0] = parameter(tape, "x", TG_F32, TG_SHAPE(ROWS, COLUMNS));
    tg_tensor taken = tg_take(tg_sin(x[0]), numbers, 0), across = tg_take(tg_transpose(x[0], 0, 1), numbers, 1);
    x[1] = tg_cumsum(tg_sort(taken, 1, true, &order), 1);
    x[2] = tg_sort(x[0], 0, false, NULL);
    x[3] = tg_add(tg_sum(tg_mul(x[1], tg_cast(order, TG_F32))), tg_sum(tg_square(tg_cumsum(across, 0))));
    tg_backward(tg_add(x[3], tg_sum(tg_square(x[2]))));
    tg_sgd_step(tape, 1e-9);
}

typedef void program(tg_tape *tape, tg_tensor *x);

static program *const programs[] = {elements, rows, long_rows, columns, views, assigns, borrowed, chosen};

enum { PROGRAMS = sizeof programs / sizeof *programs };

/* ---- what a program does ----------------------------------------------------------------------------------------- */

typedef struct job {
    program       *program;
    int            threads;
    const tg_host *host;
    uint64_t       digest; /* of all results (FNV-1a, by Fowler, Noll and Vo) */
    int            most;   /* threads that a group would take, were there THREADS */
    char           error[200];
} job;

static void digest(job *j, tg_tensor x) {
    const unsigned char *bytes = tg_data(x);
    size_t               count = (size_t)tg_size(x) * tg_dtype_size(tg_dtype_of(x));
    for (size_t i = 0; i < count && bytes; i++)
        j->digest = (j->digest ^ bytes[i]) * 0x100000001b3u;
}

static void note_shares(job *j, const tgi_plan *plan) {
    for (uint32_t i = 0; plan && i < plan->unit_count; i++) {
        int threads = plan->units[i].group ? tgi_threads_for(plan->units[i].group, THREADS) : 1;
        if (threads > j->most) j->most = threads;
    }
}

static void perform(job *j) {
    tg_tape  *tape = tg_tape_new_with(j->host);
    tg_tensor x[RESULTS] = {0};
    j->digest = 0xcbf29ce484222325u;
    tg_seed(tape, 7);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_set_threads(tape, j->threads);
    j->program(tape, x);
    for (int i = 0; i < RESULTS && x[i].tape; i++)
        tg_keep(x[i]);
    for (int i = 0; i < RUNS; i++)
        tg_run(tape);
    note_shares(j, tape->plans.last);
    for (int i = 0; i < RESULTS && x[i].tape; i++)
        digest(j, x[i]);
    snprintf(j->error, sizeof j->error, "%s", tg_error(tape));
    tg_tape_free(tape);
}

static job performed(int which, int threads, const tg_host *host) {
    job j = {.program = programs[which], .threads = threads, .host = host};
    perform(&j);
    ck_assert_str_eq(j.error, "");
    return j;
}

/* ---- threads inside a run ---------------------------------------------------------------------------------------- */

START_TEST(a_program_gives_the_same_bits_on_four_threads) {
    fill_shared();
    job one = performed(_i, 1, NULL), four = performed(_i, THREADS, NULL);
    ck_assert_int_eq(four.most, THREADS);
    ck_assert(one.digest == four.digest);
}
END_TEST

/* ---- threads of the host ----------------------------------------------------------------------------------------- */

typedef struct errand {
    void (*share)(void *job, int i);
    void *job;
    int   i;
} errand;

/* The host's pool: how often it was asked, and for how much at most. */
typedef struct pool {
    int asked, largest;
} pool;

static void *run_errand(void *errand_of) {
    errand *e = errand_of;
    e->share(e->job, e->i);
    return NULL;
}

static void share_among_new_threads(void *context, int count, void (*share)(void *job, int i), void *shared_job) {
    pool     *p = context;
    pthread_t threads[THREADS];
    errand    errands[THREADS];
    int       made = 0;
    p->asked++;
    if (count > p->largest) p->largest = count;
    for (; made < count && made < THREADS; made++) {
        errands[made] = (errand){share, shared_job, made};
        if (pthread_create(&threads[made], NULL, run_errand, &errands[made])) break;
    }
    for (int i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(the_threads_of_a_host_give_the_same_bits) {
    pool    p = {0};
    tg_host host = {.context = &p, .parallel_for = share_among_new_threads};
    fill_shared();
    job own = performed(_i, 1, NULL), lent = performed(_i, THREADS, &host);
    ck_assert(own.digest == lent.digest);
#ifdef TGI_HAVE_THREADS
    ck_assert_int_gt(p.asked, 0);
    ck_assert_int_eq(p.largest, THREADS);
#else
    ck_assert_int_eq(p.asked, 0);
#endif
}
END_TEST

/* A host that calls the tape while it runs. */
static void run_inside(void *context, int count, void (*share)(void *job, int i), void *shared_job) {
    (void)count, (void)share, (void)shared_job;
    tg_run(*(tg_tape **)context);
}

START_TEST(what_a_host_must_not_call_is_rejected) {
    tg_tape  *tape;
    tg_host   host = {.context = &tape, .parallel_for = run_inside};
    tg_tensor x[RESULTS];
    tape = tg_tape_new_with(&host);
    tg_set_threads(tape, THREADS);
    elements(tape, x);
    tg_run(tape);
#ifdef TGI_HAVE_THREADS
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "not from inside a run"));
#endif
    tg_tape_free(tape);
}
END_TEST

/* ---- tapes on threads of their own ------------------------------------------------------------------------------- */

enum { TAPES = 2 * PROGRAMS };

/* Rounds that all threads begin at the same time: how often one came to wait, and the round that has begun. */
static int waiting, begun;

static void wait_for(int round) {
    __atomic_add_fetch(&waiting, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) < round)
        sched_yield();
}

static void begin(int round, int threads) {
    while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) < round * threads)
        sched_yield();
    tgi_picked_isa = -1; /* as in a new process: whoever comes first chooses the instruction set */
    __atomic_store_n(&begun, round, __ATOMIC_RELEASE);
}

static void *perform_at_once(void *work) {
    wait_for(1);
    perform(work);
    return NULL;
}

/* Each program is there twice, once with threads of its own. */
START_TEST(tapes_at_the_same_time_give_the_bits_that_each_gives_alone) {
    static job jobs[TAPES];
    pthread_t  threads[TAPES];
    fill_shared();
    waiting = begun = 0;
    for (int i = 0; i < TAPES; i++) {
        jobs[i] = (job){.program = programs[i % PROGRAMS], .threads = 1 + i / PROGRAMS};
        ck_assert(!pthread_create(&threads[i], NULL, perform_at_once, &jobs[i]));
    }
    begin(1, TAPES);
    for (int i = 0; i < TAPES; i++)
        ck_assert(!pthread_join(threads[i], NULL));
    for (int i = 0; i < TAPES; i++) {
        ck_assert_str_eq(jobs[i].error, "");
        ck_assert_msg(jobs[i].digest == performed(i % PROGRAMS, 1, NULL).digest, "program %d", i % PROGRAMS);
    }
}
END_TEST

/* ---- the first run in a process ---------------------------------------------------------------------------------- */

/* Short programs again and again: of what was long ago the sanitizer knows nothing. */
enum { ROUNDS = 50 };

static double add_up(void) {
    tg_tape *tape = tg_tape_new();
    double   sum = tg_item(tg_sum(tg_exp(tg_full(tape, TG_F64, TG_SHAPE(64), 0))));
    tg_tape_free(tape);
    return sum;
}

static void *add_up_often(void *sum) {
    for (int round = 1; round <= ROUNDS; round++) {
        wait_for(round);
        *(double *)sum += add_up();
    }
    return NULL;
}

START_TEST(many_threads_may_come_first) {
    pthread_t threads[THREADS];
    double    sums[THREADS] = {0};
    waiting = begun = 0;
    for (int i = 0; i < THREADS; i++)
        ck_assert(!pthread_create(&threads[i], NULL, add_up_often, &sums[i]));
    for (int round = 1; round <= ROUNDS; round++)
        begin(round, THREADS);
    for (int i = 0; i < THREADS; i++)
        ck_assert(!pthread_join(threads[i], NULL));
    for (int i = 0; i < THREADS; i++)
        ck_assert(sums[i] == 64 * ROUNDS);
}
END_TEST

Suite *suite_races(void) {
    Suite *suite = suite_create("run/races");
    TCase *tcase = tcase_create("races");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, many_threads_may_come_first);
    tcase_add_loop_test(tcase, a_program_gives_the_same_bits_on_four_threads, 0, PROGRAMS);
    tcase_add_loop_test(tcase, the_threads_of_a_host_give_the_same_bits, 0, PROGRAMS);
    tcase_add_test(tcase, what_a_host_must_not_call_is_rejected);
    tcase_add_test(tcase, tapes_at_the_same_time_give_the_bits_that_each_gives_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}

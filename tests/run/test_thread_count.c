/* tests/run/test_thread_count.c: a run on several threads gives the bits that it gives on one.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif
#include <time.h>
#include <unistd.h>

#include "kernels/threads.h"
#include "ops/values.h"

#ifdef TGI_HAVE_THREADS
enum { HAS_THREADS = 1 };
#else
enum { HAS_THREADS = 0 };
#endif

/* ---- a step whose groups are shared out in every way ------------------------------------------------------------- */

enum { ROWS = 700, COLUMNS = 96, FLAT = 300007, RESULTS = ROWS * COLUMNS + 2 * COLUMNS + 3 };

/* Layers by rows, columns that are summed, and one long row that is. */
static void step(int threads, float *results) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 3);
    ck_assert(!tg_set_threads(tape, threads) && !tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor x = tg_randn(tape, TG_F32, TG_SHAPE(ROWS, COLUMNS)), flat = tg_randn(tape, TG_F32, TG_SHAPE(FLAT));
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F32, TG_SHAPE(COLUMNS)));
    tg_tensor b = tg_parameter(tape, "b", tg_randn(tape, TG_F32, TG_SHAPE(COLUMNS)));
    tg_tensor a = tg_parameter(tape, "a", tg_full(tape, TG_F32, TG_SHAPE(), 0.5));
    tg_tensor y = tg_tanh(tg_layer_norm(x, 1, w, b, 1e-5)),
              long_sum = tg_sum(tg_sigmoid(tg_mul(tg_exp(tg_mul(a, flat)), flat)));
    tg_tensor loss = tg_add(tg_sum(tg_square(y)), long_sum);
    ck_assert(!tg_keep(y) && !tg_keep(loss) && !tg_backward(loss) && !tg_sgd_step(tape, 1e-3));
    for (int i = 0; i < 3; i++)
        ck_assert(!tg_run(tape));
    tg_read(y, results, ROWS * COLUMNS);
    results += ROWS * COLUMNS;
    tg_read(w, results, COLUMNS);
    tg_read(b, results + COLUMNS, COLUMNS);
    tg_read(a, results + 2 * COLUMNS, 1);
    tg_read(loss, results + 2 * COLUMNS + 1, 1);
    results[2 * COLUMNS + 2] = (float)tg_stats(tape).groups;
    finish(tape);
}

START_TEST(the_bits_do_not_depend_on_the_number_of_threads) {
    static float one[RESULTS], many[RESULTS];
    step(1, one);
    step(_i, many);
    ck_assert_mem_eq(one, many, sizeof one);
    ck_assert(one[0] != 0 && one[RESULTS - 1] > 0);
}
END_TEST

/* Values that are too long for the caches, with many ops for each of them: a layer norm with its gradients, and a chain. */
enum { LONG_ROWS = 1501, LONG_COLUMNS = 770, LONG_FLAT = 2100001 };
enum { LONG_RESULTS = 2 * LONG_ROWS * LONG_COLUMNS + 2 * LONG_COLUMNS + LONG_FLAT };

static void long_step(bool eager, int threads, float *results) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 5);
    ck_assert(!tg_set_threads(tape, threads) && !tg_set_keep(tape, TG_KEEP_ASKED) && !tg_set_eager(tape, eager));
    tg_tensor x[3] = {tg_parameter(tape, "x", tg_rand(tape, TG_F32, TG_SHAPE(LONG_ROWS, LONG_COLUMNS))),
                      tg_parameter(tape, "w", tg_rand(tape, TG_F32, TG_SHAPE(LONG_COLUMNS))),
                      tg_parameter(tape, "b", tg_rand(tape, TG_F32, TG_SHAPE(LONG_COLUMNS)))};
    tg_tensor seed = tg_rand(tape, TG_F32, TG_SHAPE(LONG_ROWS, LONG_COLUMNS)), gradient[3];
    tg_tensor chain = tg_parameter(tape, "flat", tg_rand(tape, TG_F32, TG_SHAPE(LONG_FLAT)));
    tg_tensor y = tg_layer_norm(x[0], 1, x[1], x[2], 1e-5);
    for (int i = 0; i < 6; i++)
        chain = tg_mul(tg_sub(1, chain), 3.5);
    ck_assert(!tg_keep(y) && !tg_keep(chain) && !tg_vjp(tape, 1, &y, &seed, 3, x, gradient));
    const tg_tensor all[] = {y, gradient[0], gradient[1], gradient[2], chain};
    for (size_t i = 0; i < sizeof all / sizeof *all; results += tg_size(all[i++]))
        ck_assert(!tg_read(all[i], results, tg_size(all[i])));
    finish(tape);
}

START_TEST(long_values_are_the_same_one_by_one_and_on_any_number_of_threads) {
    float *eager = malloc(LONG_RESULTS * sizeof *eager), *planned = malloc(LONG_RESULTS * sizeof *planned);
    ck_assert(eager && planned);
    long_step(true, 1, eager);
    for (int threads = 1; threads <= 3; threads++) {
        long_step(false, threads, planned);
        ck_assert_mem_eq(eager, planned, LONG_RESULTS * sizeof *eager);
    }
    free(eager);
    free(planned);
}
END_TEST

/* A large product, a stack of small ones, one with a small matrix, and a convolution, with their gradients. */
static tg_tensor product_of(tg_tape *tape, int which, tg_tensor *x, tg_tensor *w) {
    static const tg_shape shapes[][2] = {{{2, {150, 170}}, {2, {170, 190}}},
                                         {{3, {23, 40, 50}}, {3, {23, 50, 30}}},
                                         {{3, {7, 900, 20}}, {2, {20, 30}}},
                                         {{4, {9, 3, 40, 41}}, {4, {6, 3, 3, 3}}}};
    *x = tg_parameter(tape, "x", tg_randn(tape, TG_F32, shapes[which][0]));
    *w = tg_parameter(tape, "w", tg_randn(tape, TG_F32, shapes[which][1]));
    return which < 3 ? tg_matmul(*x, *w) : tg_conv2d(*x, *w, TG_NONE, NULL);
}

START_TEST(nor_do_those_of_products_and_convolutions) {
    for (int which = 0; which < 4; which++) {
        float *one[3], *many[3];
        for (int threads = 1; threads <= 7; threads += 3) {
            tg_tape  *tape = tg_tape_new();
            tg_tensor x, w, y = (tg_seed(tape, 5), product_of(tape, which, &x, &w));
            ck_assert(!tg_set_threads(tape, threads) && !tg_backward(tg_sum(tg_square(y))));
            tg_tensor result[3] = {y, tg_grad(x), tg_grad(w)};
            for (int i = 0; i < 3; i++) {
                size_t bytes = (size_t)tg_size(result[i]) * sizeof(float);
                float *read = malloc(bytes);
                ck_assert(read && !tg_read(result[i], read, tg_size(result[i])));
                *(threads == 1 ? &one[i] : &many[i]) = read;
                if (threads == 1) continue;
                ck_assert_mem_eq(one[i], many[i], bytes);
                free(many[i]);
            }
            finish(tape);
        }
        for (int i = 0; i < 3; i++)
            free(one[i]);
    }
}
END_TEST

static void *step_on_two(void *results) {
    step(2, results);
    return NULL;
}

START_TEST(tapes_on_threads_of_their_own_have_threads_too) {
    static float results[4][RESULTS];
    pthread_t    threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert(!pthread_create(&threads[i], NULL, step_on_two, results[i]));
    step(1, results[3]);
    for (int i = 0; i < 3; i++) {
        ck_assert(!pthread_join(threads[i], NULL));
        ck_assert_mem_eq(results[i], results[3], sizeof results[3]);
    }
}
END_TEST

/* ---- the threads of a tape --------------------------------------------------------------------------------------- */

/* How many threads this process has; 0 where there is no such list. Wine shows that of its host, which has more threads. */
static int tasks(void) {
    int count = 0;
#ifndef _WIN32
    DIR *list = opendir("/proc/self/task");
    for (const struct dirent *entry; list && (entry = readdir(list));)
        count += entry->d_name[0] != '.';
    if (list) closedir(list);
#endif
    return count;
}

/* Waits until the process has so many threads, or some seconds; how many it has then. A thread that was joined is in the list for a moment
 * yet: the kernel, and an emulator, say that it has ended before they take it out. */
static int tasks_become(int count) {
    for (int i = 0; i < 1000 && tasks() != count; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return tasks();
}

/* The sum of many numbers, in a part: its runs have work for threads. */
static double sum_again(tg_tape *tape, tg_tensor sum) {
    ck_assert(!tg_run_part(tape, "sum"));
    return tg_item(sum);
}

START_TEST(threads_are_made_once_and_end_with_the_tape) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_threads(tape, 4));
    tg_tensor x = tg_rand(tape, TG_F32, TG_SHAPE(FLAT));
    tg_begin_part(tape, "sum");
    tg_tensor sum = tg_sum(tg_sigmoid(tg_exp(tg_sin(x))));
    tg_end_part(tape);
    ck_assert(!tg_run(tape));
    int    before = tasks();
    double first = sum_again(tape, sum);
    for (int i = 0; i < 20; i++)
        ck_assert(sum_again(tape, sum) == first);
    int made = before && HAS_THREADS ? 3 : 0;
    ck_assert_int_eq(tasks_become(before + made), before + made);
    tg_trim(tape);
    ck_assert_int_eq(tasks_become(before), before);
    ck_assert(sum_again(tape, sum) == first);
    ck_assert(!tg_set_threads(tape, 2));
    ck_assert_int_eq(tasks_become(before), before);
    ck_assert(sum_again(tape, sum) == first);
    finish(tape);
    ck_assert_int_eq(tasks_become(before), before);
}
END_TEST

#ifndef _WIN32 /* which has no fork */
START_TEST(a_child_process_goes_on_with_the_tape) {
    int      status;
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_threads(tape, 4));
    tg_tensor x = tg_rand(tape, TG_F32, TG_SHAPE(FLAT));
    tg_begin_part(tape, "sum");
    tg_tensor sum = tg_sum(tg_sigmoid(tg_exp(tg_sin(x))));
    tg_end_part(tape);
    double first = sum_again(tape, sum);
    pid_t  child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(60);
        bool same = !tg_run_part(tape, "sum") && tg_item(sum) == first;
        tg_tape_free(tape);
        _exit(same ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    ck_assert(sum_again(tape, sum) == first);
    finish(tape);
}
END_TEST
#endif

START_TEST(a_number_of_threads_below_zero_is_refused) {
    tg_tape *tape = tg_tape_new();
    FAILS(tape, tg_set_threads(tape, -1), TG_ERR_ARGUMENT, "set_threads: -1 threads");
    ck_assert(!tg_set_threads(tape, 0) && tg_set_threads(NULL, 1) == TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_thread_count(void) {
    Suite *suite = suite_create("run/thread_count");
    TCase *tcase = tcase_create("threads");
    tcase_add_loop_test(tcase, the_bits_do_not_depend_on_the_number_of_threads, 2, 8);
    tcase_add_test(tcase, long_values_are_the_same_one_by_one_and_on_any_number_of_threads);
    tcase_add_test(tcase, nor_do_those_of_products_and_convolutions);
    tcase_add_test(tcase, tapes_on_threads_of_their_own_have_threads_too);
    tcase_add_test(tcase, threads_are_made_once_and_end_with_the_tape);
#ifndef _WIN32
    tcase_add_test(tcase, a_child_process_goes_on_with_the_tape);
#endif
    tcase_add_test(tcase, a_number_of_threads_below_zero_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

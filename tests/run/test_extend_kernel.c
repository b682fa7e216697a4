/* tests/run/test_extend_kernel.c: kernels of one's own that share work out to threads, and that draw numbers.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "kernels/threads.h"
#include "ops/values.h"

/* ---- work that is shared out: the sum of each row ------------------------------------------------------------------ */

static int most_shares; /* that a call was given; the tests are one thread each */

typedef struct rows_job {
    const double *x;
    double       *sums;
    int64_t       width;
} rows_job;

static void sum_rows(const void *work, int share, int64_t from, int64_t to) {
    const rows_job *job = work;
    ck_assert_int_ge(share, 0);
    for (int64_t i = from; i < to; i++) {
        job->sums[i] = 0;
        for (int64_t j = 0; j < job->width; j++)
            job->sums[i] += job->x[i * job->width + j];
    }
}

static tg_status infer_rows(tg_infer *call) {
    call->out = (tg_type){.dtype = TG_F64, .rank = 1, .dims = call->in[0].dims};
    return TG_OK;
}

static tg_status rows_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0];
    rows_job        job = {.x = tg_contiguous(call, 0), .sums = call->out.data, .width = x->dims[1]};
    if (!job.x) return TG_ERR_MEMORY;
    int shares = tg_share_count(call, x->dims[0], (double)x->dims[1]);
    if (shares > most_shares) most_shares = shares;
    tg_share_out(call, shares, x->dims[0], sum_rows, &job);
    return TG_OK;
}

static tg_tensor row_sums(tg_tensor x) {
    static const tg_op op = {"row_sums", 1, infer_rows, .kernel = rows_kernel};
    return tg_record(NULL, &op, 1, &x, NULL, 0);
}

#ifdef TGI_HAVE_THREADS
enum { HAS_THREADS = 1 };
#else
enum { HAS_THREADS = 0 };
#endif

/* The row sums of a matrix of random numbers, on so many threads. */
static void sums_on(int threads, int64_t rows, int64_t width, double *sums) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 7);
    tg_set_threads(tape, threads);
    most_shares = 0;
    ck_assert_int_eq(tg_read(row_sums(tg_rand(tape, TG_F64, TG_SHAPE(rows, width))), sums, rows), TG_OK);
    finish(tape);
}

START_TEST(the_same_bits_for_any_number_of_threads) {
    static double one[501], many[501];
    sums_on(1, 501, 2000, one);
    ck_assert_int_eq(most_shares, 1);
    sums_on(4, 501, 2000, many);
    ck_assert_int_eq(most_shares, 4);
    ck_assert_mem_eq(one, many, sizeof one);
    ck_assert(one[500] > 0);
}
END_TEST

START_TEST(little_work_and_few_units_stay_together) {
    double sums[501];
    sums_on(4, 501, 1, sums);
    ck_assert_int_eq(most_shares, 1);
    sums_on(4, 2, 1000000, sums);
    ck_assert_int_eq(most_shares, 2);
    sums_on(4, 0, 3, sums);
    ck_assert_int_eq(most_shares, 1);
}
END_TEST

/* ---- how many threads a kernel may use ---------------------------------------------------------------------------- */

static int             fewest, most; /* that a kernel was told */
static pthread_mutex_t told = PTHREAD_MUTEX_INITIALIZER;

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static int all_but_the_last_axis(const tg_type *x, const void *attr) {
    (void)attr;
    return x->rank - 1;
}

static tg_status threads_kernel(tg_kernel_call *call) {
    int threads = tg_kernel_threads(call);
    pthread_mutex_lock(&told);
    if (threads < fewest) fewest = threads;
    if (threads > most) most = threads;
    pthread_mutex_unlock(&told);
    memset(call->out.data, 0, (size_t)call->out.size * sizeof(double));
    return TG_OK;
}

START_TEST(a_kernel_is_told_the_threads_it_may_use) {
    static const tg_op whole = {"whole", 1, infer_same, .kernel = threads_kernel};
    static const tg_op by_rows = {"by_rows", 1, infer_same, .kernel = threads_kernel, .lead = all_but_the_last_axis};
    for (int threads = 1; threads < 4; threads++) {
        tg_tape *tape = tg_tape_new();
        tg_set_threads(tape, threads);
        tg_tensor x = tg_exp(tg_full(tape, TG_F64, TG_SHAPE(1000, 500), 1));
        fewest = INT_MAX, most = 0;
        ck_assert(tg_item(tg_sum(tg_record(NULL, &whole, 1, &x, NULL, 0))) == 0);
        ck_assert(fewest == most && most == (HAS_THREADS ? threads : 1));
        fewest = INT_MAX, most = 0;
        ck_assert(tg_item(tg_sum(tg_exp(tg_record(NULL, &by_rows, 1, &x, NULL, 0)))) == 1000 * 500);
        ck_assert(fewest == 1 && most == 1);
        finish(tape);
    }
}
END_TEST

/* ---- random ops -------------------------------------------------------------------------------------------------- */

/* What is drawn, and of which dtype. */
typedef struct noise_attr {
    int64_t what, dtype;
} noise_attr;

enum { UNIFORM, NORMAL, BITS, COUNT = 40 };

static tg_status infer_noise(tg_infer *call) {
    const noise_attr *attr = call->attr;
    call->out = (tg_type){.dtype = attr->dtype == TG_F32 ? TG_F32 : TG_F64, .rank = 1, .dims = call->dims};
    call->dims[0] = COUNT;
    return TG_OK;
}

static tg_status noise_kernel(tg_kernel_call *call) {
    const noise_attr *attr = call->attr;
    uint32_t          bits[COUNT];
    if (attr->what == UNIFORM) return tg_draw_uniform(call, (tg_dtype)attr->dtype, COUNT, call->out.data);
    if (attr->what == NORMAL) return tg_draw_normal(call, (tg_dtype)attr->dtype, COUNT, call->out.data);
    if (tg_draw_bits(call, COUNT, bits)) return TG_ERR_VALUE;
    for (int i = 0; i < COUNT; i++)
        ((double *)call->out.data)[i] = bits[i];
    return TG_OK;
}

static tg_tensor noise(tg_tape *tape, int what, tg_dtype dtype, bool marked) {
    static const tg_op op = {"noise", 0, infer_noise, .kernel = noise_kernel, .random = true};
    static const tg_op unmarked = {"unmarked", 0, infer_noise, .kernel = noise_kernel};
    return tg_record(tape, marked ? &op : &unmarked, 0, NULL, &(noise_attr){what, dtype}, sizeof(noise_attr));
}

static tg_tape *seeded(void) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 5);
    return tape;
}

/* Each run draws anew, and draws what a tensor of that many numbers would take. */
START_TEST(a_kernel_draws_what_a_tensor_does) {
    const tg_dtype dtype = floats[_i / 2];
    const int      what = _i % 2;
    char           got[COUNT * sizeof(double)], expected[COUNT * sizeof(double)];
    tg_tape       *tape = seeded(), *other = seeded();
    tg_tensor      x = noise(tape, what, dtype, true);
    for (int run = 0; run < 3; run++) {
        tg_tensor y = (what == UNIFORM ? (tg_rand) : (tg_randn))(other, dtype, TG_SHAPE(COUNT));
        ck_assert_int_eq(tg_run(tape), TG_OK);
        ck_assert(tg_read(x, got, COUNT) == TG_OK && tg_read(y, expected, COUNT) == TG_OK);
        ck_assert_mem_eq(got, expected, COUNT * tg_dtype_size(dtype));
    }
    finish(tape);
    finish(other);
}
END_TEST

/* A uniform float32 is the low 24 bits of a word. */
START_TEST(the_bits_are_those_of_the_numbers) {
    tg_tape *tape = seeded(), *other = seeded();
    double   bits[COUNT];
    float    numbers[COUNT];
    tg_read(noise(tape, BITS, TG_F64, true), bits, COUNT);
    tg_read(noise(other, UNIFORM, TG_F32, true), numbers, COUNT);
    for (int i = 0; i < COUNT; i++)
        ck_assert(numbers[i] == (float)(fmod(bits[i], 0x1p24) * 0x1p-24));
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(who_is_not_marked_may_not_draw) {
    tg_tape *tape = seeded(), *other = seeded();
    double   x[COUNT];
    for (int what = UNIFORM; what <= BITS; what++) {
        tg_mark mark = tg_tape_mark(tape);
        ck_assert_int_eq(tg_read(noise(tape, what, TG_F64, false), x, COUNT), TG_ERR_VALUE);
        CHECK_ERROR(tape, TG_ERR_VALUE, "unmarked: it draws numbers, and is not marked as random");
        tg_discard(tape, mark);
    }
    for (int what = UNIFORM; what <= NORMAL; what++) {
        tg_mark mark = tg_tape_mark(tape);
        ck_assert_int_eq(tg_read(noise(tape, what, TG_I64, true), x, COUNT), TG_ERR_VALUE);
        CHECK_ERROR(tape, TG_ERR_VALUE, "noise: it draws numbers that are int64");
        tg_discard(tape, mark);
    }
    ck_assert(tg_item(tg_rand(tape, TG_F64, TG_SHAPE())) ==
              tg_item(tg_rand(other, TG_F64, TG_SHAPE()))); /* nothing was drawn */
    finish(tape);
    finish(other);
}
END_TEST

Suite *suite_extend_kernel(void) {
    Suite *suite = suite_create("run/extend_kernel");
    TCase *threads = tcase_create("threads"), *draws = tcase_create("draws");
    tcase_add_loop_test(threads, the_same_bits_for_any_number_of_threads, 0, HAS_THREADS);
    tcase_add_loop_test(threads, little_work_and_few_units_stay_together, 0, HAS_THREADS);
    tcase_add_test(threads, a_kernel_is_told_the_threads_it_may_use);
    tcase_add_loop_test(draws, a_kernel_draws_what_a_tensor_does, 0, 4);
    tcase_add_test(draws, the_bits_are_those_of_the_numbers);
    tcase_add_test(draws, who_is_not_marked_may_not_draw);
    suite_add_tcase(suite, threads);
    suite_add_tcase(suite, draws);
    return suite;
}

/* tests/emit/test_emit_random.c: random programs as C give what the library gives, as far as rounding does not decide.
 *
 * The programs are those of run/random_tape.h, recorded on two tapes. One is written as C and run; on the other each value that was recorded
 * is multiplied by 1 and some units in the last place, at random. How far the values of the two tapes are apart tells what rounding may come
 * to in this program, and C may be so far from the library, times a small number. Many programs are one C program; every other
 * one is written for little flash.
 *
 * TAPEGRAD_FUZZ_EMIT is the number of programs (see make fuzz-emit), TAPEGRAD_FUZZ_SEED the first one.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emitted.h"
#include "run/random_tape.h"

/* TRIALS of noise at most; what C may be off is SURPLUS times what they came to. */
enum { BATCH = 20, STEPS = 40, PROGRAMS = 40, TRIALS = 20, SURPLUS = 10 };

/* How two arrays differ: the largest difference of finite numbers, and the elements of which one is no finite number, or which are whole
 * numbers. */
typedef struct difference {
    double  most;
    int64_t kinds;
} difference;

typedef struct trial_program {
    uint64_t         seed;
    program          p;
    emitted_function f;
    int              at[MOST_OUTPUTS];    /* of the outputs among the values */
    difference       noise[MOST_OUTPUTS]; /* what came of it */
    bool             written;
} trial_program;

static long refused, wrong; /* programs */

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static double element_of(tg_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case TG_F32: return (double)((const float *)data)[i];
    case TG_F64: return ((const double *)data)[i];
    case TG_I64: return (double)((const int64_t *)data)[i];
    default: return ((const bool *)data)[i];
    }
}

static bool is_same(double x, double y) {
    return x == y || (isnan(x) && isnan(y));
}

static difference difference_of(tg_dtype dtype, int64_t size, const void *x, const void *y) {
    difference d = {0};
    for (int64_t i = 0; i < size; i++) {
        double a = element_of(dtype, x, i), b = element_of(dtype, y, i);
        if (is_same(a, b)) continue;
        if (dtype <= TG_F64 && isfinite(a) && isfinite(b))
            d.most = fmax(d.most, fabs(a - b));
        else
            d.kinds++;
    }
    return d;
}

static double largest(tg_dtype dtype, int64_t size, const void *x) {
    double most = 0;
    for (int64_t i = 0; i < size; i++)
        if (isfinite(element_of(dtype, x, i))) most = fmax(most, fabs(element_of(dtype, x, i)));
    return most;
}

/* ---- one program ------------------------------------------------------------------------------------------------- */

/* The last values, and the leaves. */
static void choose_outputs(trial_program *t) {
    program *p = &t->p;
    snprintf(t->f.what, sizeof t->f.what, "program %llu", (unsigned long long)p->seed);
    for (int i = p->count - 1; i >= 0 && t->f.count<MOST_OUTPUTS; i -= i> 5 ? 2 : 1) {
        t->at[t->f.count] = i;
        t->f.outputs[t->f.count++] = p->values[i].x[0];
    }
}

/* The value of output j on either tape; NULL where it fails in the library. */
static const void *value_of(const trial_program *t, int j, int tape) {
    tg_tensor   x = t->p.values[t->at[j]].x[tape];
    const void *data = tg_data(x);
    if (!data) tg_clear_error(x.tape);
    return data;
}

/* Runs both tapes, and notes what the noise came to where that is more than it was. */
static void measure(trial_program *t) {
    for (int i = 0; i < 2; i++)
        if (tg_run(t->p.tape[i])) tg_clear_error(t->p.tape[i]);
    for (int j = 0; j < t->f.count; j++) {
        const value *v = &t->p.values[t->at[j]];
        const void  *x = value_of(t, j, 0), *noisy = value_of(t, j, 1);
        if (!x || !noisy) continue;
        difference d = difference_of(v->dtype, tg_shape_size(v->shape), x, noisy), *most = &t->noise[j];
        most->most = fmax(most->most, d.most);
        most->kinds = d.kinds > most->kinds ? d.kinds : most->kinds;
    }
}

static bool agrees(const trial_program *t, int j, char *text, size_t size) {
    const value *v = &t->p.values[t->at[j]];
    const void  *x = value_of(t, j, 0);
    if (!x) return true;
    int64_t    count = tg_shape_size(v->shape);
    difference d = difference_of(v->dtype, count, x, t->f.values[j]), noise = t->noise[j];
    double     rounding = largest(v->dtype, count, x) * (v->dtype == TG_F32 ? 1e-6 : 2e-15);
    snprintf(text, size, "output %d: %g and %lld elements from the library's; noise: %g and %lld; rounding: %g", j, d.most,
             (long long)d.kinds, noise.most, (long long)noise.kinds, rounding);
    return d.most <= (double)SURPLUS * noise.most + rounding && d.kinds <= SURPLUS * noise.kinds;
}

static bool all_agree(const trial_program *t, char *text, size_t size) {
    for (int j = 0; j < t->f.count; j++)
        if (!agrees(t, j, text, size)) return false;
    return true;
}

static void record(trial_program *t, int trial) {
    static tallies sums;
    record_random_program(t->seed, STEPS, trial + 1, &t->p, &sums);
}

static void free_tapes(trial_program *t) {
    tg_tape_free(t->p.tape[0]);
    tg_tape_free(t->p.tape[1]);
}

/* One trial of noise is enough for most programs. Where a value is near a step of a function, noise takes it to the other side now and then;
 * and what is left of equal numbers when their mean is taken away comes of all errors of a sum, which have one sign then, so that noise
 * grows from trial to trial. */
static void compare(trial_program *t) {
    char text[200];
    measure(t);
    bool agree = all_agree(t, text, sizeof text);
    for (int trial = 1; trial < TRIALS && !agree; trial++) {
        free_tapes(t);
        record(t, trial);
        measure(t);
        agree = all_agree(t, text, sizeof text);
    }
    if (agree) return;
    printf("# TAPEGRAD_FUZZ_SEED=%llu, %s\n", (unsigned long long)t->seed, text);
    wrong++;
}

static void finish_program(trial_program *t) {
    for (int j = 0; j < t->f.count && t->written; j++)
        free(t->f.values[j]);
    free_tapes(t);
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static void check_batch(uint64_t first, int count) {
    static trial_program trials[BATCH];
    emitted_tape         tapes[BATCH] = {0};
    int                  n = 0;
    for (int i = 0; i < count; i++) {
        trial_program *t = &trials[i];
        *t = (trial_program){.seed = first + (uint64_t)i};
        record(t, 0);
        choose_outputs(t);
        tapes[n] = (emitted_tape){.tape = t->p.tape[0], .count = 1, .functions = &t->f};
        snprintf(tapes[n].name, sizeof tapes[n].name, "random_tape%d", i);
        emitted_size = t->seed % 2 ? TG_EMIT_FAST : TG_EMIT_SMALL;
        t->written = write_emitted(&tapes[n]);
        n += t->written;
        if (t->written) continue;
        refused++;
        const char *error = tg_error(t->p.tape[0]);
        ck_assert_msg(strstr(error, "a part of a leaf is made of the leaf itself") != NULL, "program %llu: %s",
                      (unsigned long long)t->seed, error);
    }
    emitted_size = TG_EMIT_FAST;
    run_written("random_tapes", "-O1 " EMITTED_SANITIZERS, n, tapes, 1);
    for (int i = 0; i < count; i++) {
        if (trials[i].written) compare(&trials[i]);
        finish_program(&trials[i]);
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(random_tapes_are_the_librarys) {
    uint64_t first = from_environment("TAPEGRAD_FUZZ_SEED", 1), count = from_environment("TAPEGRAD_FUZZ_EMIT", PROGRAMS);
    for (uint64_t i = 0; i < count; i += BATCH)
        check_batch(first + i, count - i < BATCH ? (int)(count - i) : BATCH);
    if (getenv("TAPEGRAD_FUZZ_EMIT"))
        printf("# %llu programs as C, %ld could not be written\n", (unsigned long long)count, refused);
    ck_assert_msg(wrong == 0, "%ld programs give other values than the library", wrong);
}
END_TEST

Suite *suite_emit_random(void) {
    Suite *suite = suite_create("emit/random");
    TCase *tcase = tcase_create("tapes");
    tcase_set_timeout(tcase, getenv("TAPEGRAD_FUZZ_EMIT") ? 0 : 120);
    tcase_add_test(tcase, random_tapes_are_the_librarys);
    suite_add_tcase(suite, tcase);
    return suite;
}

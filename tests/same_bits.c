/* tests/same_bits.c: writes down what tests read, for tests/same_bits.sh, which links it into the test programs of two commits.
 *
 * The linker sends the calls of tests here (--wrap). Each test is registered anew, every iteration of a loop by itself, under a
 * number that leads back to it. The log is lines of words with tabs between them; a digest is given twice, of the bits as they are,
 * and with every NaN alike:
 *
 *     R  bytes status digest normal                          a reading, of the test whose line follows
 *     P  seed reads inputs digest normal                     a random program
 *     T  name suite iteration outcome reads inputs digest normal
 *
 * inputs is a digest of what was written into leaves: where it differs, the tests themselves do. Readings on other threads than the
 * first are added up, for their order is anybody's guess. It is compiled with the headers of either commit, so it knows public
 * names only, and perform_random_program, which may be missing.
 *
 * SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#define WRAPS(type, name, ...) \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

/* ---- digests ------------------------------------------------------------------------------------------------------ */

typedef struct digest {
    uint64_t bits, normal; /* normal: any NaN is a NaN */
} digest;

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t bits_of(const char *bytes, size_t size) {
    uint64_t hash = size, word = 0;
    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (size) memcpy(&word, bytes, size);
    return mix(hash, word);
}

static bool is_nan(tg_dtype dtype, const char *element) {
    float  single;
    double number;
    if (dtype == TG_F64) return memcpy(&number, element, sizeof number), number != number;
    return dtype == TG_F32 && (memcpy(&single, element, sizeof single), single != single);
}

static digest digest_of(tg_dtype dtype, const void *values, int64_t count) {
    const char *bytes = values;
    size_t      width = tg_dtype_size(dtype);
    uint64_t    hash = bits_of(bytes, (size_t)count * width), nans = 0;
    digest      d = {hash, 0};
    if (dtype != TG_F32 && dtype != TG_F64) return d.normal = hash, d;
    for (int64_t i = 0; i < count; i++)
        nans += is_nan(dtype, bytes + (size_t)i * width);
    if (!nans) return d.normal = hash, d;
    for (int64_t i = 0; i < count; i++) {
        const char *element = bytes + (size_t)i * width;
        d.normal = mix(d.normal, is_nan(dtype, element) ? UINT64_MAX : bits_of(element, width));
    }
    return d;
}

/* ---- the log ------------------------------------------------------------------------------------------------------ */

typedef struct sums {
    uint64_t reads, inputs;
    digest   all;
} sums;

enum { MOST_READS = 100000 }; /* that are written down of one test */

static FILE            *log_file;
static pthread_t        first_thread;
static sums             test, program;
static bool             in_program, every_read;
static _Atomic uint64_t other_reads, other_bits, other_normal;

__attribute__((constructor)) static void open_log(void) {
    const char *name = getenv("SAME_BITS_LOG");
    log_file = name ? fopen(name, "a") : NULL;
    first_thread = pthread_self();
    every_read = getenv("SAME_BITS_READS");
    if (log_file) return;
    perror("SAME_BITS_LOG");
    exit(EXIT_FAILURE);
}

static void add(sums *s, digest d) {
    s->reads++;
    s->all.bits = mix(s->all.bits, d.bits);
    s->all.normal = mix(s->all.normal, d.normal);
}

static void note(tg_status status, tg_dtype dtype, const void *values, int64_t count) {
    digest d = {0};
    if (!status) d = digest_of(dtype, values, count);
    size_t bytes = status ? 0 : (size_t)count * tg_dtype_size(dtype);
    d.bits = mix(mix(d.bits, (uint64_t)status), bytes);
    d.normal = mix(mix(d.normal, (uint64_t)status), bytes);
    if (!pthread_equal(pthread_self(), first_thread)) {
        other_reads++;
        other_bits += d.bits;
        other_normal += d.normal;
        return;
    }
    add(&test, d);
    if (in_program) add(&program, d);
    if ((!in_program || every_read) && test.reads <= MOST_READS)
        fprintf(log_file, "R\t%zu\t%d\t%016jx\t%016jx\n", bytes, (int)status, (uintmax_t)d.bits, (uintmax_t)d.normal);
}

/* ---- what is read and written -------------------------------------------------------------------------------------- */

WRAPS(tg_status, tg_read, tg_tensor x, void *values, int64_t count) {
    tg_status status = __real_tg_read(x, values, count);
    note(status, status ? TG_F64 : (tg_dtype_of)(x), values, count);
    return status;
}

WRAPS(const void *, tg_data, tg_tensor x) {
    const void *data = __real_tg_data(x);
    note(data ? TG_OK : TG_ERR_HANDLE, data ? (tg_dtype_of)(x) : TG_F64, data, data ? (tg_size)(x) : 0);
    return data;
}

WRAPS(double, tg_item, tg_tensor x) {
    double item = __real_tg_item(x);
    note(TG_OK, TG_F64, &item, 1);
    return item;
}

WRAPS(tg_status, tg_read_jacobian, tg_tensor y, tg_tensor x, void *values, int64_t count) {
    tg_status status = __real_tg_read_jacobian(y, x, values, count);
    note(status, status ? TG_F64 : (tg_dtype_of)(y), values, count);
    return status;
}

WRAPS(tg_status, tg_read_hessian, tg_tensor loss, tg_tensor x, void *values, int64_t count) {
    tg_status status = __real_tg_read_hessian(loss, x, values, count);
    note(status, status ? TG_F64 : (tg_dtype_of)(loss), values, count);
    return status;
}

/* The findings are a digest of all the derivatives: the worst of them, and by how much. */
WRAPS(tg_status, tg_gradcheck, tg_tensor y, int n, const tg_tensor *inputs, tg_gradcheck_report *report) {
    tg_status status = __real_tg_gradcheck(y, n, inputs, report);
    double    found[] = {report ? report->recorded : 0, report ? report->measured : 0, report ? report->error : 0};
    note(status, TG_F64, found, sizeof found / sizeof *found);
    return status;
}

WRAPS(tg_status, tg_write, tg_tensor leaf, const void *values, int64_t count) {
    tg_status status = __real_tg_write(leaf, values, count);
    if (status || !pthread_equal(pthread_self(), first_thread)) return status;
    uint64_t hash = digest_of((tg_dtype_of)(leaf), values, count).normal;
    test.inputs = mix(test.inputs, hash);
    program.inputs = mix(program.inputs, hash);
    return status;
}

/* ---- random programs ----------------------------------------------------------------------------------------------- */

void __real_perform_random_program(uint64_t seed, void *tallies) __attribute__((weak));

WRAPS(void, perform_random_program, uint64_t seed, void *tallies) {
    in_program = true;
    program = (sums){0};
    __real_perform_random_program(seed, tallies);
    in_program = false;
    fprintf(log_file, "P\t%ju\t%ju\t%016jx\t%016jx\t%016jx\n", (uintmax_t)seed, (uintmax_t)program.reads,
            (uintmax_t)program.inputs, (uintmax_t)program.all.bits, (uintmax_t)program.all.normal);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

typedef struct entry {
    TTest       as; /* as Check knows it */
    TFun        perform;
    const char *suite;
    int         iteration;
} entry;

static entry       entries[1 << 16];
static int         entry_count;
static const char *suite_name = "";

enum { NONE = -1 };
static int running = NONE;

static void end_test(const char *outcome) {
    if (running == NONE) return;
    const entry *e = &entries[running];
    if (other_reads) add(&test, (digest){other_bits + other_reads, other_normal + other_reads});
    fprintf(log_file, "T\t%s\t%s\t%d\t%s\t%ju\t%016jx\t%016jx\t%016jx\n", e->as.name, e->suite, e->iteration, outcome,
            (uintmax_t)test.reads, (uintmax_t)test.inputs, (uintmax_t)test.all.bits, (uintmax_t)test.all.normal);
    running = NONE;
}

/* Check leaves a test that fails by longjmp: it is still running when the next one begins. */
static void perform(int number) {
    end_test("failed");
    running = number;
    test = (sums){0};
    other_reads = other_bits = other_normal = 0;
    in_program = false;
    entries[number].perform(entries[number].iteration);
    end_test("passed");
}

WRAPS(Suite *, suite_create, const char *name) {
    return __real_suite_create(suite_name = name);
}

/* SAME_BITS_TESTS are the names of tests that run, each with a space before and after it; of them, not those that have
 * SAME_BITS_SKIP in their names. */
static bool is_wanted(const char *name) {
    const char *tests = getenv("SAME_BITS_TESTS"), *skip = getenv("SAME_BITS_SKIP");
    char        word[256];
    snprintf(word, sizeof word, " %s ", name);
    return !(tests && !strstr(tests, word)) && !(skip && strstr(name, skip));
}

WRAPS(void, _tcase_add_test, TCase *tcase, const TTest *t, int signal, int exit_value, int start, int end) {
    for (int i = start; i < end && is_wanted(t->name); i++) {
        int number = entry_count++;
        if (number == sizeof entries / sizeof *entries) abort();
        entries[number] = (entry){{t->name, perform, t->file, t->line}, t->fn, suite_name, i};
        __real__tcase_add_test(tcase, &entries[number].as, signal, exit_value, number, number + 1);
    }
}

__attribute__((destructor)) static void close_log(void) {
    end_test("failed");
    if (log_file && fclose(log_file)) perror("SAME_BITS_LOG");
}

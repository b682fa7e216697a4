/* tests/core/test_memory.c: a tape's memory comes from its host, within the host's limit, and all of it goes back.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "core/tape.h"
#include "support.h"

/* ---- a host that keeps account ------------------------------------------------------------------------------------ */

enum { BLOCKS = 4096 };

typedef struct account {
    void  *block[BLOCKS];
    size_t size[BLOCKS], bytes;
    int    allocations, until_failure; /* 0: never */
    bool   mistaken;                   /* something came back that was not given, or with another size */
} account;

static void *allocate(void *context, size_t bytes) {
    account *a = context;
    a->allocations++;
    if (a->until_failure && --a->until_failure == 0) return NULL;
    int i = 0;
    while (a->block[i])
        i++;
    a->block[i] = malloc(bytes);
    a->size[i] = bytes;
    a->bytes += bytes;
    return a->block[i];
}

static void release(void *context, void *memory, size_t bytes) {
    account *a = context;
    int      i = 0;
    while (i < BLOCKS && a->block[i] != memory)
        i++;
    if (i == BLOCKS || a->size[i] != bytes) {
        a->mistaken = true;
        return;
    }
    a->block[i] = NULL;
    a->bytes -= bytes;
    free(memory);
}

static tg_host host_of(account *a) {
    *a = (account){.bytes = 0};
    return (tg_host){.context = a, .allocate = allocate, .release = release};
}

/* Leaves with names, parts, views that outlive an assign, an optimizer's state, plans, a failed run: all that takes memory. */
static tg_status work(tg_tape *tape) {
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(40, 30));
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(30, 20)));
    tg_tensor row = tg_slice(w, 0, 1, 2, 1);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_rewind(tape, mark);
        tg_tensor y = tg_softmax(tg_matmul(x, w), 1);
        tg_backward(tg_add(tg_mean(tg_square(y)), tg_sum(row)));
        tg_adam_step(tape, 0.1, NULL);
        if (tg_run(tape)) return tg_error_status(tape);
    }
    tg_begin_part(tape, "more");
    for (int i = 0; i < 1100; i++)
        x = tg_add(x, 1);
    tg_end_part(tape);
    return tg_run_part(tape, "more");
}

/* ---- where memory comes from -------------------------------------------------------------------------------------- */

START_TEST(all_memory_is_the_hosts_and_goes_back_with_its_size) {
    account  a;
    tg_host  host = host_of(&a);
    tg_tape *tape = tg_tape_new_with(&host);
    ck_assert(!work(tape));
    ck_assert_uint_eq(tg_stats(tape).bytes, a.bytes);
    tg_trim(tape);
    ck_assert_uint_eq(tg_stats(tape).bytes, a.bytes);
    ck_assert_uint_eq(tg_stats(tape).spare_bytes, 0);
    tg_tape_free(tape);
    ck_assert(!a.mistaken && a.bytes == 0 && a.allocations > 50);
}
END_TEST

START_TEST(each_allocation_of_the_host_may_fail) {
    account  a;
    tg_host  host = host_of(&a);
    tg_tape *tape = tg_tape_new_with(&host);
    work(tape);
    tg_tape_free(tape);
    int failures = 0, allocations = a.allocations;
    for (int i = 1; i <= allocations; i++) {
        host = host_of(&a);
        a.until_failure = i;
        tape = tg_tape_new_with(&host);
        if (work(tape)) {
            failures++;
            ck_assert_int_eq(tg_error_status(tape), tape ? TG_ERR_MEMORY : TG_ERR_HANDLE);
        }
        tg_tape_free(tape);
        ck_assert(!a.mistaken && a.bytes == 0);
    }
    ck_assert_int_eq(failures, allocations);
}
END_TEST

START_TEST(no_host_is_the_librarys_own_way) {
    tg_tape *tape = tg_tape_new_with(NULL), *other = tg_tape_new_with(&(tg_host){.context = &tape});
    ck_assert(!work(tape) && !work(other));
    tg_tape_free(tape);
    tg_tape_free(other);
}
END_TEST

#ifdef MADV_HUGEPAGE
/* Whether the kernel was asked to back that with huge pages, as it tells itself. */
static bool is_marked_for_huge_pages(const void *memory) {
    uintptr_t first = 0, end = 0, at = (uintptr_t)memory;
    bool      marked = false;
    char      line[512];
    FILE     *maps = fopen("/proc/self/smaps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &end);
        if (first <= at && at < end && !strncmp(line, "VmFlags:", 8)) marked = strstr(line, " hg") != NULL;
    }
    if (maps) fclose(maps);
    return marked;
}

/* What the kernel tells of memory that was certainly asked for in huge pages. */
static bool kernel_tells(void) {
    enum { BYTES = 4 << 20 };
    void *known = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(known != MAP_FAILED);
    bool tells = !madvise(known, BYTES, MADV_HUGEPAGE) && is_marked_for_huge_pages(known);
    munmap(known, BYTES);
    return tells;
}

START_TEST(large_memory_is_asked_for_in_huge_pages) {
    enum { BYTES = 16 << 20, SMALL = 1 << 20 };
    tgi_memory memory = {.bytes = 0};
    char      *small = tgi_memory_take(&memory, SMALL), *block = tgi_memory_take(&memory, BYTES);
    ck_assert_int_eq(is_marked_for_huge_pages(block + BYTES / 2), kernel_tells());
    ck_assert(!is_marked_for_huge_pages(small + SMALL / 2));
    tgi_memory_give(&memory, block, BYTES);
    tgi_memory_give(&memory, small, SMALL);
}
END_TEST
#endif

START_TEST(one_function_without_the_other_is_no_host) {
    account a;
    tg_host host = host_of(&a);
    host.release = NULL;
    ck_assert_ptr_null(tg_tape_new_with(&host));
    host = host_of(&a);
    host.allocate = NULL;
    ck_assert_ptr_null(tg_tape_new_with(&host));
    ck_assert_int_eq(a.allocations, 0);
}
END_TEST

#define CHECK_OUT_OF_MEMORY(tape, call, text) \
    do { \
        ck_assert(!tg_valid(call)); \
        ck_assert_msg(strstr(tg_error(tape), text) != NULL, "%s", tg_error(tape)); \
        tg_clear_error(tape); \
    } while (0)

/* ---- the limit ---------------------------------------------------------------------------------------------------- */

START_TEST(a_limit_is_never_passed) {
    account a;
    tg_host host = host_of(&a);
    host.memory_limit = 4 << 20;
    tg_tape  *tape = tg_tape_new_with(&host);
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(100000), 1);
    for (int i = 0; i < 100 && tg_valid(x); i++)
        tg_read(x = tg_exp(tg_neg(x)), (double[100000]){0}, 100000);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "exp: out of memory: the tape has "));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "bytes, and its host allows 4194304"));
    ck_assert_uint_le(tg_stats(tape).peak_bytes, 4 << 20);
    ck_assert_uint_gt(tg_stats(tape).peak_bytes, 3 << 20);
    tg_tape_free(tape);
    ck_assert(!a.mistaken && a.bytes == 0);
}
END_TEST

START_TEST(out_of_memory_names_the_function_that_was_called) {
    enum { N = 1 << 18 };
    account a;
    tg_host host = host_of(&a);
    host.memory_limit = 3 << 20;
    tg_tape  *tape = tg_tape_new_with(&host);
    tg_tensor half = tg_full(tape, TG_F64, TG_SHAPE(N / 2), 1), y;
    CHECK_OUT_OF_MEMORY(tape, tg_full(tape, TG_F64, TG_SHAPE(N), 1), "full: out of memory");
    CHECK_OUT_OF_MEMORY(tape, tg_randn(tape, TG_F64, TG_SHAPE(N)), "randn: out of memory");
    CHECK_OUT_OF_MEMORY(tape, tg_input(tape, "x", TG_F64, TG_SHAPE(N)), "input: out of memory");
    CHECK_OUT_OF_MEMORY(tape, tg_arange(tape, TG_F64, 0, N, 1), "arange: out of memory");
    half = tg_slice(half, 0, 0, 4096, 1); /* so many elements have an address of 32 bits, too */
    y = tg_outer(half, half);
    ck_assert(!tg_data(y));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "outer: out of memory"));
    tg_tape_free(tape);
}
END_TEST

/* Also where the failed allocation is of room for instructions: leaves of one op each until no more fit. */
START_TEST(out_of_memory_names_it_for_small_leaves_too) {
    static const char *const names[] = {"full: ", "arange: ", "input: ", "eye: "};
    for (int i = 0; i < 4; i++) {
        account a;
        tg_host host = host_of(&a);
        host.memory_limit = 1 << 20;
        tg_tape *tape = tg_tape_new_with(&host);
        while (!tg_error_status(tape))
            (void)(i == 0   ? tg_full(tape, TG_F32, TG_SHAPE(2), 1)
                   : i == 1 ? tg_arange(tape, TG_F32, 0, 2, 1)
                   : i == 2 ? tg_input(tape, NULL, TG_F32, TG_SHAPE(2))
                            : tg_eye(tape, TG_F32, 1, 2));
        ck_assert_int_eq(tg_error_status(tape), TG_ERR_MEMORY);
        ck_assert_msg(strstr(tg_error(tape), names[i]) != NULL, "%s", tg_error(tape));
        tg_tape_free(tape);
    }
}
END_TEST

/* Each step needs a size of its own: without giving back the last one's the tape would need a hundred times as much. */
START_TEST(what_is_spare_makes_room_before_the_limit_counts) {
    account a;
    tg_host host = host_of(&a);
    host.memory_limit = 8 << 20;
    tg_tape *tape = tg_tape_new_with(&host);
    tg_mark  mark = tg_tape_mark(tape);
    for (int i = 1; i <= 20; i++) {
        tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(20000 * i), 1);
        ck_assert_double_eq(tg_item(tg_sum(x)), 20000 * i);
        ck_assert(!tg_rewind(tape, mark));
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_limit_that_holds_no_tape_makes_none) {
    ck_assert_ptr_null(tg_tape_new_with(&(tg_host){.memory_limit = 100}));
}
END_TEST

START_TEST(figures_say_what_the_bytes_are_for) {
    tg_tape   *tape = tg_tape_new();
    tg_figures before = tg_stats(tape);
    tg_tensor  x = tg_full(tape, TG_F64, TG_SHAPE(1000, 1000), 2);
    ck_assert_double_eq_tol(tg_item(tg_sum(tg_exp(tg_neg(x)))), 1e6 * 0.1353352832366127, 1e-6);
    tg_figures after = tg_stats(tape);
    ck_assert_uint_eq(before.value_bytes + before.record_bytes + before.plan_bytes + before.spare_bytes, 0);
    ck_assert_uint_ge(after.value_bytes, 8000000);
    ck_assert(after.record_bytes > 0 && after.plan_bytes > 0);
    ck_assert_uint_ge(after.bytes, after.value_bytes + after.record_bytes + after.plan_bytes + after.spare_bytes);
    ck_assert_uint_le(after.bytes, after.value_bytes + after.record_bytes + after.plan_bytes + after.spare_bytes + 10000);
    ck_assert_uint_ge(after.peak_bytes, after.bytes);
    tg_tape_free(tape);
}
END_TEST

/* ---- the log, and progress ---------------------------------------------------------------------------------------- */

typedef struct diary {
    tg_tape *tape;
    char     error[512];
    int      errors;
    int64_t  last, count, reports;
    bool     calls; /* the functions call what they must not */
} diary;

static void write_log(void *context, const char *error) {
    diary *d = context;
    d->errors++;
    strcpy(d->error, error);
    if (!d->calls) return;
    tg_clear_error(d->tape);
    tg_run(d->tape);
    tg_tape_free(d->tape);
}

static void note_progress(void *context, int64_t done, int64_t count) {
    diary *d = context;
    ck_assert(done >= 0 && done < count);
    d->last = done;
    d->count = count;
    d->reports++;
    if (d->calls) tg_run(d->tape);
}

static tg_tape *tape_with(diary *d) {
    *d = (diary){.last = -1};
    return d->tape = tg_tape_new_with(&(tg_host){.context = d, .log = write_log, .progress = note_progress});
}

START_TEST(each_error_is_logged_once) {
    diary     d;
    tg_tape  *tape = tape_with(&d);
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1);
    tg_matmul(x, x);
    ck_assert_int_eq(d.errors, 1);
    ck_assert_str_eq(d.error, tg_error(tape));
    tg_matmul(x, x);
    tg_run(tape);
    ck_assert_int_eq(d.errors, 1);
    tg_clear_error(tape);
    tg_find(tape, "nothing");
    ck_assert_int_eq(d.errors, 2);
    ck_assert_ptr_nonnull(strstr(d.error, "nothing"));
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_error_of_a_run_is_logged) {
    diary     d;
    tg_tape  *tape = tape_with(&d);
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), i = tg_full(tape, TG_I64, TG_SHAPE(1), 7);
    tg_take(x, i, 1);
    ck_assert(tg_run(tape));
    ck_assert_int_eq(d.errors, 1);
    ck_assert_str_eq(d.error, tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_log_that_uses_the_tape_changes_nothing) {
    diary    d;
    tg_tape *tape = tape_with(&d);
    d.calls = true;
    tg_find(tape, "nothing");
    ck_assert_int_eq(d.errors, 1);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_NAME);
    tg_tape_free(tape);
}
END_TEST

static tg_tensor chain(tg_tensor x) {
    for (int i = 0; i < 10; i++)
        x = tg_matmul(x, x);
    return x;
}

START_TEST(progress_goes_through_the_tape_and_through_a_part) {
    diary     d;
    tg_tape  *tape = tape_with(&d);
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5), y = chain(x);
    tg_begin_part(tape, "part");
    chain(x);
    tg_end_part(tape);
    ck_assert(!tg_run(tape));
    ck_assert_int_eq(d.reports, 10);
    ck_assert_int_eq(d.last, 10);
    ck_assert_int_eq(d.count, tg_instruction_count(tape));
    d.reports = 0;
    ck_assert(!tg_run_part(tape, "part"));
    ck_assert(d.reports >= 10 && d.count < tg_instruction_count(tape) && d.last == d.count - 1);
    tg_set_eager(tape, true);
    d.reports = 0;
    tg_exp(y);
    ck_assert_int_eq(d.reports, 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_progress_that_runs_the_tape_is_rejected) {
    diary    d;
    tg_tape *tape = tape_with(&d);
    chain(tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5));
    d.calls = true;
    ck_assert_int_eq(tg_run(tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "not from inside a run"));
    d.calls = false;
    tg_clear_error(tape);
    ck_assert(!tg_run(tape));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_memory(void);
Suite *suite_memory(void) {
    Suite *suite = suite_create("core/memory");
    TCase *where = tcase_create("where it comes from");
    tcase_set_timeout(where, 120);
    tcase_add_test(where, all_memory_is_the_hosts_and_goes_back_with_its_size);
    tcase_add_test(where, each_allocation_of_the_host_may_fail);
    tcase_add_test(where, no_host_is_the_librarys_own_way);
#ifdef MADV_HUGEPAGE
    tcase_add_test(where, large_memory_is_asked_for_in_huge_pages);
#endif
    tcase_add_test(where, one_function_without_the_other_is_no_host);
    suite_add_tcase(suite, where);
    TCase *limit = tcase_create("limit");
    tcase_add_test(limit, a_limit_is_never_passed);
    tcase_add_test(limit, out_of_memory_names_the_function_that_was_called);
    tcase_add_test(limit, out_of_memory_names_it_for_small_leaves_too);
    tcase_add_test(limit, what_is_spare_makes_room_before_the_limit_counts);
    tcase_add_test(limit, a_limit_that_holds_no_tape_makes_none);
    tcase_add_test(limit, figures_say_what_the_bytes_are_for);
    suite_add_tcase(suite, limit);
    TCase *host = tcase_create("log and progress");
    tcase_add_test(host, each_error_is_logged_once);
    tcase_add_test(host, an_error_of_a_run_is_logged);
    tcase_add_test(host, a_log_that_uses_the_tape_changes_nothing);
    tcase_add_test(host, progress_goes_through_the_tape_and_through_a_part);
    tcase_add_test(host, a_progress_that_runs_the_tape_is_rejected);
    suite_add_tcase(suite, host);
    return suite;
}

/* tests/io/test_loader.c: batches: which rows they have, in which order, and what is wrong.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tapegrad/data.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "files.h"
#include "io/system.h"

enum { ROWS = 10 };

/* Row i is {2 i, 2 i + 1}, and its label is 100 + i. */
typedef struct fixture_data {
    tg_tape  *tape;
    tg_tensor pairs, labels; /* (10, 2) and (10) */
    tg_tensor x, y;          /* (batch, 2) and (batch) */
} fixture_data;

static fixture_data prepare(int64_t batch) {
    fixture_data d = {.tape = tg_tape_new()};
    d.pairs = tg_reshape(tg_arange(d.tape, TG_I64, 0, 2 * ROWS, 1), TG_SHAPE(ROWS, 2));
    d.labels = tg_arange(d.tape, TG_I64, 100, 100 + ROWS, 1);
    d.x = tg_input(d.tape, "x", TG_I64, TG_SHAPE(batch, 2));
    d.y = tg_input(d.tape, "y", TG_I64, TG_SHAPE(batch));
    return d;
}

static tg_loader *load(fixture_data d, const tg_loader_options *options) {
    tg_loader *loader = tg_new_loader(d.tape, TG_FEEDS({d.pairs, d.x}, {d.labels, d.y}), options);
    ck_assert_str_eq(tg_error(d.tape), "");
    ck_assert_ptr_nonnull(loader);
    return loader;
}

static void end(fixture_data d, tg_loader *loader) {
    ck_assert_str_eq(tg_error(d.tape), "");
    tg_free_loader(loader);
    tg_tape_free(d.tape);
}

/* The next `count` rows, in step, and zeros behind them. */
#define BATCH(d, loader, ...) \
    check_batch(d, loader, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
static void check_batch(fixture_data d, tg_loader *loader, int count, const int64_t *rows) {
    ck_assert_int_eq(tg_next_batch(d.tape, loader), count);
    const int64_t *x = tg_data(d.x), *y = tg_data(d.y);
    for (int64_t i = 0; i < tg_size(d.y); i++) {
        ck_assert_int_eq(x[2 * i], i < count ? 2 * rows[i] : 0);
        ck_assert_int_eq(x[2 * i + 1], i < count ? 2 * rows[i] + 1 : 0);
        ck_assert_int_eq(y[i], i < count ? 100 + rows[i] : 0);
    }
}

START_TEST(rows_come_in_step_and_in_order) {
    fixture_data d = prepare(4);
    tg_loader   *loader = load(d, NULL);
    ck_assert_int_eq(tg_loader_rows(loader), 10);
    ck_assert_int_eq(tg_loader_batches(loader), 3);
    for (int epoch = 0; epoch < 2; epoch++) {
        BATCH(d, loader, 0, 1, 2, 3);
        BATCH(d, loader, 4, 5, 6, 7);
        BATCH(d, loader, 8, 9);
        ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
    }
    end(d, loader);
}
END_TEST

START_TEST(a_part_of_a_batch_is_dropped) {
    fixture_data d = prepare(4);
    tg_loader   *loader = load(d, &(tg_loader_options){.drop_last = true});
    ck_assert_int_eq(tg_loader_rows(loader), 8);
    ck_assert_int_eq(tg_loader_batches(loader), 2);
    for (int epoch = 0; epoch < 2; epoch++) {
        BATCH(d, loader, 0, 1, 2, 3);
        BATCH(d, loader, 4, 5, 6, 7);
        ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
    }
    end(d, loader);
}
END_TEST

/* A batch that is larger than the data; weights of both dtypes; none are left when there are no rows. */
START_TEST(weights_tell_rows_from_the_rest) {
    static const tg_dtype dtypes[] = {TG_F32, TG_F64};
    for (int i = 0; i < 2; i++) {
        fixture_data d = prepare(12);
        tg_tensor    weight = tg_input(d.tape, "weight", dtypes[i], TG_SHAPE(12));
        tg_loader   *loader = load(d, &(tg_loader_options){.weight = weight});
        ck_assert_int_eq(tg_next_batch(d.tape, loader), 10);
        for (int64_t row = 0; row < 12; row++)
            ck_assert(tg_item(tg_slice(weight, 0, row, row + 1, 1)) == (row < 10));
        ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
        end(d, loader);
    }
}
END_TEST

/* import torch; torch.manual_seed(3); [torch.randperm(10).tolist() for epoch in range(2)]   PyTorch 2.15.0 */
START_TEST(shuffled_as_by_pytorch) {
    fixture_data d = prepare(5);
    int64_t      before = tg_instruction_count(d.tape);
    tg_seed(d.tape, 3);
    tg_loader *loader = load(d, &(tg_loader_options){.shuffle = true});
    BATCH(d, loader, 6, 0, 3, 7, 8);
    BATCH(d, loader, 5, 1, 9, 2, 4);
    ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
    BATCH(d, loader, 9, 8, 5, 3, 0);
    BATCH(d, loader, 6, 7, 2, 1, 4);
    ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
    ck_assert_int_eq(tg_instruction_count(d.tape), before);
    end(d, loader);
}
END_TEST

START_TEST(subsets_of_the_rows) {
    fixture_data d = prepare(3);
    tg_tensor    order = tg_constant(d.tape, TG_I64, TG_SHAPE(6), ((int64_t[]){7, 2, 2, 9, 0, 5}));
    tg_loader   *first = load(d, &(tg_loader_options){.rows = tg_slice(order, 0, 0, 4, 1)});
    tg_loader   *second = load(d, &(tg_loader_options){.rows = tg_slice(order, 0, 4, 6, 1), .shuffle = true});
    tg_loader   *none = load(d, &(tg_loader_options){.rows = tg_slice(order, 0, 6, 6, 1), .shuffle = true});
    ck_assert_int_eq(tg_loader_rows(first), 4);
    BATCH(d, first, 7, 2, 2);
    BATCH(d, first, 9);
    ck_assert_int_eq(tg_next_batch(d.tape, none), 0);
    ck_assert_int_eq(tg_next_batch(d.tape, none), 0);
    ck_assert_int_eq(tg_loader_batches(none), 0);
    ck_assert_int_eq(tg_next_batch(d.tape, second), 2);
    ck_assert_int_eq((int64_t)tg_item(tg_sum(d.y)), 100 + 0 + 100 + 5);
    tg_free_loader(second);
    tg_free_loader(none);
    end(d, first);
}
END_TEST

/* A step that was recorded once sees each batch; nothing is recorded again. */
START_TEST(a_part_runs_on_each_batch) {
    fixture_data d = prepare(4);
    tg_loader   *loader = load(d, NULL);
    tg_begin_part(d.tape, "step");
    tg_tensor sum = tg_sum(d.y);
    tg_end_part(d.tape);
    int64_t before = tg_instruction_count(d.tape);
    double  total = 0;
    while (tg_next_batch(d.tape, loader)) {
        tg_run_part(d.tape, "step");
        total += tg_item(sum);
    }
    ck_assert(total == 10 * 100 + 45);
    ck_assert_int_eq(tg_instruction_count(d.tape), before);
    end(d, loader);
}
END_TEST

#define REFUSES(d, status, text, ...) \
    do { \
        ck_assert_ptr_null(tg_new_loader((d).tape, __VA_ARGS__)); \
        check_failure(__FILE__, __LINE__, (d).tape, status, "", text); \
    } while (0)

START_TEST(what_does_not_fit_is_an_error) {
    fixture_data d = prepare(4);
    tg_tensor    wide = tg_input(d.tape, NULL, TG_I64, TG_SHAPE(4, 3)), other = tg_input(d.tape, NULL, TG_F32, TG_SHAPE(4));
    tg_tensor    five = tg_input(d.tape, NULL, TG_I64, TG_SHAPE(5)), none = tg_input(d.tape, NULL, TG_I64, TG_SHAPE(0));
    tg_tensor    scalar = tg_input(d.tape, NULL, TG_I64, TG_SHAPE()), nine = tg_arange(d.tape, TG_I64, 0, 9, 1);
    REFUSES(d, TG_ERR_ARGUMENT, "new_loader: there are no feeds", TG_FEEDS(), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 0: a batch of (4, 3) does not hold rows of (10, 2)", TG_FEEDS({d.pairs, wide}),
            NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 1: a batch of (4, 2) does not hold rows of (10)",
            TG_FEEDS({d.labels, d.y}, {d.labels, d.x}), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 0: a batch of () does not hold rows of ()", TG_FEEDS({scalar, scalar}), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 0: a batch of (0) does not hold rows of (10)", TG_FEEDS({d.labels, none}), NULL);
    REFUSES(d, TG_ERR_DTYPE, "new_loader: feed 0: the data are int64, the batch is float32", TG_FEEDS({d.labels, other}), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 1: (9) in batches of (4) is not in step with (10, 2) in batches of (4, 2)",
            TG_FEEDS({d.pairs, d.x}, {nine, d.y}), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: feed 1: (10) in batches of (5) is not in step with (10, 2) in batches of (4, 2)",
            TG_FEEDS({d.pairs, d.x}, {d.labels, five}), NULL);
    REFUSES(d, TG_ERR_SHAPE, "new_loader: the weight is (5), not (4)", TG_FEEDS({d.pairs, d.x}),
            &(tg_loader_options){.weight = five});
    REFUSES(d, TG_ERR_DTYPE, "new_loader: the weight is int64", TG_FEEDS({d.pairs, d.x}), &(tg_loader_options){.weight = d.y});
    REFUSES(d, TG_ERR_SHAPE, "new_loader: the list of rows is (10, 2), not (n)", TG_FEEDS({d.pairs, d.x}),
            &(tg_loader_options){.rows = d.pairs});
    REFUSES(d, TG_ERR_DTYPE, "new_loader: the list of rows is float32, not int64", TG_FEEDS({d.pairs, d.x}),
            &(tg_loader_options){.rows = other});
    REFUSES(d, TG_ERR_INDEX, "new_loader: row 100 is not one of 10", TG_FEEDS({d.pairs, d.x}),
            &(tg_loader_options){.rows = d.labels});

    ck_assert_ptr_null(tg_new_loader(NULL, TG_FEEDS({d.pairs, d.x}), NULL));
    ck_assert_int_eq(tg_next_batch(d.tape, NULL), 0);
    ck_assert_int_eq(tg_loader_rows(NULL) + tg_loader_batches(NULL), 0);
    end(d, NULL);
}
END_TEST

/* What cannot be overwritten, and data that a rewind took away; after the error the batch comes all the same. */
START_TEST(batches_that_cannot_be_had) {
    fixture_data d = prepare(4);
    tg_loader   *loader = tg_new_loader(d.tape, TG_FEEDS({d.labels, tg_slice(d.labels, 0, 0, 4, 1)}), NULL);
    ck_assert_int_eq(tg_next_batch(d.tape, loader), 0);
    ck_assert_int_eq(tg_error_status(d.tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(d.tape), "test_loader.c:"));
    ck_assert_ptr_nonnull(strstr(tg_error(d.tape), "next_batch: "));
    tg_free_loader(loader);
    tg_clear_error(d.tape);

    tg_mark mark = tg_tape_mark(d.tape);
    loader = load(d, NULL);
    tg_loader *late = tg_new_loader(d.tape, TG_FEEDS({tg_add(d.labels, 1), d.y}), NULL);
    tg_rewind(d.tape, mark);
    ck_assert_int_eq(tg_next_batch(d.tape, late), 0);
    ck_assert_int_eq(tg_error_status(d.tape), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_next_batch(d.tape, loader), 0); /* the tape has an error */
    tg_clear_error(d.tape);
    BATCH(d, loader, 0, 1, 2, 3);
    tg_free_loader(late);
    end(d, loader);
}
END_TEST

/* ---- reading ahead ----------------------------------------------------------------------------------------------- */

enum { MANY = 1000, WIDE = 2000, FEW = 64 };

/* Rows of borrowed memory that are larger than a page (the tape's own where the file's bytes have the other order), labels that are
 * the tape's, and weights. */
typedef struct wide_data {
    tg_tape   *tape;
    tg_tensor  x, y, weight;
    tg_loader *loader;
} wide_data;

static wide_data prepare_wide(const char *path, tg_archive **archive, bool prefetch) {
    wide_data d = {.tape = tg_tape_new()};
    tg_seed(d.tape, 3);
    *archive = tg_archive_open(path);
    tg_tensor images =
        TGI_BIG_ENDIAN ? tg_archive_load(d.tape, *archive, "images") : tg_archive_borrow(d.tape, *archive, "images");
    ck_assert(TGI_BIG_ENDIAN || tg_borrowed(images));
    d.x = tg_input(d.tape, "x", TG_F32, TG_SHAPE(FEW, WIDE));
    d.y = tg_input(d.tape, "y", TG_I64, TG_SHAPE(FEW));
    d.weight = tg_input(d.tape, "weight", TG_F32, TG_SHAPE(FEW));
    d.loader = tg_new_loader(d.tape, TG_FEEDS({images, d.x}, {tg_arange(d.tape, TG_I64, 0, MANY, 1), d.y}),
                             &(tg_loader_options){.shuffle = true, .weight = d.weight, .prefetch = prefetch});
    ck_assert_str_eq(tg_error(d.tape), "");
    return d;
}

static void save_wide(const char *path) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor rows = tg_unsqueeze(tg_arange(tape, TG_F32, 0, MANY, 1), 1), columns = tg_arange(tape, TG_F32, 0, WIDE, 1);
    ck_assert_int_eq(tg_save_safetensors(tape, path, TG_NAMED({"images", tg_add(tg_mul(rows, WIDE), columns)}), TG_METADATA()),
                     TG_OK);
    tg_tape_free(tape);
}

static void check_same_batch(wide_data a, wide_data b) {
    ck_assert_mem_eq(tg_data(a.x), tg_data(b.x), sizeof(float) * FEW * WIDE);
    ck_assert_mem_eq(tg_data(a.y), tg_data(b.y), sizeof(int64_t) * FEW);
    ck_assert_mem_eq(tg_data(a.weight), tg_data(b.weight), sizeof(float) * FEW);
}

static void end_wide(wide_data d, tg_archive *archive) {
    ck_assert_str_eq(tg_error(d.tape), "");
    tg_free_loader(d.loader);
    tg_tape_free(d.tape);
    tg_archive_close(archive);
}

/* Random numbers that the program draws in between come in the same order, too. */
START_TEST(batches_that_are_read_ahead_are_the_same) {
    const char *path = scratch("wide.safetensors");
    tg_archive *archives[2];
    save_wide(path);
    wide_data a = prepare_wide(path, &archives[0], false), b = prepare_wide(path, &archives[1], true);
    for (int epoch = 0; epoch < 3; epoch++) {
        int64_t count, all = 0;
        while ((count = tg_next_batch(a.tape, a.loader))) {
            ck_assert_int_eq(tg_next_batch(b.tape, b.loader), count);
            check_same_batch(a, b);
            ck_assert(tg_item(tg_rand(a.tape, TG_F64, TG_SHAPE())) == tg_item(tg_rand(b.tape, TG_F64, TG_SHAPE())));
            all += count;
        }
        ck_assert_int_eq(all, MANY);
        ck_assert_int_eq(tg_next_batch(b.tape, b.loader), 0);
    }
    end_wide(a, archives[0]);
    end_wide(b, archives[1]);
}
END_TEST

/* It is freed while it reads ahead; and in the middle of an epoch an error of the tape does it no harm. */
START_TEST(a_loader_that_reads_ahead_may_end_at_any_time) {
    const char *path = scratch("wide.safetensors");
    save_wide(path);
    for (int batches = 0; batches < 4; batches++) {
        tg_archive *archive;
        wide_data   d = prepare_wide(path, &archive, true);
        for (int i = 0; i < batches; i++)
            ck_assert_int_eq(tg_next_batch(d.tape, d.loader), FEW);
        tg_matmul(d.x, d.x);
        ck_assert_int_eq(tg_next_batch(d.tape, d.loader), 0);
        tg_clear_error(d.tape);
        if (batches > 1) ck_assert_int_eq(tg_next_batch(d.tape, d.loader), FEW);
        end_wide(d, archive);
    }
}
END_TEST

#ifndef _WIN32
START_TEST(after_a_fork_the_child_reads_by_itself) {
    const char *path = scratch("wide.safetensors");
    tg_archive *archives[2];
    save_wide(path);
    wide_data a = prepare_wide(path, &archives[0], false), b = prepare_wide(path, &archives[1], true);
    tg_next_batch(a.tape, a.loader);
    tg_next_batch(b.tape, b.loader);
    pid_t child = fork();
    if (child == 0) {
        while (tg_next_batch(a.tape, a.loader) && tg_next_batch(b.tape, b.loader))
            if (memcmp(tg_data(a.x), tg_data(b.x), sizeof(float) * FEW * WIDE)) _exit(1);
        tg_free_loader(b.loader);
        _exit(0);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    end_wide(a, archives[0]);
    end_wide(b, archives[1]);
}
END_TEST
#endif

Suite *suite_loader(void) {
    Suite *suite = suite_create("io/loader");
    TCase *tcase = tcase_create("loader");
    tcase_add_test(tcase, rows_come_in_step_and_in_order);
    tcase_add_test(tcase, a_part_of_a_batch_is_dropped);
    tcase_add_test(tcase, weights_tell_rows_from_the_rest);
    tcase_add_test(tcase, shuffled_as_by_pytorch);
    tcase_add_test(tcase, subsets_of_the_rows);
    tcase_add_test(tcase, a_part_runs_on_each_batch);
    tcase_add_test(tcase, what_does_not_fit_is_an_error);
    tcase_add_test(tcase, batches_that_cannot_be_had);
    tcase_add_test(tcase, batches_that_are_read_ahead_are_the_same);
    tcase_add_test(tcase, a_loader_that_reads_ahead_may_end_at_any_time);
#ifndef _WIN32
    tcase_add_test(tcase, after_a_fork_the_child_reads_by_itself);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}

/* tests/io/test_io_allocation.c: everything that loads or saves, without memory: each allocation fails in turn. Each time there is an
 * error that says so, after which the same call on the same tape succeeds; and in the end nothing has leaked.
 *
 * zlib allocates by the library's functions, and Jansson by those that it is told to, wherever it is linked.
 *
 * SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/data.h>
#include <tapegrad/report.h>

#include "allocator.h"
#include "training.h"

/* ---- what is done ------------------------------------------------------------------------------------------------ */

static void load_rank3(tg_tape *tape) {
    tg_load_npy(tape, fixture("rank3.npy"));
}

static void load_fortran(tg_tape *tape) {
    tg_load_npy(tape, fixture("fortran_big.npy"));
}

static void load_packed(tg_tape *tape) {
    tg_load_npy(tape, fixture("packed.npy.gz"));
}

static void load_images(tg_tape *tape) {
    tg_load_idx(tape, fixture("images.idx"));
}

static void load_bytes(tg_tape *tape) {
    tg_load_bytes(tape, fixture("images.idx"));
}

static void load_iris(tg_tape *tape) {
    tg_load_csv(tape, SOURCE_DIR "/data/iris.csv", TG_F64, &(tg_csv_options){.header = true, .columns = 4});
}

/* The archive's own failure goes to the tape. */
static void load_archive(tg_tape *tape, const char *path, const char *name) {
    tg_archive *archive = tg_archive_open(path);
    tg_archive_load(tape, archive, name);
    tg_archive_close(archive);
}

static void load_safetensors(tg_tape *tape) {
    load_archive(tape, fixture("all.safetensors"), "bf16");
}

/* Names whose last quote is a byte that a buffer of 16, or 32, grows for. */
#define NAME_OF_14 "abcdefghijklmn"
#define NAME_OF_30 "abcdefghijklmnopqrstuvwxyzabcd"

static void save_names(tg_tape *tape, const char *path) {
    tg_tensor w = tg_find(tape, "w");
    tg_save_safetensors(tape, path, TG_NAMED({NAME_OF_14, w}, {NAME_OF_30, w}), TG_METADATA({NAME_OF_14, NAME_OF_30}));
}

static void load_names(tg_tape *tape) {
    load_archive(tape, scratch("memory of names"), NAME_OF_30);
}

static void load_stored(tg_tape *tape) {
    load_archive(tape, fixture("stored.npz"), "big_i2");
}

static void load_deflated(tg_tape *tape) {
    load_archive(tape, fixture("deflated.npz"), "little_f8");
}

static void save_npy(tg_tape *tape) {
    tg_save_npy(tg_find(tape, "w"), scratch("memory.npy"));
}

static void save_npz(tg_tape *tape) {
    tg_save_npz(tape, scratch("memory.npz"), TG_NAMED({"w", tg_find(tape, "w")}), true);
}

static void save_safetensors(tg_tape *tape) {
    tg_save_safetensors(tape, scratch("memory"), TG_NAMED({"w", tg_find(tape, "w")}), TG_METADATA({"a", "b"}));
}

static void save_checkpoint(tg_tape *tape) {
    tg_save_checkpoint(tape, scratch("memory.saved"), &(tg_checkpoint_options){.metadata = TG_METADATA({"a", "b"})});
}

static void load_checkpoint(tg_tape *tape) {
    tg_load_checkpoint(tape, scratch("memory.checkpoint"), NULL);
}

static void load_batches(tg_tape *tape) {
    static const double data[] = {1, 2, 3};
    tg_mark             mark = tg_tape_mark(tape);
    tg_tensor           rows = tg_borrow(tape, TG_F64, TG_SHAPE(3), data), batch = tg_input(tape, NULL, TG_F64, TG_SHAPE(2));
    tg_loader_options   options = {.rows = tg_randperm(tape, 3), .shuffle = true, .prefetch = true};
    tg_loader          *loader = tg_new_loader(tape, TG_FEEDS({rows, batch}), &options);
    while (tg_next_batch(tape, loader)) {}
    tg_free_loader(loader);
    if (!tg_error_status(tape)) tg_discard(tape, mark);
}

static void write_metrics(tg_tape *tape) {
    for (int step = 1; step <= 2; step++) {
        tg_metrics_options options = {.resume = true, .step = step - 1};
        tg_metrics        *metrics = tg_metrics_open(tape, scratch("memory.csv"), "step,loss", &options);
        tg_metrics_write(tape, metrics, TG_ROW(step, 0.5));
        tg_metrics_close(metrics);
    }
}

#ifndef _WIN32 /* where no script can stand in for gnuplot */
#include "pictures.h"

static void plot_curves(tg_tape *tape) {
    static const double losses[] = {2, 1};
    tg_plot_curves(tape, scratch("memory.svg"), TG_CURVES({"loss", 2, losses, NULL}), NULL);
}

static void plot_metrics(tg_tape *tape) {
    tg_plot_metrics(tape, scratch("memory.svg"), scratch("memory of losses.csv"), "loss", NULL);
}

static void plot_confusion(tg_tape *tape) {
    tg_mark mark = tg_tape_mark(tape);
    tg_plot_confusion(tg_slice(tg_find(tape, "w"), 1, 0, 5, 1), scratch("memory.svg"), NULL);
    if (!tg_error_status(tape)) tg_discard(tape, mark);
}

static void plot_images(tg_tape *tape) {
    tg_mark mark = tg_tape_mark(tape);
    tg_plot_images(tg_unsqueeze(tg_find(tape, "w"), 0), scratch("memory.svg"), NULL);
    if (!tg_error_status(tape)) tg_discard(tape, mark);
}

static void check_plot(tg_tape *tape) {
    tg_plot_check(tape, scratch("memory.svg"));
}

#endif

static void (*const works[])(tg_tape *) = {
    load_rank3,       load_fortran,    load_packed,     load_images,   load_bytes,    load_iris,
    load_safetensors, load_names,      load_stored,     load_deflated, save_npy,      save_npz,
    save_safetensors, save_checkpoint, load_checkpoint, load_batches,  write_metrics,
#ifndef _WIN32
    plot_curves,      plot_metrics,    plot_confusion,  plot_images,   check_plot,
#endif
};
enum { WORKS = sizeof works / sizeof *works };

/* ---- what must hold ---------------------------------------------------------------------------------------------- */

/* With leaves, and states where there was a step. */
static tg_tape *prepare(void) {
    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    tg_optimizer_state_like(tg_find(tape, "w"), "adam.m");
    return tape;
}

/* The checkpoint that is loaded, with a state that the tape does not have, and an archive. */
static void make_checkpoint(void) {
    tg_tape *tape = prepare();
    tg_optimizer_state_like(tg_find(tape, "w"), "adam.v");
    ck_assert_int_eq(tg_save_checkpoint(tape, scratch("memory.checkpoint"), NULL), TG_OK);
    save_names(tape, scratch("memory of names"));
    ck_assert_str_eq(tg_error(tape), "");
    tg_tape_free(tape);
}

static bool is_right(const tg_tape *tape) {
    return tg_error_status(tape) == TG_ERR_MEMORY && strstr(tg_error(tape), "out of memory") &&
           strstr(tg_error(tape), "test_io_allocation.c:");
}

START_TEST(whatever_fails_is_an_error_after_which_all_works) {
    long failures = 0;
    json_set_alloc_funcs(malloc, free);
    make_checkpoint();
    write_text(scratch("memory of losses.csv"), "step,loss\n1,2\n2,1\n");
#ifndef _WIN32
    fake_gnuplot(DRAWS);
#endif
    watch();
    for (bool failed = true; failed; failures += failed) {
        tg_tape *tape = prepare();
        until_failure = failures + 1;
        works[_i](tape);
        failed = until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_msg(!failed || is_right(tape), "failure %ld: %s", failures, tg_error(tape)));
        tg_clear_error(tape);
        works[_i](tape);
        unwatched(ck_assert_msg(tg_error_status(tape) == TG_OK, "after failure %ld: %s", failures, tg_error(tape)));
        tg_tape_free(tape);
        unwatched(ck_assert_msg(live == 0, "failure %ld: %ld blocks are left", failures, live));
    }
    unwatched(ck_assert_int_gt(failures, 0));
#ifndef _WIN32
    real_gnuplot();
#endif
}
END_TEST

Suite *suite_io_allocation(void) {
    Suite *suite = suite_create("io/allocation");
    TCase *tcase = tcase_create("allocation");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, whatever_fails_is_an_error_after_which_all_works, 0, WORKS);
    suite_add_tcase(suite, tcase);
    return suite;
}

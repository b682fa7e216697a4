/* examples/digits.c: what the programs that learn from digits share.
 *
 * Both kinds of files end up the same way: all images in one tensor, and two lists of rows. Of the table, a fifth of the rows, drawn
 * by the seed, is held out for the test. MNIST says itself which of its images are for the test.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>
#include <unistd.h>

#include "complain.h"
#include "digits.h"

/* ---- the command line -------------------------------------------------------------------------------------------- */

static void print_help(digits_task task, const char *model, const digits_options *o) {
    printf("Usage: %s [OPTION]...\n"
           "Trains %s %s.\n"
           "\n"
           "  --epochs N        how often to go over the data (%d)\n"
           "  --seed N          seed of the weights, the batches and the fifth of the table that is held out (%ju)\n"
           "  --data PATH       a table in CSV: the pixels of a square image, from 0 to 16, and the digit, in each line; or a\n"
           "                    directory with the four files of MNIST, train-images-idx3-ubyte and so on, also as .gz\n"
           "                    (%s)\n"
           "  --metrics FILE    write the losses of each epoch, as a table in CSV\n"
           "  --plot FILE       draw them: the end of the name says how, .svg, .png or .pdf\n"
           "%s"
           "  -h, --help        print this\n"
           "\n"
           "gnuplot draws the pictures. Exit code: 0; 2 for a wrong option or file, or any other error.\n",
           program_name, model,
           task == READ_DIGITS
               ? "to read handwritten digits, and prints how many of those that it has\nnot seen it reads right"
               : "to paint handwritten digits, and prints how well it knows those that it\nhas not seen: a bound of "
                 "-log p(image), the lower the better",
           o->epochs, (uintmax_t)o->seed, o->data,
           task == READ_DIGITS ? "  --confusion FILE  draw which digits are taken for which\n"
                               : "  --picture FILE    draw images, what becomes of them, and images of its own\n");
}

/* A number written in digits only. */
static bool read_count(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value) {
    errno = 0;
    bool plain = *text && strspn(text, "0123456789") == strlen(text);
    if (plain) *value = strtoull(text, NULL, 10);
    if (plain && errno == 0 && *value >= low && *value <= high) return true;
    return complain("--%s: expected an integer from %ju to %ju, found '%.40s'", name, (uintmax_t)low, (uintmax_t)high, text);
}

enum { EPOCHS = 1, SEED, DATA, METRICS, PLOT, PICTURE, HELP };

static bool read_option(digits_options *o, int option, const char *name) {
    uint64_t epochs = 0;
    if (option == SEED) return read_count(name, optarg, 0, UINT64_MAX, &o->seed);
    if (option == EPOCHS) {
        if (!read_count(name, optarg, 1, INT_MAX, &epochs)) return false;
        o->epochs = (int)epochs;
        return true;
    }
    const char **file = option == DATA ? &o->data : option == METRICS ? &o->metrics : option == PLOT ? &o->plot : &o->picture;
    *file = optarg;
    return *optarg || complain("--%s: expected a file%s, found ''", name, option == DATA ? " or directory" : "");
}

bool digits_options_read(digits_options *o, digits_task task, const char *model, int argc, char **argv, int *exit_code) {
    const struct option known[] = {
        {"epochs", required_argument, NULL, EPOCHS},
        {"seed", required_argument, NULL, SEED},
        {"data", required_argument, NULL, DATA},
        {"metrics", required_argument, NULL, METRICS},
        {"plot", required_argument, NULL, PLOT},
        {task == READ_DIGITS ? "confusion" : "picture", required_argument, NULL, PICTURE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option, i = 0;
    *exit_code = 2;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", known, &i)) != -1) {
        const char *given = argv[optind - 1];
        if (option == HELP || option == 'h') {
            print_help(task, model, o);
            *exit_code = 0;
            return false;
        }
        if (option == ':') return complain("%s: needs a value", given);
        if (option == '?' && optopt == HELP) return complain("%s: takes no value", given);
        if (option == '?') return complain("%s: no such option; --help lists them", given);
        if (!read_option(o, option, known[i].name)) return false;
    }
    return optind == argc || complain("%s: unexpected; every option starts with --, and --help lists them", argv[optind]);
}

/* ---- the data ---------------------------------------------------------------------------------------------------- */

/* All images, (n, size, size), and labels, (n); and which of them are for what. */
typedef struct table {
    tg_tensor images, labels, train, test;
} table;

static void check_values(tg_tape *tape, const char *path, const char *what, tg_tensor x, double highest) {
    double low = tg_item(tg_min(x)), high = tg_item(tg_max(x));
    if (low < 0 || high > highest)
        tg_fail(tape, TG_ERR_VALUE, NULL, "%s: %s from %g to %g, expected 0 to %g", path, what, low, high, highest);
}

static table load_csv(tg_tape *tape, const char *path) {
    table     t = {.images = tg_invalid(tape)};
    tg_tensor all = tg_load_csv(tape, path, TG_I64, NULL);
    if (tg_error_status(tape)) return t;
    int64_t n = tg_shape_of(all).dims[0], pixels = tg_shape_of(all).dims[1] - 1, size = lround(sqrt((double)pixels));
    if (size < 8 || size * size != pixels || n < 10) {
        tg_fail(tape, TG_ERR_SHAPE, NULL,
                "%s: %lld lines of %lld numbers; expected 10 lines or more, each with the pixels of a square "
                "image, 8 x 8 or larger, and the digit",
                path, (long long)n, (long long)pixels + 1);
        return t;
    }
    t.images = tg_reshape(tg_load_csv(tape, path, TG_I64, &(tg_csv_options){.columns = (int)pixels}), TG_SHAPE(n, size, size));
    t.labels = tg_select(all, 1, -1);
    tg_tensor order = tg_randperm(tape, n);
    t.test = tg_slice(order, 0, 0, n / 5, 1);
    t.train = tg_slice(order, 0, n / 5, n, 1);
    return t;
}

/* A file of MNIST, compressed or not. */
static tg_tensor load_idx(tg_tape *tape, const char *directory, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (access(path, F_OK) != 0) snprintf(path, sizeof path, "%s/%s.gz", directory, name);
    return tg_load_idx(tape, path);
}

static table load_mnist(tg_tape *tape, const char *directory) {
    table     t;
    tg_tensor images = load_idx(tape, directory, "train-images-idx3-ubyte");
    tg_tensor more_images = load_idx(tape, directory, "t10k-images-idx3-ubyte");
    tg_tensor labels = load_idx(tape, directory, "train-labels-idx1-ubyte");
    t.images = tg_concat(TG_LIST(images, more_images), 0);
    t.labels = tg_concat(TG_LIST(labels, load_idx(tape, directory, "t10k-labels-idx1-ubyte")), 0);
    if (tg_error_status(tape)) return t;
    int64_t n = tg_shape_of(images).dims[0];
    t.train = tg_arange(tape, TG_I64, 0, (double)n, 1);
    t.test = tg_arange(tape, TG_I64, (double)n, (double)tg_shape_of(t.images).dims[0], 1);
    return t;
}

/* The loaders, and the leaves that they fill. */
static void make_batches(tg_tape *tape, digits *d, const table *t, int64_t batch) {
    d->size = tg_shape_of(t->images).dims[1];
    d->images = tg_input(tape, NULL, TG_I64, TG_SHAPE(batch, d->size, d->size));
    d->labels = tg_input(tape, NULL, TG_I64, TG_SHAPE(batch));
    d->weight = tg_input(tape, NULL, TG_F32, TG_SHAPE(batch));
    tg_feed_list feeds = TG_FEEDS({t->images, d->images}, {t->labels, d->labels});
    d->train = tg_new_loader(tape, feeds, &(tg_loader_options){.rows = t->train, .shuffle = true, .drop_last = true});
    d->test = tg_new_loader(tape, feeds, &(tg_loader_options){.rows = t->test, .weight = d->weight});
}

/* Whatever is to be drawn in the end can be drawn: that is known before the training. */
static void check_pictures(tg_tape *tape, const digits_options *o) {
    if (o->plot) tg_plot_check(tape, o->plot);
    if (o->picture) tg_plot_check(tape, o->picture);
}

digits digits_open(tg_tape *tape, const digits_options *o, int64_t batch) {
    struct stat there;
    bool        mnist = stat(o->data, &there) == 0 && S_ISDIR(there.st_mode);
    digits      d = {.options = o, .white = mnist ? 255 : 16};
    check_pictures(tape, o);
    table t = mnist ? load_mnist(tape, o->data) : load_csv(tape, o->data);
    if (tg_error_status(tape)) return d;
    if (tg_shape_of(t.images).rank != 3 || tg_shape_of(t.images).dims[1] != tg_shape_of(t.images).dims[2])
        tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: the images are not square", o->data);
    check_values(tape, o->data, "pixels", t.images, d.white);
    check_values(tape, o->data, "digits", t.labels, 9);
    if (tg_error_status(tape)) return d;
    make_batches(tape, &d, &t, batch);
    d.log.progress = (tg_progress){.epochs = o->epochs, .steps = tg_loader_batches(d.train), .samples = batch};
    return d;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

double digits_steps(const digits *d) {
    double steps = (double)d->options->epochs * (double)tg_loader_batches(d->train);
    return steps > 2 ? steps : 2;
}

static double count_read(const digits *d, bool right_only) {
    double count = 0;
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++)
            if (i == j || !right_only) count += d->read_as[i][j];
    return count;
}

static double accuracy(const digits *d) {
    return count_read(d, true) / count_read(d, false);
}

static bool reads(const digits *d) {
    return !tg_is_none(tg_or_none(d->counts));
}

/* The means of the epoch become the last points of the curves, and a row of the table. */
static void end_epoch(tg_tape *tape, digits *d) {
    struct digits_log *log = &d->log;
    size_t             size = (size_t)log->epoch * sizeof(double);
    double            *train = realloc(log->train, size), *test = realloc(log->test, size);
    if (train) log->train = train;
    if (test) log->test = test;
    if (!train || !test) {
        tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
        return;
    }
    d->train_mean /= (double)log->steps;
    d->test_mean /= (double)tg_loader_rows(d->test);
    train[log->epoch - 1] = d->train_mean;
    test[log->epoch - 1] = d->test_mean;
    if (reads(d))
        tg_metrics_write(tape, log->metrics, TG_ROW(log->epoch, d->train_mean, d->test_mean, accuracy(d)));
    else
        tg_metrics_write(tape, log->metrics, TG_ROW(log->epoch, d->train_mean, d->test_mean));
}

bool digits_next_epoch(tg_tape *tape, digits *d) {
    struct digits_log *log = &d->log;
    if (log->epoch > 0)
        end_epoch(tape, d);
    else
        log->metrics =
            tg_metrics_open(tape, d->options->metrics,
                            reads(d) ? "epoch,train_loss,test_loss,test_accuracy" : "epoch,train_loss,test_loss", NULL);
    if (tg_error_status(tape) || log->epoch == d->options->epochs) {
        tg_progress_end(&log->progress);
        return false;
    }
    log->epoch++;
    log->steps = 0;
    d->train_mean = d->test_mean = 0;
    memset(d->read_as, 0, sizeof d->read_as);
    return true;
}

void digits_count_step(digits *d, tg_tensor loss, tg_tensor rate) {
    double value = tg_item(loss);
    d->train_mean += value;
    d->log.steps++;
    tg_progress_step(&d->log.progress, value, tg_item(rate));
}

void digits_count_test(digits *d) {
    d->test_mean += tg_item(d->test_loss);
    const float *counts = reads(d) ? tg_data(d->counts) : NULL;
    for (int i = 0; i < 100 && counts; i++)
        d->read_as[i / 10][i % 10] += counts[i];
}

void digits_record_test(digits *d, tg_tensor scores) {
    tg_tensor losses = tg_cross_entropy(scores, d->labels, &(tg_class_options){.reduction = TG_REDUCE_NONE});
    tg_tensor pairs = tg_add(tg_mul(d->labels, 10), tg_argmax(scores, 1, false));
    d->test_loss = tg_sum(tg_mul(losses, d->weight));
    d->counts = tg_reshape(tg_bincount(pairs, d->weight, 100), TG_SHAPE(10, 10));
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void digits_show_accuracy(tg_tape *tape, const digits *d) {
    if (tg_error_status(tape)) return;
    printf("Test accuracy: %.1f%%\n", 100 * accuracy(d));
    fflush(stdout);
    if (d->options->picture)
        tg_plot_confusion(tg_constant(tape, TG_F64, TG_SHAPE(10, 10), d->read_as), d->options->picture, NULL);
}

static void plot_losses(tg_tape *tape, const digits *d) {
    const tg_curves_options labels = {.title = "Losses of the training and of the test", .x_label = "epoch"};
    tg_plot_curves(tape, d->options->plot,
                   TG_CURVES({"training", d->log.epoch, d->log.train, NULL}, {"test", d->log.epoch, d->log.test, NULL}),
                   &labels);
}

int digits_end(tg_tape *tape, digits *d) {
    if (d->options->plot) plot_losses(tape, d);
    bool ok = complain_of(tape);
    tg_free_loader(d->train);
    tg_free_loader(d->test);
    tg_metrics_close(d->log.metrics);
    free(d->log.train);
    free(d->log.test);
    tg_tape_free(tape);
    if (fflush(stdout) != 0 || ferror(stdout)) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}

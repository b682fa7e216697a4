/* examples/digits.c: what the programs that read digits share.
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

static void print_help(const char *model, const digits_options *o) {
    printf("Usage: %s [OPTION]...\n"
           "Trains %s to read handwritten digits, and prints how many of those that it has\n"
           "not seen it reads right.\n"
           "\n"
           "  --epochs N    how often to go over the data (%d)\n"
           "  --seed N      seed of the weights, the batches and the fifth of the table that is held out (%ju)\n"
           "  --data PATH   a table in CSV: the pixels of a square image, from 0 to 16, and the digit, in each line; or a\n"
           "                directory with the four files of MNIST, train-images-idx3-ubyte and so on, also as .gz\n"
           "                (%s)\n"
           "  -h, --help    print this\n"
           "\n"
           "Exit code: 0; 2 for a wrong option or file, or any other error.\n",
           program_name, model, o->epochs, (uintmax_t)o->seed, o->data);
}

/* A number written in digits only. */
static bool read_count(const char *name, const char *text, uint64_t high, uint64_t *value) {
    errno = 0;
    bool plain = *text && strspn(text, "0123456789") == strlen(text);
    if (plain) *value = strtoull(text, NULL, 10);
    if (plain && errno == 0 && *value <= high) return true;
    return complain("--%s: expected an integer from 0 to %ju, found '%.40s'", name, (uintmax_t)high, text);
}

enum { EPOCHS = 1, SEED, DATA, HELP };

static const struct option known[] = {
    {"epochs", required_argument, NULL, EPOCHS},
    {"seed", required_argument, NULL, SEED},
    {"data", required_argument, NULL, DATA},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool read_option(digits_options *o, int option) {
    uint64_t epochs = 0;
    if (option == SEED) return read_count("seed", optarg, UINT64_MAX, &o->seed);
    if (option == EPOCHS) {
        if (!read_count("epochs", optarg, INT_MAX, &epochs)) return false;
        o->epochs = (int)epochs;
        return true;
    }
    o->data = optarg;
    return *optarg || complain("--data: expected a file or directory, found ''");
}

bool digits_options_read(digits_options *o, const char *model, int argc, char **argv, int *exit_code) {
    int option;
    *exit_code = 2;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        const char *given = argv[optind - 1];
        if (option == HELP || option == 'h') {
            print_help(model, o);
            *exit_code = 0;
            return false;
        }
        if (option == ':') return complain("%s: needs a value", given);
        if (option == '?' && optopt == HELP) return complain("%s: takes no value", given);
        if (option == '?') return complain("%s: no such option; --help lists them", given);
        if (!read_option(o, option)) return false;
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
        tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: %lld lines of %lld numbers; expected 10 lines or more, each with the pixels of a square "
                "image, 8 x 8 or larger, and the digit", path, (long long)n, (long long)pixels + 1);
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

digits digits_open(tg_tape *tape, const char *path, int64_t batch) {
    struct stat there;
    bool        mnist = stat(path, &there) == 0 && S_ISDIR(there.st_mode);
    table       t = mnist ? load_mnist(tape, path) : load_csv(tape, path);
    digits      d = {.white = mnist ? 255 : 16};
    if (tg_error_status(tape)) return d;
    if (tg_shape_of(t.images).rank != 3 || tg_shape_of(t.images).dims[1] != tg_shape_of(t.images).dims[2])
        tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: the images are not square", path);
    check_values(tape, path, "pixels", t.images, d.white);
    check_values(tape, path, "digits", t.labels, 9);

    d.size = tg_shape_of(t.images).dims[1];
    d.images = tg_input(tape, NULL, TG_I64, TG_SHAPE(batch, d.size, d.size));
    d.labels = tg_input(tape, NULL, TG_I64, TG_SHAPE(batch));
    d.weight = tg_input(tape, NULL, TG_F32, TG_SHAPE(batch));
    tg_feed_list feeds = TG_FEEDS({t.images, d.images}, {t.labels, d.labels});
    d.train = tg_new_loader(tape, feeds, &(tg_loader_options){.rows = t.train, .shuffle = true, .drop_last = true});
    d.test = tg_new_loader(tape, feeds, &(tg_loader_options){.rows = t.test, .weight = d.weight});
    return d;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

void digits_progress(int epoch, int epochs, double loss) {
    if (!isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\repoch %d of %d: loss %.4f%s", epoch + 1, epochs, loss, epoch + 1 < epochs ? "   " : "\n");
    fflush(stderr);
}

int digits_end(tg_tape *tape, digits *d) {
    bool ok = tg_error_status(tape) == TG_OK || complain("%s", tape ? tg_error(tape) : "out of memory");
    tg_free_loader(d->train);
    tg_free_loader(d->test);
    tg_tape_free(tape);
    if (fflush(stdout) != 0 || ferror(stdout)) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}

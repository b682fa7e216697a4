/* examples/iris_options.c: the command line of iris_fnn.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "iris_options.h"

static const char help[] =
    "Usage: iris_fnn [OPTION]...\n"
    "Trains a network of two layers to tell two species of iris by the shape of their sepals, and prints the\n"
    "mean binary cross entropy in every 20th epoch.\n"
    "\n"
    "  --epochs N        epochs to train (101)\n"
    "  --lr X            learning rate (0.001)\n"
    "  --seed N          seed of the initial weights (2)\n"
    "  --hidden N        units in the hidden layer (32)\n"
    "  --dtype TYPE      f32 or f64 (f32)\n"
    "  --loss LOSS       what is trained on: half-squared or bce (half-squared)\n"
    "  --record WHEN     once: record the step, then run it in every epoch; each: record it anew in each epoch (once)\n"
    "  --check           compare each gradient with one written by hand; exit code 1 when they differ too much\n"
    "  --csv FILE        write the losses: epoch,loss\n"
    "  --plot FILE       draw the losses with gnuplot; FILE ends in .png, .svg or .pdf\n"
    "  --graph FILE      draw the recorded step with Graphviz; FILE ends in .svg or .png, or in .dot for the source\n"
    "  --data FILE       the iris table (" IRIS_CSV ")\n"
    "  -h, --help        print this\n"
    "\n"
    "Why half-squared: the tutorial whose figures this program reproduces prints the cross entropy, but its\n"
    "backward pass, written by hand, multiplies y_hat - y by y_hat (1 - y_hat). That is the gradient of the half\n"
    "squared error, sum((y_hat - y)^2) / 2, and not of the loss it prints. --loss bce trains on what is printed.\n"
    "\n"
    "Exit code: 0; 1 when --check fails; 2 for a wrong option or file, or any other error.\n";

/* A number written in digits only, from low to high. */
static bool read_count(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value) {
    errno = 0;
    bool digits = *text && strspn(text, "0123456789") == strlen(text);
    if (digits) *value = strtoull(text, NULL, 10);
    if (digits && errno == 0 && *value >= low && *value <= high) return true;
    return complain("--%s: expected an integer from %ju to %ju, found '%.40s'", name, (uintmax_t)low, (uintmax_t)high, text);
}

static bool read_rate(const char *name, const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && isfinite(*value) && *value > 0) return true;
    return complain("--%s: expected a finite number above 0, found '%.40s'", name, text);
}

/* One of two words; true in *second for the second. */
static bool read_choice(const char *name, const char *text, const char *word0, const char *word1, bool *second) {
    *second = strcmp(text, word1) == 0;
    if (*second || strcmp(text, word0) == 0) return true;
    return complain("--%s: expected %s or %s, found '%.40s'", name, word0, word1, text);
}

static bool read_file_name(const char *name, const char *text, const char **value) {
    *value = text;
    return *text || complain("--%s: expected a file name, found ''", name);
}

enum { EPOCHS = 1, LR, SEED, HIDDEN, DTYPE, LOSS, RECORD, CHECK, CSV, PLOT, GRAPH, DATA, HELP };

static const struct option known[] = {
    {"epochs", required_argument, NULL, EPOCHS}, {"lr", required_argument, NULL, LR},
    {"seed", required_argument, NULL, SEED},     {"hidden", required_argument, NULL, HIDDEN},
    {"dtype", required_argument, NULL, DTYPE},   {"loss", required_argument, NULL, LOSS},
    {"record", required_argument, NULL, RECORD}, {"check", no_argument, NULL, CHECK},
    {"csv", required_argument, NULL, CSV},       {"plot", required_argument, NULL, PLOT},
    {"graph", required_argument, NULL, GRAPH},   {"data", required_argument, NULL, DATA},
    {"help", no_argument, NULL, HELP},           {NULL, 0, NULL, 0},
};

static bool read_option(iris_options *o, int option, const char *name, const char *text) {
    uint64_t count = 0;
    bool     second = false;
    switch (option) {
    case EPOCHS:
        if (!read_count(name, text, 1, INT_MAX, &count)) return false;
        o->epochs = (int)count;
        return true;
    case HIDDEN:
        if (!read_count(name, text, 1, 1000000, &count)) return false;
        o->hidden = (int64_t)count;
        return true;
    case DTYPE:
        if (!read_choice(name, text, "f32", "f64", &second)) return false;
        o->dtype = second ? TG_F64 : TG_F32;
        return true;
    case SEED: return read_count(name, text, 0, UINT64_MAX, &o->seed);
    case LR: return read_rate(name, text, &o->lr);
    case LOSS: return read_choice(name, text, "half-squared", "bce", &o->train_on_bce);
    case RECORD: return read_choice(name, text, "once", "each", &o->record_each);
    case CHECK: return o->check = true;
    case CSV: return read_file_name(name, text, &o->csv);
    case PLOT: return read_file_name(name, text, &o->plot);
    case GRAPH: return read_file_name(name, text, &o->graph);
    default: return read_file_name(name, text, &o->data);
    }
}

iris_request iris_options_read(iris_options *options, int argc, char **argv, int *exit_code) {
    *options = (iris_options){.epochs = 101, .lr = 0.001, .seed = 2, .hidden = 32, .dtype = TG_F32, .data = IRIS_CSV};
    *exit_code = 2;
    opterr = 0;
    optind = 0; /* from the start, also when the tests call main a second time */

    int option, which = 0;
    while ((option = getopt_long(argc, argv, ":h", known, &which)) != -1) {
        const char *given = argv[optind - 1];
        if (option == HELP || option == 'h') {
            *exit_code = 0;
            fputs(help, stdout);
            return IRIS_END;
        }
        if (option == ':')
            complain("%s: needs a value", given);
        else if (option == '?' && optopt > 0 && optopt <= HELP)
            complain("%s: takes no value", given);
        else if (option == '?')
            complain("%s: no such option; --help lists them", given);
        else if (read_option(options, option, known[which].name, optarg))
            continue;
        return IRIS_END;
    }
    if (optind < argc) {
        complain("%s: unexpected; every option starts with --, and --help lists them", argv[optind]);
        return IRIS_END;
    }
    return IRIS_GO_ON;
}

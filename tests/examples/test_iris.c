/* tests/examples/test_iris.c: the iris network, from outside as its user runs it, and from inside against the recorded
 * figures; and the example with one parameter.
 *
 * Every run of a program goes through the shell, with $IRIS the program, $LINEAR the other one, $DATA the table, and $T
 * a directory of the test's own.
 *
 * SPDX-License-Identifier: MIT */
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tapegrad.h>
#include <unistd.h>

#include "../../examples/iris_check.h"
#include "../../examples/iris_data.h"

enum { EPOCHS = 101, HIDDEN = 32 };

/* ---- running programs -------------------------------------------------------------------------------------------- */

/* Main makes one directory, and each test gets its own, empty, in there: a test that fails does not tidy up. */
static char base[] = "/tmp/tapegrad-iris-XXXXXX";
static char home[sizeof base + 8];

/* What the last command printed. */
static char out[65536], err[65536];

static bool make_base(void) {
    if (!mkdtemp(base)) return false;
    snprintf(home, sizeof home, "%s/files", base);
    return setenv("T", home, 1) == 0 && setenv("IRIS", BUILD_DIR "/examples/iris_fnn", 1) == 0 &&
           setenv("LINEAR", BUILD_DIR "/examples/linear", 1) == 0 &&
           setenv("DATA", SOURCE_DIR "/data/iris.csv", 1) == 0;
}

static bool remove_base(void) {
    return system("rm -rf \"${T%/files}\"") == 0;
}

static void make_home(void) {
    ck_assert_int_eq(system("rm -rf \"$T\" && mkdir \"$T\""), 0);
}

static void read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

/* A file in the test's directory. The text is valid until the next call. */
static const char *content(const char *name) {
    static char text[65536];
    char        path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    read_text(path, text, sizeof text);
    return text;
}

/* Files and directories in the test's directory. */
static int entries(void) {
    int  count = 0;
    DIR *directory = opendir(home);
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

/* Runs a shell command; its exit code, and what it printed in `out` and `err`. */
static int run(const char *command) {
    char text[4096];
    int  length = snprintf(text, sizeof text, "{ %s\n} >\"$T.out\" 2>\"$T.err\"", command);
    ck_assert_int_lt(length, (int)sizeof text);
    int status = system(text);

    char path[256];
    snprintf(path, sizeof path, "%s.out", home);
    read_text(path, out, sizeof out);
    unlink(path);
    snprintf(path, sizeof path, "%s.err", home);
    read_text(path, err, sizeof err);
    unlink(path);
    ck_assert_msg(WIFEXITED(status), "%s: ended by signal %d", command, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void succeeds(const char *command) {
    int code = run(command);
    ck_assert_msg(code == 0, "%s: exit code %d, %s", command, code, err);
    ck_assert_msg(!*err, "%s: printed on stderr: %s", command, err);
}

/* The command fails with exit code 2 and one line on stderr, which has `expected` in it, and leaves no file behind. */
static void refuses(const char *command, const char *expected) {
    int before = entries();
    int code = run(command);
    ck_assert_msg(code == 2, "%s: exit code %d, expected 2; %s", command, code, err);
    ck_assert_msg(strncmp(err, "iris_fnn: ", 10) == 0, "%s: stderr: %s", command, err);
    ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1, "%s: expected one line: %s", command, err);
    ck_assert_msg(strstr(err, expected) != NULL, "%s: expected '%s', found: %s", command, expected, err);
    ck_assert_msg(!*out, "%s: printed on stdout: %s", command, out);
    ck_assert_msg(entries() == before, "%s: left a file behind", command);
}

/* ---- the recorded figures ---------------------------------------------------------------------------------------- */

/* A row of losses.csv; NAN where there is no figure. */
typedef struct record {
    double printed, f64, f32, f64_bce;
} record;

static void read_records(record records[EPOCHS]) {
    FILE *file = fopen(SOURCE_DIR "/tests/fixtures/iris/losses.csv", "r");
    char  line[256];
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        double value[5];
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        char *field = line;
        for (int i = 0; i < 5; i++) {
            char *end;
            value[i] = strtod(field, &end);
            if (end == field) value[i] = NAN;
            field = end + 1;
        }
        ck_assert_int_eq((int)value[0], epoch);
        records[epoch] = (record){value[1], value[2], value[3], value[4]};
    }
    fclose(file);
}

/* `count` numbers from a file of the fixtures. */
static void read_matrix(const char *name, double *values, int count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fixtures/iris/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is not there", path);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(fscanf(file, "%lf", &values[i]) == 1, "%s: %d numbers, expected %d", name, i, count);
        if (getc(file) == EOF) ck_assert_int_eq(i, count - 1);
    }
    ck_assert_int_eq(getc(file), EOF);
    fclose(file);
}

static double worst_difference(const double *a, const double *b, int count) {
    double worst = 0;
    for (int i = 0; i < count; i++) {
        ck_assert(isfinite(a[i]) && isfinite(b[i]));
        worst = fmax(worst, fabs(a[i] - b[i]));
    }
    return worst;
}

/* Reads a table that --csv wrote: the header, the epochs in their order, nothing after them. */
static void read_csv(const char *name, double *losses, int count) {
    const char *text = content(name);
    ck_assert_int_eq(strncmp(text, "epoch,loss\n", 11), 0);
    text += 11;
    for (int epoch = 0; epoch < count; epoch++) {
        char *end;
        ck_assert_int_eq(strtol(text, &end, 10), epoch);
        ck_assert_int_eq(*end, ',');
        losses[epoch] = strtod(end + 1, &end);
        ck_assert_int_eq(*end, '\n');
        text = end + 1;
    }
    ck_assert_str_eq(text, "");
}

/* ---- the losses -------------------------------------------------------------------------------------------------- */

START_TEST(prints_the_tutorials_six_lines) {
    record records[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\"");

    const char *line = out;
    for (int epoch = 0; epoch < EPOCHS; epoch += 20) {
        char start[64];
        int  length = snprintf(start, sizeof start, "Epoch %d | Loss: ", epoch);
        ck_assert_msg(strncmp(line, start, (size_t)length) == 0, "expected '%s', found '%s'", start, line);
        char  *end;
        double loss = strtod(line + length, &end);
        ck_assert_double_eq_tol(loss, records[epoch].printed, 2.5e-7);
        ck_assert_double_eq(loss, (double)(float)loss); /* a float32, and enough digits to tell which */
        ck_assert_int_eq(*end, '\n');
        line = end + 1;
    }
    ck_assert_str_eq(line, "");
}
END_TEST

/* The loss is printed as Python would: the shortest text that reads back. */
START_TEST(prints_the_shortest_text) {
    static const char *const commands[] = {"\"$IRIS\"", "\"$IRIS\" --dtype f64", "\"$IRIS\" --loss bce --lr 10",
                                           "\"$IRIS\" --dtype f64 --loss bce --lr 30"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        succeeds(commands[i]);
        for (const char *line = out; *line; line = strchr(line, '\n') + 1) {
            const char *text = strstr(line, "Loss: ") + 6;
            char       *end;
            double      loss = strtod(text, &end);
            char        given[64], shorter[64];
            snprintf(given, sizeof given, "%.*s", (int)(end - text), text);
            ck_assert_int_eq(*end, '\n');
            ck_assert_msg(strchr(given, '.') || strchr(given, 'e'), "%s: no point", given);

            int digits = 0; /* significant ones */
            for (const char *c = given + strspn(given, "-0."); *c && *c != 'e'; c++)
                digits += *c != '.';
            ck_assert_int_le(digits, 17);
            snprintf(shorter, sizeof shorter, "%.*g", digits > 1 ? digits - 1 : 1, loss);
            if (digits > 2) ck_assert_msg(strtod(shorter, NULL) != loss, "%s: %s would do", given, shorter);
        }
    }
}
END_TEST

START_TEST(all_losses_in_float32) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64, 5e-7);
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f32, 5e-7);
    }
}
END_TEST

START_TEST(all_losses_in_float64) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --dtype f64 --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64, 1e-12);
}
END_TEST

START_TEST(all_losses_trained_on_the_cross_entropy) {
    record records[EPOCHS];
    double losses[EPOCHS];
    read_records(records);
    succeeds("\"$IRIS\" --loss bce --dtype f64 --csv \"$T/losses.csv\"");
    read_csv("losses.csv", losses, EPOCHS);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_double_eq_tol(losses[epoch], records[epoch].f64_bce, 1e-12);
}
END_TEST

START_TEST(both_ways_of_recording_give_the_same_bits) {
    static const char *const models[] = {"--dtype f32 --loss half-squared", "--dtype f64 --loss half-squared",
                                         "--dtype f32 --loss bce", "--dtype f64 --loss bce"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char command[256], printed[sizeof out];
        snprintf(command, sizeof command, "\"$IRIS\" %s --record once --check --csv \"$T/once.csv\"", models[i]);
        succeeds(command);
        strcpy(printed, out);
        snprintf(command, sizeof command, "\"$IRIS\" %s --record each --check --csv \"$T/each.csv\"", models[i]);
        succeeds(command);
        ck_assert_str_eq(out, printed);
        succeeds("cmp \"$T/once.csv\" \"$T/each.csv\"");
    }
}
END_TEST

START_TEST(other_settings_train_too) {
    succeeds("\"$IRIS\" --hidden 1 --epochs 1");
    ck_assert_int_eq(strncmp(out, "Epoch 0 | Loss: ", 16), 0);
    ck_assert_ptr_null(strstr(out, "Epoch 20"));
    succeeds("\"$IRIS\" --hidden 7 --seed 18446744073709551615 --lr 1e-2 --epochs 22 --check");
    ck_assert_ptr_nonnull(strstr(out, "Epoch 20 | Loss: "));
    succeeds("\"$IRIS\" --epochs 5 --csv \"$T/five.csv\"");
    double losses[5];
    read_csv("five.csv", losses, 5);
    ck_assert_int_eq(entries(), 1);
}
END_TEST

/* ---- the gradients ----------------------------------------------------------------------------------------------- */

START_TEST(every_gradient_is_the_one_written_by_hand) {
    static const struct {
        const char *options;
        double      tolerance;
    } runs[] = {{"--dtype f32 --loss half-squared", 2e-5},
                {"--dtype f64 --loss half-squared", 1e-12},
                {"--dtype f32 --loss bce", 2e-5},
                {"--dtype f64 --loss bce", 1e-12}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        for (int each = 0; each < 2; each++) {
            char command[256];
            snprintf(command, sizeof command, "\"$IRIS\" --check %s --record %s", runs[i].options,
                     each ? "each" : "once");
            succeeds(command);
            const char *line = strstr(out, "Check | Worst difference: ");
            ck_assert_ptr_nonnull(line);
            char  *end;
            double worst = strtod(line + strlen("Check | Worst difference: "), &end);
            ck_assert_int_eq(*end, ' ');
            ck_assert_msg(worst > 0 && worst <= runs[i].tolerance, "%s: %g", command, worst);
        }
}
END_TEST

/* Far out the cross entropy has a logarithm of 0, and what comes back is no gradient: --check says so, in the exit
 * code. */
START_TEST(a_check_that_fails) {
    ck_assert_int_eq(run("\"$IRIS\" --check --loss bce --lr 1e6"), 1);
    ck_assert_ptr_nonnull(strstr(out, "FAILED"));
    ck_assert_ptr_nonnull(strstr(out, "Loss: nan\n"));
    ck_assert_str_eq(err, "");
}
END_TEST

/* The network again, in this test's own words, in float64. */
typedef struct network {
    tg_tape  *tape;
    iris_data data;
    tg_tensor drawn1, drawn2; /* float32 */
    tg_tensor x, y, w1, w2, half_squared, bce;
} network;

static void make_network(network *n) {
    ck_assert(iris_data_read(&n->data, SOURCE_DIR "/data/iris.csv"));
    n->tape = tg_tape_new();
    tg_seed(n->tape, 2);
    tg_randn(n->tape, TG_F32, TG_SHAPE(2, HIDDEN));
    n->drawn1 = tg_randn(n->tape, TG_F32, TG_SHAPE(2, HIDDEN));
    n->drawn2 = tg_randn(n->tape, TG_F32, TG_SHAPE(HIDDEN, 1));
    n->x = tg_constant(n->tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 2), n->data.x);
    n->y = tg_constant(n->tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 1), n->data.y);
    n->w1 = tg_parameter(n->tape, "w1", tg_cast(n->drawn1, TG_F64));
    n->w2 = tg_parameter(n->tape, "w2", tg_cast(n->drawn2, TG_F64));

    tg_tensor y4 = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(n->x, n->w1)), n->w2));
    tg_tensor right = tg_log(tg_where(tg_eq(n->y, 1), y4, tg_sub(1, y4)));
    n->half_squared = tg_div(tg_sum(tg_square(tg_sub(y4, n->y))), 2);
    n->bce = tg_neg(tg_mean(right));
    ck_assert_str_eq(tg_error(n->tape), "");
}

static void free_network(network *n) {
    ck_assert_str_eq(tg_error(n->tape), "");
    tg_tape_free(n->tape);
}

START_TEST(the_data_is_normalised) {
    iris_data data;
    double    x[IRIS_SAMPLES][2];
    ck_assert(iris_data_read(&data, SOURCE_DIR "/data/iris.csv"));
    read_matrix("x_normalized_f64.csv", x[0], 2 * IRIS_SAMPLES);
    ck_assert_double_le(worst_difference(data.x[0], x[0], 2 * IRIS_SAMPLES), 2.3e-16);
    for (int i = 0; i < IRIS_SAMPLES; i++)
        ck_assert_double_eq(data.y[i], i < 50 ? 0 : 1);
}
END_TEST

/* Places between two floats of the same sign. */
static int ulps(float a, float b) {
    int32_t i, j;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    ck_assert((i < 0) == (j < 0));
    return abs(i - j);
}

START_TEST(the_first_weights) {
#ifdef __GLIBC__
    const int allowed = 0;
#else
    const int allowed = 3;
#endif
    network n;
    float   w1[2 * HIDDEN], w2[HIDDEN];
    double  expected1[2 * HIDDEN], expected2[HIDDEN];
    make_network(&n);
    read_matrix("w1_init_f32.csv", expected1, 2 * HIDDEN);
    read_matrix("w2_init_f32.csv", expected2, HIDDEN);
    ck_assert_int_eq(tg_read(n.drawn1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(n.drawn2, w2, HIDDEN), TG_OK);
    for (int i = 0; i < 2 * HIDDEN; i++)
        ck_assert_int_le(ulps(w1[i], (float)expected1[i]), allowed);
    for (int i = 0; i < HIDDEN; i++)
        ck_assert_int_le(ulps(w2[i], (float)expected2[i]), allowed);
    free_network(&n);
}
END_TEST

/* The gradients of one loss in the first epoch, as the tape and as the loops find them; w1's and w2's in one array. */
static void first_gradients(bool bce, double by_tape[3 * HIDDEN], double by_hand[3 * HIDDEN]) {
    network n;
    double  w1[2 * HIDDEN], w2[HIDDEN], y2[HIDDEN];
    make_network(&n);
    ck_assert_int_eq(tg_read(n.w1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(n.w2, w2, HIDDEN), TG_OK);
    ck_assert_int_eq(tg_backward(bce ? n.bce : n.half_squared), TG_OK);
    ck_assert_int_eq(tg_read(tg_grad(n.w1), by_tape, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(tg_grad(n.w2), by_tape + 2 * HIDDEN, HIDDEN), TG_OK);
    iris_gradients(bce, IRIS_SAMPLES, HIDDEN, n.data.x[0], n.data.y, w1, w2, y2, by_hand, by_hand + 2 * HIDDEN);
    free_network(&n);
}

START_TEST(the_first_gradients) {
    static const char *const files[2][2] = {{"grad_w1_handcoded_epoch0_f64.csv", "grad_w2_handcoded_epoch0_f64.csv"},
                                            {"grad_w1_bce_epoch0_f64.csv", "grad_w2_bce_epoch0_f64.csv"}};
    for (int bce = 0; bce < 2; bce++) {
        double by_tape[3 * HIDDEN], by_hand[3 * HIDDEN], expected[3 * HIDDEN];
        first_gradients(bce, by_tape, by_hand);
        read_matrix(files[bce][0], expected, 2 * HIDDEN);
        read_matrix(files[bce][1], expected + 2 * HIDDEN, HIDDEN);
        ck_assert_double_le(worst_difference(by_tape, expected, 3 * HIDDEN), 1e-13);
        ck_assert_double_le(worst_difference(by_hand, expected, 3 * HIDDEN), 1e-13);
    }
}
END_TEST

/* No factor makes one loss's gradient the other's: what is left of it after the best one is far above rounding. */
START_TEST(the_two_gradients_are_not_proportional) {
    double a[3 * HIDDEN], b[3 * HIDDEN], by_hand[3 * HIDDEN];
    first_gradients(false, a, by_hand);
    first_gradients(true, b, by_hand);

    double aa = 0, ab = 0, bb = 0, left = 0, smallest = INFINITY, largest = -INFINITY;
    for (int i = 0; i < 3 * HIDDEN; i++) {
        aa += a[i] * a[i];
        ab += a[i] * b[i];
        bb += b[i] * b[i];
        smallest = fmin(smallest, a[i] / b[i]);
        largest = fmax(largest, a[i] / b[i]);
    }
    for (int i = 0; i < 3 * HIDDEN; i++)
        left += pow(a[i] - ab / bb * b[i], 2);
    ck_assert_double_gt(sqrt(left / aa), 1e-3); /* 1.15e-3, where rounding would give 1e-15 */
    ck_assert_double_gt(largest / smallest, 1.005);
}
END_TEST

START_TEST(the_last_weights) {
    network n;
    double  w1[2 * HIDDEN], w2[HIDDEN], expected1[2 * HIDDEN], expected2[HIDDEN];
    make_network(&n);
    tg_backward(n.half_squared);
    tg_sgd_step(n.tape, 0.001);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        ck_assert_int_eq(tg_run(n.tape), TG_OK);
    read_matrix("w1_after_101_f64.csv", expected1, 2 * HIDDEN);
    read_matrix("w2_after_101_f64.csv", expected2, HIDDEN);
    ck_assert_int_eq(tg_read(n.w1, w1, 2 * HIDDEN), TG_OK);
    ck_assert_int_eq(tg_read(n.w2, w2, HIDDEN), TG_OK);
    ck_assert_double_le(worst_difference(w1, expected1, 2 * HIDDEN), 1e-12);
    ck_assert_double_le(worst_difference(w2, expected2, HIDDEN), 1e-12);
    free_network(&n);
}
END_TEST

/* ---- the command line -------------------------------------------------------------------------------------------- */

START_TEST(help_names_every_option) {
    static const char *const options[] = {"--epochs", "--lr",    "--seed", "--hidden", "--dtype", "--loss",
                                          "--record", "--check", "--csv",  "--plot",   "--graph", "--data",  "--help"};
    succeeds("\"$IRIS\" --help");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        ck_assert_msg(strstr(out, options[i]) != NULL, "%s is missing", options[i]);
}
END_TEST

START_TEST(wrong_options) {
    static const char *const cases[][2] = {
        {"--epochs -1", "--epochs: expected an integer from 1 to 2147483647, found '-1'"},
        {"--epochs abc", "found 'abc'"},
        {"--epochs 1e99", "found '1e99'"},
        {"--epochs 0", "found '0'"},
        {"--epochs ''", "found ''"},
        {"--epochs ' 5'", "found ' 5'"},
        {"--epochs 2147483648", "found '2147483648'"},
        {"--epochs 99999999999999999999", "found '99999999999999999999'"},
        {"--epochs", "--epochs: needs a value"},
        {"--lr 0", "--lr: expected a finite number above 0, found '0'"},
        {"--lr -0.1", "found '-0.1'"},
        {"--lr nan", "found 'nan'"},
        {"--lr inf", "found 'inf'"},
        {"--lr 1e999", "found '1e999'"},
        {"--lr 0.1x", "found '0.1x'"},
        {"--lr ''", "found ''"},
        {"--seed -3", "--seed: expected an integer from 0 to 18446744073709551615, found '-3'"},
        {"--seed 18446744073709551616", "found '18446744073709551616'"},
        {"--hidden 0", "--hidden: expected an integer from 1 to 1000000, found '0'"},
        {"--hidden 2.5", "found '2.5'"},
        {"--hidden 1000001", "found '1000001'"},
        {"--dtype f16", "--dtype: expected f32 or f64, found 'f16'"},
        {"--loss mse", "--loss: expected half-squared or bce, found 'mse'"},
        {"--record never", "--record: expected once or each, found 'never'"},
        {"--check=yes", "--check=yes: takes no value"},
        {"--bogus", "--bogus: no such option; --help lists them"},
        {"--l 3", "--l: no such option"},
        {"-x", "-x: no such option"},
        {"-xyz", "no such option"},
        {"extra", "extra: unexpected"},
        {"--epochs 3 -- --lr", "--lr: unexpected"},
        {"--csv ''", "--csv: expected a file name"},
        {"--csv", "--csv: needs a value"},
        {"--graph ''", "--graph: expected a file name"},
        {"--data ''", "--data: expected a file name"},
        {"\"$(printf 'two\\nlines')\"", "two?lines: unexpected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[512];
        snprintf(command, sizeof command, "\"$IRIS\" --csv \"$T/x.csv\" %s", cases[i][0]);
        refuses(command, cases[i][1]);
    }
}
END_TEST

START_TEST(files_that_cannot_be_written) {
    refuses("\"$IRIS\" --csv \"$T/no/such/x.csv\"", "/no/such/x.csv: No such file or directory");
    refuses("\"$IRIS\" --csv \"$T\"", ": Is a directory");
    refuses("\"$IRIS\" --csv /dev/null", "/dev/null: Not a regular file");
    refuses("\"$IRIS\" --csv \"$T/$(printf '%0300d' 1)\"", "File name too long");
    if (geteuid() != 0) {
        succeeds("mkdir \"$T/locked\"; chmod 555 \"$T/locked\"");
        refuses("\"$IRIS\" --csv \"$T/locked/x.csv\"", "Permission denied");
    }
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_int_eq(run("\"$IRIS\" >/dev/full"), 2);
        ck_assert_str_eq(err, "iris_fnn: standard output: No space left on device\n");
    }
}
END_TEST

START_TEST(an_older_file_is_replaced_whole_or_not_at_all) {
    double losses[3];
    succeeds("echo old >\"$T/x.csv\"");
    refuses("\"$IRIS\" --csv \"$T/x.csv\" --data \"$T\"", "Is a directory");
    ck_assert_str_eq(content("x.csv"), "old\n");
    succeeds("\"$IRIS\" --csv \"$T/x.csv\" --epochs 3");
    read_csv("x.csv", losses, 3);
    succeeds("cd \"$T\" && \"$IRIS\" --csv '|odd name.csv' --epochs 3");
    read_csv("|odd name.csv", losses, 3);
    ck_assert_int_eq(entries(), 2);
}
END_TEST

/* ---- the data ---------------------------------------------------------------------------------------------------- */

START_TEST(tables_that_are_not_the_iris_table) {
    static const char *const cases[][2] = {
        /* what sed does to the table, what the complaint says */
        {"17s/.*/5.1,3.5,1.4,setosa/", "/bad.csv:17: expected 5 fields, found 4"},
        {"17s/$/,x/", "/bad.csv:17: expected 5 fields, found 6"},
        {"17s/.*//", "/bad.csv:17: expected 5 fields, found 0"},
        {"17s/,/;/g", "/bad.csv:17: expected 5 fields, found 1"},
        {"20s/setosa/tulip/", "/bad.csv:20: species: expected setosa, versicolor or virginica, found 'tulip'"},
        {"20s/setosa/setosa /", "/bad.csv:20: species: expected"},
        {"20s/setosa//", "/bad.csv:20: species: expected setosa, versicolor or virginica, found ''"},
        {"30s/^[^,]*/abc/", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found 'abc'"},
        {"30s/^[^,]*//", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found ''"},
        {"30s/^[^,]*/nan/", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found 'nan'"},
        {"30s/^[^,]*/inf/", "found 'inf'"},
        {"30s/^[^,]*/1e999/", "found '1e999'"},
        {"30s/^[^,]*/5.1x/", "found '5.1x'"},
        {"30s/^[^,]*/-5.1/", "found '-5.1'"},
        {"140s/,[^,]*,virginica/,NaN,virginica/", "/bad.csv:140: petal_width: expected a finite number"},
        {"30s/^[^,]*,[^,]*/0,0/", "/bad.csv:30: a sepal of 0 x 0 cannot be normalised"},
        {"130s/^[^,]*,[^,]*/0,0/", "/bad.csv:130: a sepal of 0 x 0 cannot be normalised"},
        {"30s/^[^,]*,[^,]*/1e200,1e200/", "/bad.csv:30: a sepal of 1e200 x 1e200 cannot be normalised"},
        {"1d", "/bad.csv:1: expected the column name sepal_length, found '5.1'"},
        {"1s/petal_width/width/", "/bad.csv:1: expected the column name petal_width, found 'width'"},
        {"1s/.*/sepal_length/", "/bad.csv:1: expected 5 fields, found 1"},
        {"$d", "/bad.csv: expected 150 rows, 50 of each species, found 149, 49 of them virginica"},
        {"30d", "/bad.csv: expected 150 rows, 50 of each species, found 149, 49 of them setosa"},
        {"2,$d", "/bad.csv: expected 150 rows, 50 of each species, found 0, 0 of them setosa"},
        {"1,$d", "/bad.csv: expected a header and 150 rows, found an empty file"},
        {"2p", "/bad.csv:52: expected 50 rows of setosa, found more"},
        {"20s/setosa/versicolor/", "/bad.csv:101: expected 50 rows of versicolor, found more"},
        {"20s/setosa/virginica/", "/bad.csv:151: expected 50 rows of virginica, found more"},
        {"40s/$/0000000000/;40s/0*$/&&&&&&&&&&/;40s/0*$/&&&/", "/bad.csv:40: expected a line of text of at most 254"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[512];
        snprintf(command, sizeof command, "sed '%s' \"$DATA\" >\"$T/bad.csv\"", cases[i][0]);
        succeeds(command);
        refuses("\"$IRIS\" --data \"$T/bad.csv\" --csv \"$T/x.csv\"", cases[i][1]);
    }
}
END_TEST

START_TEST(files_that_cannot_be_read) {
    refuses("\"$IRIS\" --data \"$T/nothing.csv\"", "/nothing.csv: No such file or directory");
    refuses("\"$IRIS\" --data \"$T\"", ": Is a directory");
    refuses("\"$IRIS\" --data /dev/null", "/dev/null: expected a header and 150 rows, found an empty file");
    refuses("\"$IRIS\" --data /dev/zero", "/dev/zero:1: expected a line of text");
    refuses("\"$IRIS\" --data \"$IRIS\"", "/iris_fnn:");
    if (geteuid() != 0) {
        succeeds("cp \"$DATA\" \"$T/locked.csv\"; chmod 000 \"$T/locked.csv\"");
        refuses("\"$IRIS\" --data \"$T/locked.csv\"", "/locked.csv: Permission denied");
    }
}
END_TEST

/* The species decides, not the place; and line ends may be those of another system. */
START_TEST(tables_that_are) {
    char expected[sizeof out];
    succeeds("\"$IRIS\"");
    strcpy(expected, out);
    succeeds("awk '{ printf \"%s\\r\\n\", $0 }' \"$DATA\" >\"$T/crlf.csv\"");
    succeeds("\"$IRIS\" --data \"$T/crlf.csv\"");
    ck_assert_str_eq(out, expected);
    succeeds("awk 'NR > 1 { printf \"\\n\" } { printf \"%s\", $0 }' \"$DATA\" >\"$T/no-end.csv\"");
    succeeds("\"$IRIS\" --data \"$T/no-end.csv\"");
    ck_assert_str_eq(out, expected);
    succeeds("{ head -1 \"$DATA\"; tail -50 \"$DATA\"; sed -n '2,101p' \"$DATA\"; } >\"$T/moved.csv\"");
    succeeds("\"$IRIS\" --data \"$T/moved.csv\"");
    ck_assert_str_eq(out, expected);
}
END_TEST

/* ---- the picture ------------------------------------------------------------------------------------------------- */

/* Puts a program of that name in front of the PATH. */
static void fake(const char *name, const char *program) {
    char command[1024];
    snprintf(command, sizeof command,
             "mkdir -p \"$T/bin\"; cat >\"$T/bin/%s\" <<'EOF'\n#!/bin/sh\n%s\nEOF\n"
             "chmod +x \"$T/bin/%s\"",
             name, program, name);
    succeeds(command);
}

/* It gets the script on its standard input, and `output` is the file that the script names. */
static void fake_gnuplot(const char *program) {
    fake("gnuplot", program);
}

#define WITH_FAKE "PATH=\"$T/bin:$PATH\"; "
#define KEEP_SCRIPT "cat >\"$T/bin/script\"; output=$(sed -n \"s/^set output '\\(.*\\)'$/\\1/p\" \"$T/bin/script\")\n"

START_TEST(a_picture_through_gnuplot) {
    static const char *const cases[][2] = {
        {"png", "set terminal pngcairo"}, {"svg", "set terminal svg"}, {"pdf", "set terminal pdfcairo"}};
    fake_gnuplot(KEEP_SCRIPT "echo a picture >\"$output\"; echo much talk; echo much talk >&2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256], name[16];
        snprintf(command, sizeof command, WITH_FAKE "\"$IRIS\" --dtype f64 --plot \"$T/loss.%s\"", cases[i][0]);
        snprintf(name, sizeof name, "loss.%s", cases[i][0]);
        succeeds(command);
        ck_assert_ptr_nonnull(strstr(out, "Epoch 100 | Loss: "));
        ck_assert_ptr_null(strstr(out, "talk"));
        ck_assert_str_eq(content(name), "a picture\n");

        const char *script = content("bin/script");
        ck_assert_msg(strstr(script, cases[i][1]) != NULL, "%s", script);
        const char *rows = strstr(script, "\n0 0.92282306111304");
        ck_assert_ptr_nonnull(rows);
        ck_assert_ptr_nonnull(strstr(rows, "\n100 0.66"));
    }
    ck_assert_int_eq(entries(), 4); /* bin and three pictures */
}
END_TEST

START_TEST(a_gnuplot_that_fails) {
    static const char *const programs[] = {
        "exit 3",                                     /* before it has read all of the script */
        "cat >/dev/null",                             /* says yes and draws nothing */
        KEEP_SCRIPT "echo half >\"$output\"; exit 1", /* after half of the picture */
        KEEP_SCRIPT "rm \"$output\"",                 /* loses the file */
        "kill -9 $$",
    };
    succeeds("echo old >\"$T/x.svg\"");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        fake_gnuplot(programs[i]);
        succeeds("rm -f \"$T/bin/script\"");
        int before = entries();
        ck_assert_int_eq(run(WITH_FAKE "\"$IRIS\" --hidden 1 --epochs 5000 --plot \"$T/x.svg\""), 2);
        ck_assert_msg(strstr(err, "/x.svg: gnuplot could not draw it (terminal svg") != NULL, "%zu: %s", i, err);
        ck_assert_ptr_eq(strchr(err, '\n'), err + strlen(err) - 1);
        ck_assert_str_eq(content("x.svg"), "old\n");
        ck_assert_int_eq(entries(), before);
    }
}
END_TEST

START_TEST(a_gnuplot_that_is_not_there) {
    succeeds(
        "\"$IRIS\" --epochs 1"); /* where the program is started by a script of libtool's, that has now done its work */
    succeeds("mkdir \"$T/bin\"; for tool in sh sed dirname basename ls cat expr rm mv mkdir uname grep; do\n"
             "path=$(command -v $tool) && ln -s \"$path\" \"$T/bin\"; done; :");
    refuses("PATH=\"$T/bin\"; \"$IRIS\" --plot \"$T/x.svg\"", "--plot needs gnuplot");
}
END_TEST

START_TEST(pictures_that_cannot_be_drawn) {
    fake_gnuplot("exit 0");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/x.gif\"",
            "--plot: expected a name that ends in .png, .svg or .pdf, found");
    refuses(WITH_FAKE "\"$IRIS\" --plot x", "found 'x'");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T.png/x\"", "--plot: expected a name that ends in");
    refuses(WITH_FAKE "\"$IRIS\" --plot ''", "--plot: expected a file name");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/no/such/x.png\"", "/no/such/x.png: No such file or directory");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/$(printf 'a\\nb').png\"", "without a line break");
    succeeds("mkdir \"$T/x.png\"");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/x.png\"", "/x.png: Is a directory");
}
END_TEST

START_TEST(pictures_from_the_real_gnuplot) {
    static const char *const cases[][3] = {
        {"png", "pngcairo", "\x89PNG"}, {"svg", "svg", "<?xml"}, {"pdf", "pdfcairo", "%PDF"}};
    if (run("command -v gnuplot") != 0) return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256], name[32];
        snprintf(command, sizeof command, "gnuplot -e 'set terminal %s'", cases[i][1]);
        if (run(command) != 0) continue; /* a gnuplot without it */
        snprintf(name, sizeof name, "it's a loss.%s", cases[i][0]);
        snprintf(command, sizeof command, "\"$IRIS\" --plot \"$T/%s\" --csv \"$T/x.csv\"", name);
        succeeds(command);
        ck_assert_int_eq(strncmp(content(name), cases[i][2], strlen(cases[i][2])), 0);
        ck_assert_int_eq(entries(), 2);
        snprintf(command, sizeof command, "rm \"$T/%s\"", name);
        succeeds(command);
    }
}
END_TEST

/* ---- the graph --------------------------------------------------------------------------------------------------- */

START_TEST(a_graph_in_its_own_language) {
    succeeds("\"$IRIS\" --epochs 3 --graph \"$T/once.dot\" && \"$IRIS\" --epochs 3 --record each --graph \"$T/each.dot\"");
    ck_assert_int_eq(entries(), 2);
    const char *text = content("once.dot");
    ck_assert_int_eq(strncmp(text, "digraph tape {\n", 15), 0);
    ck_assert_str_eq(text + strlen(text) - 3, "\n}\n");
    static const char *const pieces[] = {"<i>w1</i>", "<i>w2</i>", "<b>matmul</b>", "label=\"forward\"", "label=\"backward\"",
                                         "label=\"update\"", "float32 (100, 32)", "iris_fnn.c:"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        ck_assert_msg(strstr(text, pieces[i]) != NULL, "no %s in: %s", pieces[i], text);
    succeeds("cmp \"$T/once.dot\" \"$T/each.dot\"");
}
END_TEST

/* dot gets the source on its standard input, and writes the picture on its standard output. */
START_TEST(a_graph_through_dot) {
    char expected[sizeof out];
    succeeds("\"$IRIS\" --epochs 21");
    strcpy(expected, out);
    fake("dot", "echo \"$@\" >\"$T/bin/arguments\"; cat >\"$T/bin/source\"; echo picture");
    succeeds("echo old >\"$T/x.svg\"; " WITH_FAKE "\"$IRIS\" --epochs 21 --graph \"$T/x.svg\"");
    ck_assert_str_eq(out, expected);
    ck_assert_str_eq(content("x.svg"), "picture\n");
    ck_assert_str_eq(content("bin/arguments"), "-Tsvg\n");
    ck_assert_int_eq(strncmp(content("bin/source"), "digraph tape {\n", 15), 0);
    succeeds(WITH_FAKE "cd \"$T\" && \"$IRIS\" --epochs 1 --graph \"it's | a graph.png\"");
    ck_assert_str_eq(content("it's | a graph.png"), "picture\n");
    ck_assert_str_eq(content("bin/arguments"), "-Tpng\n");
    ck_assert_int_eq(entries(), 3);
}
END_TEST

START_TEST(a_dot_that_fails) {
    static const char *const programs[] = {"exit 1", "cat >/dev/null; echo picture; exit 1", "cat >/dev/null; exit 0",
                                           "kill -9 $$", "exec <&-; echo half; exit 1"};
    succeeds("mkdir \"$T/bin\"; echo old >\"$T/x.svg\"");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        fake("dot", programs[i]);
        refuses(WITH_FAKE "\"$IRIS\" --epochs 1 --graph \"$T/x.svg\"", "/x.svg: dot could not draw it (dot -Tsvg)");
        ck_assert_str_eq(content("x.svg"), "old\n");
    }
}
END_TEST

START_TEST(a_dot_that_is_not_there) {
    succeeds("\"$IRIS\" --epochs 1"); /* see a_gnuplot_that_is_not_there */
    succeeds("mkdir \"$T/bin\"; for tool in sh sed dirname basename ls cat expr rm mv mkdir uname grep; do\n"
             "path=$(command -v $tool) && ln -s \"$path\" \"$T/bin\"; done; :");
    refuses("PATH=\"$T/bin\"; \"$IRIS\" --graph \"$T/x.svg\"", "--graph needs dot");
    succeeds("PATH=\"$T/bin\"; \"$IRIS\" --epochs 1 --graph \"$T/x.dot\"");
}
END_TEST

START_TEST(graphs_that_cannot_be_drawn) {
    refuses("\"$IRIS\" --graph \"$T/x.gif\"", "--graph: expected a name that ends in .dot, .svg or .png, found");
    refuses("\"$IRIS\" --graph x", "found 'x'");
    refuses("\"$IRIS\" --graph \"$T/no/such/x.dot\"", "/no/such/x.dot: No such file or directory");
    succeeds("mkdir \"$T/x.dot\"");
    refuses("\"$IRIS\" --graph \"$T/x.dot\"", "/x.dot: Is a directory");
}
END_TEST

START_TEST(graphs_from_the_real_dot) {
    if (run("command -v dot") != 0) return;
    succeeds("\"$IRIS\" --epochs 1 --graph \"$T/x.svg\" && \"$IRIS\" --epochs 1 --dtype f64 --loss bce --graph \"$T/x.png\"");
    ck_assert_ptr_nonnull(strstr(content("x.svg"), "<svg"));
    ck_assert_int_eq(strncmp(content("x.png"), "\x89PNG", 4), 0);
    ck_assert_int_eq(entries(), 2);
}
END_TEST

/* ---- anomaly mode ------------------------------------------------------------------------------------------------ */

START_TEST(the_environment_asks_for_the_first_infinity) {
    char expected[sizeof out];
    succeeds("\"$IRIS\"");
    strcpy(expected, out);
    succeeds("TAPEGRAD_ANOMALY=1 \"$IRIS\"");
    ck_assert_str_eq(out, expected);
    ck_assert_int_eq(run("TAPEGRAD_ANOMALY=1 \"$IRIS\" --loss bce --lr 1e6"), 2);
    ck_assert_msg(strstr(err, "iris_fnn.c:") && strstr(err, ": log (100, 1): made -inf from 0 at ["), "%s", err);
    ck_assert_ptr_null(strstr(out, "nan"));
}
END_TEST

/* ---- one parameter ----------------------------------------------------------------------------------------------- */

START_TEST(linear_descends_to_the_answer) {
    succeeds("\"$LINEAR\"");
    const char *line = out;
    double      loss, before = INFINITY, gradient, by_hand, theta;
    int         step, length, steps = 0;
    while (sscanf(line, "step %d: loss %lf gradient %lf by hand %lf\n%n", &step, &loss, &gradient, &by_hand, &length) ==
           4) {
        if (steps++ == 0) {
            ck_assert_double_eq(loss, 8); /* theta 1, x 2, y 6: (2 - 6)^2 / 2 and (2 - 6) * 2 */
            ck_assert_double_eq(gradient, -8);
        }
        ck_assert_double_eq_tol(gradient, by_hand, 1e-5 * fabs(by_hand));
        ck_assert_double_lt(loss, before);
        before = loss;
        line += length;
    }
    ck_assert_int_ge(steps, 5);
    ck_assert_int_eq(sscanf(line, "theta = %lf\n%n", &theta, &length), 1);
    ck_assert_double_eq(theta, 3);
    ck_assert_str_eq(line + length, "");
}
END_TEST

/* ------------------------------------------------------------------------------------------------------------------ */

static TCase *add_case(Suite *suite, const char *name) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, make_home, NULL);
    tcase_set_timeout(tcase, 300);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void) {
    if (!make_base()) return EXIT_FAILURE;
    Suite *suite = suite_create("iris");

    TCase *losses = add_case(suite, "losses");
    tcase_add_test(losses, prints_the_tutorials_six_lines);
    tcase_add_test(losses, prints_the_shortest_text);
    tcase_add_test(losses, all_losses_in_float32);
    tcase_add_test(losses, all_losses_in_float64);
    tcase_add_test(losses, all_losses_trained_on_the_cross_entropy);
    tcase_add_test(losses, both_ways_of_recording_give_the_same_bits);
    tcase_add_test(losses, other_settings_train_too);

    TCase *gradients = add_case(suite, "gradients");
    tcase_add_test(gradients, every_gradient_is_the_one_written_by_hand);
    tcase_add_test(gradients, a_check_that_fails);
    tcase_add_test(gradients, the_data_is_normalised);
    tcase_add_test(gradients, the_first_weights);
    tcase_add_test(gradients, the_first_gradients);
    tcase_add_test(gradients, the_two_gradients_are_not_proportional);
    tcase_add_test(gradients, the_last_weights);

    TCase *options = add_case(suite, "options");
    tcase_add_test(options, help_names_every_option);
    tcase_add_test(options, wrong_options);
    tcase_add_test(options, files_that_cannot_be_written);
    tcase_add_test(options, an_older_file_is_replaced_whole_or_not_at_all);

    TCase *data = add_case(suite, "data");
    tcase_add_test(data, tables_that_are_not_the_iris_table);
    tcase_add_test(data, files_that_cannot_be_read);
    tcase_add_test(data, tables_that_are);

    TCase *plot = add_case(suite, "plot");
    tcase_add_test(plot, a_picture_through_gnuplot);
    tcase_add_test(plot, a_gnuplot_that_fails);
    tcase_add_test(plot, a_gnuplot_that_is_not_there);
    tcase_add_test(plot, pictures_that_cannot_be_drawn);
    tcase_add_test(plot, pictures_from_the_real_gnuplot);

    TCase *graph = add_case(suite, "graph");
    tcase_add_test(graph, a_graph_in_its_own_language);
    tcase_add_test(graph, a_graph_through_dot);
    tcase_add_test(graph, a_dot_that_fails);
    tcase_add_test(graph, a_dot_that_is_not_there);
    tcase_add_test(graph, graphs_that_cannot_be_drawn);
    tcase_add_test(graph, graphs_from_the_real_dot);
    tcase_add_test(graph, the_environment_asks_for_the_first_infinity);

    TCase *linear = add_case(suite, "linear");
    tcase_add_test(linear, linear_descends_to_the_answer);

    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return !remove_base() || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

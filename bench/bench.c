/* bench/bench.c: measures tapegrad and its rivals, and prints how they compare.
 *
 * The machine has other things to do, too, so that a time means little by itself. Contestants therefore take short turns,
 * A B C A B C ..., and each round gives a ratio of two turns that follow each other; the median of these is what is reported,
 * with the quartiles, between which half of them are. Where other programs had the processors, the calmer half of the
 * rounds counts.
 *
 * The number of threads is in the environment, which BLAS and OpenMP read before main: see bench/run, which starts this program.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "peer.h"

extern const work iris_once, iris_each, elementwise, scalars, scalars_growth, recurrence, mlp, mlp_one, lenet, cross_entropy,
    layer_norm, attention, adam, gpt_of_4_layers, gpt_of_6_layers, gpt_of_12_layers, transposed_weight, slices,
    derivatives_bundle, derivatives_band, derivatives_chain, derivatives_lstm, derivatives_integrator, derivatives_hessian,
    compiled_iris, compiled_lstm, compiled_det, compiled_ode, compiled_particle, compiled_controller;

static const work *const works[] = {&iris_once,
                                    &iris_each,
                                    &elementwise,
                                    &scalars,
                                    &scalars_growth,
                                    &recurrence,
                                    &mlp,
                                    &mlp_one,
                                    &lenet,
                                    &cross_entropy,
                                    &layer_norm,
                                    &attention,
                                    &adam,
                                    &gpt_of_4_layers,
                                    &gpt_of_6_layers,
                                    &gpt_of_12_layers,
                                    &transposed_weight,
                                    &slices,
                                    &derivatives_bundle,
                                    &derivatives_band,
                                    &derivatives_chain,
                                    &derivatives_lstm,
                                    &derivatives_integrator,
                                    &derivatives_hessian,
                                    &compiled_iris,
                                    &compiled_lstm,
                                    &compiled_det,
                                    &compiled_ode,
                                    &compiled_particle,
                                    &compiled_controller};

const char program_name[] = "bench"; /* for the model from examples/ */

enum { WORKS = sizeof works / sizeof *works, MOST_ROUNDS = 99, WARM_UP = 3 };

static const double turn = 0.03, patience = 6;    /* seconds: of a turn; of a work, unless that leaves too few rounds */
static const double is_calm = 0.1, is_busy = 0.3; /* parts of the time, in which somebody waits for a processor */
static const int    few_rounds = 5;

static int   rounds = 15;
static FILE *rows; /* one JSON object a line; NULL: nowhere */

/* ---- contestants, wherever they are ------------------------------------------------------------------------------ */

typedef struct entry {
    const contestant *by; /* NULL: the Python process */
    void             *state;
    int               number;
    bool              here;
    int64_t           steps;                /* of a turn */
    double            units;                /* of a step */
    double            seconds[MOST_ROUNDS]; /* of a step, by round */
} entry;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_steps(const entry *e, int64_t steps) {
    for (int64_t i = 0; i < steps; i++)
        e->by->step(e->state);
}

static double run(const entry *e, int64_t steps) {
    if (!e->by) return peer_run(e->number, steps);
    double start = now();
    run_steps(e, steps);
    return now() - start;
}

/* The time of a step in one turn. Threads of the one before may still be spinning, OpenBLAS's for 2^26 ticks of the clock;
 * and its data are in the caches. */
static double take_turn(const entry *e) {
    if (threads > 1) nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    if (e->steps > 1) run(e, 1);
    return run(e, e->steps) / (double)e->steps;
}

static bool set_up(entry *e, const work *w, const contestant *by, const char *name, int number) {
    *e = (entry){.by = by, .number = number, .units = 1};
    e->here = by ? (e->state = by->setup()) != NULL : peer_setup(number, w->name, name);
    if (e->here && run(e, WARM_UP) <= 0) e->here = false;
    return e->here;
}

static void find_length(entry *e) {
    double seconds = 0;
    for (e->steps = 1; (seconds = run(e, e->steps)) < turn / 2 && seconds > 0;)
        e->steps = (int64_t)(seconds < turn / 20 ? 10 * (double)e->steps : ceil((double)e->steps * turn / seconds));
    if (e->by && e->by->units) e->units = e->by->units(e->state);
}

/* ---- the same result --------------------------------------------------------------------------------------------- */

static int result_of(const entry *e, double *to) {
    if (!e->by) return peer_result(e->number, to, RESULTS);
    return e->by->result ? e->by->result(e->state, to) : 0;
}

/* A rival without a result computes only a part, and says so by its name. */
static bool agree(const work *w, const entry *ours, const entry *theirs, const char *name) {
    double a[RESULTS], b[RESULTS];
    int    n = result_of(ours, a), m = result_of(theirs, b);
    bool   same = m == 0 || m == n;
    for (int i = 0; same && i < m; i++)
        same = fabs(a[i] - b[i]) <= w->tolerance * fabs(a[i - i % 2]);
    for (int i = 0; !same && i < m && i < n; i++)
        fprintf(stderr, "%s, %s: result %d is %.9g, and tapegrad's %.9g\n", w->name, name, i, b[i], a[i]);
    return same;
}

/* ---- what is reported -------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The quantile: the value below which that part of the n sorted ones is. */
static double quantile(const double *sorted, int n, double part) {
    double at = part * (n - 1);
    int    i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

static double median(const double *values, int n) {
    double sorted[MOST_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return quantile(sorted, n, 0.5);
}

static const char *text_of_seconds(char text[16], double seconds) {
    if (seconds <= 0)
        strcpy(text, "");
    else if (seconds < 1e-6)
        snprintf(text, 16, "%.1f ns", 1e9 * seconds);
    else if (seconds < 1e-3)
        snprintf(text, 16, "%.1f us", 1e6 * seconds);
    else
        snprintf(text, 16, "%.2f ms", 1e3 * seconds);
    return text;
}

/* A row's figures, one a round; the times that they come from, 0 where there are none; and whether the machine was busy. What was
 * measured then means less, and above all for more than one thread, which then wait for each other. */
typedef struct outcome {
    double *ratio;
    int     n;
    double  ours, theirs;
    bool    busy;
} outcome;

static void name_row(char name[64], const work *w, const rival *r) {
    static const char *const suffix[] = {"",   ", per instruction",   ", peak memory", "ns an instruction",
                                         "ms", "bytes an instruction"};
    snprintf(name, 64, "%s%s", r->measure >= NANOSECONDS ? "" : r->name, suffix[r->measure]);
    if (r->measure == BYTES && !w->tapegrad->units) strcpy(name, "bytes");
}

static void print_row(const work *w, const rival *r, const outcome *o, double middle) {
    char name[64], ours[16], theirs[16], spread[32] = "", bar[16] = "";
    name_row(name, w, r);
    if (o->n > 1)
        snprintf(spread, sizeof spread, "%.3g .. %.3g", quantile(o->ratio, o->n, 0.25), quantile(o->ratio, o->n, 0.75));
    if (r->bar > 0) snprintf(bar, sizeof bar, "%g", r->bar);
    const char *verdict = r->bar <= 0 ? "" : middle <= r->bar ? "met" : "MISSED";
    printf("%-24s %-28s %d %10s %10s %9.3g  %-18s %5s  %-6s %s\n", w->name, name, threads, text_of_seconds(ours, o->ours),
           text_of_seconds(theirs, o->theirs), middle, spread, bar, verdict, o->busy ? "busy" : "");
    fflush(stdout);
}

static void write_row(const work *w, const rival *r, double middle) {
    char name[64], bar[16] = "null";
    name_row(name, w, r);
    if (r->bar > 0) snprintf(bar, sizeof bar, "%g", r->bar);
    fprintf(rows, "{\"work\": \"%s\", \"rival\": \"%s\", \"threads\": %d, \"ratio\": %.4g, \"bar\": %s}\n", w->name, name,
            threads, middle, bar);
    fflush(rows);
}

/* Sorts the figures. */
static void report(const work *w, const rival *r, const outcome *o) {
    qsort(o->ratio, (size_t)o->n, sizeof *o->ratio, compare);
    double middle = quantile(o->ratio, o->n, 0.5);
    print_row(w, r, o, middle);
    if (rows) write_row(w, r, middle);
}

/* ---- memory: in processes of their own --------------------------------------------------------------------------- */

/* What the first steps of tapegrad's add to the memory of this process at the peak, a unit. */
static double memory_taken(const work *w) {
    double before = memory_now();
    memory_forget_peak();
    void *state = w->tapegrad->setup();
    for (int i = 0; i < WARM_UP; i++)
        w->tapegrad->step(state);
    double taken = (memory_peak() - before) / (w->tapegrad->units ? w->tapegrad->units(state) : 1);
    w->tapegrad->teardown(state);
    return taken;
}

static double memory_of(const char *program, const work *w) {
    char command[1024], text[64] = "0";
    snprintf(command, sizeof command, "'%s' --threads %d --memory '%s'", program, threads, w->name);
    FILE *output = popen(command, "r");
    bool  told = output && fgets(text, sizeof text, output);
    if (output) pclose(output);
    return told ? strtod(text, NULL) : 0;
}

static void measure_memory(const char *program, const work *w, const rival *r) {
    double ours = memory_of(program, w), theirs = r->measure == MEMORY ? peer_memory(w->name, r->name) : 1;
    if (ours > 0 && theirs > 0) report(w, r, &(outcome){.ratio = &(double){ours / theirs}, .n = 1});
}

/* ---- a work ------------------------------------------------------------------------------------------------------ */

/* All take their turns; the part of the time in which somebody waited for a processor. */
static double play_round(entry *ours, entry *rivals, int n) {
    double start = now(), waiting = waiting_seconds();
    ours->seconds[n] = take_turn(ours);
    for (int i = 0; i < RIVALS; i++)
        if (rivals[i].here) rivals[i].seconds[n] = take_turn(&rivals[i]);
    return (waiting_seconds() - waiting) / (now() - start);
}

/* The number of rounds that count; they come first. Says whether the machine was busy in them, too. */
static int play(entry *ours, entry *rivals, bool *busy) {
    double end = now() + patience, waiting[MOST_ROUNDS];
    int    n = 0, calm = 0;
    for (; n < rounds && (n < few_rounds || now() < end); n++)
        waiting[n] = play_round(ours, rivals, n);
    double limit = fmax(median(waiting, n), is_calm);
    *busy = limit > is_busy;
    for (int i = 0; i < n; i++) {
        if (waiting[i] > limit) continue;
        ours->seconds[calm] = ours->seconds[i];
        for (int j = 0; j < RIVALS; j++)
            rivals[j].seconds[calm] = rivals[j].seconds[i];
        calm++;
    }
    return calm;
}

/* A round's figure for that row. */
static double figure(const rival *r, const entry *ours, const entry *theirs, int round) {
    double units = ours->units, mine = ours->seconds[round];
    switch (r->measure) {
    case NANOSECONDS: return 1e9 * mine / units;
    case MILLISECONDS: return 1e3 * mine;
    case UNIT_TIME: return mine / units / (theirs->seconds[round] / theirs->units);
    default: return mine / theirs->seconds[round];
    }
}

static void report_times(const work *w, const entry *ours, const entry *rivals, int n, bool busy) {
    for (int i = 0; i < RIVALS; i++) {
        double       values[MOST_ROUNDS];
        const rival *r = &w->rival[i];
        if (!rivals[i].here && !(r->name && (r->measure == NANOSECONDS || r->measure == MILLISECONDS))) continue;
        for (int j = 0; j < n; j++)
            values[j] = figure(r, ours, &rivals[i], j);
        outcome o = {values, n, .ours = median(ours->seconds, n), .busy = busy};
        if (rivals[i].here) o.theirs = median(rivals[i].seconds, n);
        report(w, r, &o);
    }
}

static bool set_up_rivals(const work *w, const entry *ours, entry *rivals) {
    bool fine = true;
    for (int i = 0; i < RIVALS; i++) {
        const rival *r = &w->rival[i];
        if (!r->name || r->measure > UNIT_TIME || !set_up(&rivals[i], w, r->by, r->name, i)) continue;
        if (!agree(w, ours, &rivals[i], r->name)) fine = rivals[i].here = false;
        if (rivals[i].here) find_length(&rivals[i]);
    }
    return fine;
}

static void tear_down(entry *e) {
    if (e->by && e->state) e->by->teardown(e->state);
}

/* False when somebody's result is another. */
static bool compete(const char *program, const work *w) {
    entry ours, rivals[RIVALS] = {0};
    for (int i = 0; i < RIVALS; i++)
        if (w->rival[i].measure == MEMORY || w->rival[i].measure == BYTES) measure_memory(program, w, &w->rival[i]);
    set_up(&ours, w, w->tapegrad, "tapegrad", RIVALS);
    bool fine = set_up_rivals(w, &ours, rivals);
    find_length(&ours);
    bool busy;
    int  n = play(&ours, rivals, &busy);
    report_times(w, &ours, rivals, n, busy);
    tear_down(&ours);
    for (int i = 0; i < RIVALS; i++)
        tear_down(&rivals[i]);
    peer_clear();
    return fine;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static const work *work_named(const char *name) {
    for (int i = 0; i < WORKS; i++)
        if (strcmp(works[i]->name, name) == 0) return works[i];
    fprintf(stderr, "bench: there is no work '%s'\n", name);
    exit(2);
}

static void usage(void) {
    fprintf(stderr, "usage: bench/run [--work NAME] [--rounds N] [--python PROGRAM] [--threads N]\nworks:\n");
    for (int i = 0; i < WORKS; i++)
        fprintf(stderr, "  %s\n", works[i]->name);
    exit(2);
}

/* Where CasADi may be, and the program that calls it: see foreign.h. */
static void tell_foreign(const char *python, const char *script) {
    char        directory[1024];
    const char *slash = strrchr(script, '/');
    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - script) : 1, slash ? script : ".");
    setenv("BENCH_PYTHON", python, 1);
    setenv("BENCH_SOURCES", directory, 1);
}

int main(int argc, char **argv) {
    const char *wanted = "", *python = "python3", *script = "bench/rivals.py", *memory = NULL;
    if (argc % 2 == 0) usage();
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1];
        if (!strcmp(argv[i], "--work"))
            wanted = value;
        else if (!strcmp(argv[i], "--rounds"))
            rounds = atoi(value) < 1 ? 1 : atoi(value) > MOST_ROUNDS ? MOST_ROUNDS : atoi(value);
        else if (!strcmp(argv[i], "--threads"))
            threads = atoi(value);
        else if (!strcmp(argv[i], "--python"))
            python = value;
        else if (!strcmp(argv[i], "--rivals"))
            script = value;
        else if (!strcmp(argv[i], "--rows"))
            rows = fopen(value, "a");
        else if (!strcmp(argv[i], "--memory"))
            memory = value;
        else
            usage();
    }
    if (memory) return printf("%.17g\n", memory_taken(work_named(memory))) < 0;

    signal(SIGPIPE, SIG_IGN); /* a Python process that is gone is found out when it does not answer */
    peer_is(python, script, threads);
    tell_foreign(python, script);
    bool fine = true;
    for (int i = 0; i < WORKS; i++)
        if (strncmp(works[i]->name, wanted, strlen(wanted)) == 0 && (threads == 1 || !works[i]->one_thread))
            fine = compete(argv[0], works[i]) && fine;
    peer_end();
    return !fine;
}

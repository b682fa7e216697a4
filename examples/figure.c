/* examples/figure.c: pictures of data and curves, drawn by gnuplot.
 *
 * The numbers stand in the script, after the command that plots them. Texts are quoted, and the terminals are told to take every
 * character of a text as it is.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "complain.h"
#include "figure.h"
#include "files.h"
#include "tool.h"

/* gnuplot's name for the format, or NULL. */
static const char *terminal_for(const char *path) {
    static const struct {
        const char *suffix, *terminal;
    } known[] = {
        {".png", "pngcairo noenhanced size 800,500"},
        {".svg", "svg noenhanced size 800,500 background 'white'"},
        {".pdf", "pdfcairo noenhanced size 16cm,10cm"},
    };
    const char *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix && i < sizeof known / sizeof *known; i++)
        if (strcmp(suffix, known[i].suffix) == 0) return known[i].terminal;
    return NULL;
}

bool figure_possible(const char *path) {
    if (!terminal_for(path)) return complain("%s: expected the name of a picture, which ends in .png, .svg or .pdf", path);
    if (strpbrk(path, "\r\n")) return complain("%s: expected a name without a line break", path);
    const char *obstacle = tool_obstacle("gnuplot");
    if (obstacle) return complain("%s: pictures are drawn by gnuplot, which %s", path, obstacle);
    return file_possible(path);
}

/* In single quotes gnuplot takes everything as it stands, but for the quote itself, which is doubled. A line break would end the
 * command. */
static void write_quoted(FILE *script, const char *before, const char *text) {
    fprintf(script, "%s'", before);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', script);
        fputc(*text == '\n' || *text == '\r' ? ' ' : *text, script);
    }
    fputc('\'', script);
}

static void write_style(FILE *script, const figure_series *s) {
    static const char *const with[] = {
        [FIGURE_POINTS] = "1:2 with points pointtype 7 pointsize 0.6",
        [FIGURE_LINE] = "1:2 with lines linewidth 2",
        [FIGURE_BAND] = "1:2:3 with filledcurves fill transparent solid 0.25 noborder",
    };
    fprintf(script, "'-' using %s", with[s->style]);
    write_quoted(script, " linecolor rgb ", s->color);
    if (s->name)
        write_quoted(script, " title ", s->name);
    else
        fprintf(script, " notitle");
}

static void write_numbers(FILE *script, const figure_series *s) {
    for (int64_t i = 0; i < s->count; i++) {
        double high = s->style == FIGURE_BAND ? s->high[i] : s->y[i];
        if (isfinite(s->x[i]) && isfinite(s->y[i]) && isfinite(high))
            fprintf(script, "%.17g %.17g %.17g\n", s->x[i], s->y[i], high);
    }
    fprintf(script, "e\n");
}

static void write_script(FILE *script, const char *output, const char *terminal, const figure *f) {
    fprintf(script, "set terminal %s", terminal);
    write_quoted(script, "\nset output ", output);
    write_quoted(script, "\nset title ", f->title);
    write_quoted(script, "\nset xlabel ", f->x_label);
    write_quoted(script, "\nset ylabel ", f->y_label);
    fprintf(script, "\nset grid\nset key below\n%s", f->even ? "set size ratio -1\n" : "");
    for (int i = 0; i < f->count; i++) {
        fprintf(script, i == 0 ? "plot " : ", ");
        write_style(script, &f->series[i]);
    }
    fprintf(script, "\n");
    for (int i = 0; i < f->count; i++)
        write_numbers(script, &f->series[i]);
    fprintf(script, "unset output\n");
}

static bool run_gnuplot(const char *output, const char *terminal, const figure *f) {
    FILE *script = tmpfile();
    if (!script) return false;
    write_script(script, output, terminal, f);
    bool ok = fflush(script) == 0 && !ferror(script) && tool_run("gnuplot", NULL, script, NULL);
    fclose(script);
    return ok;
}

bool figure_draw(const char *path, const figure *f) {
    const char *terminal = terminal_for(path);
    new_file    file;
    struct stat drawn;
    if (!file_start(&file, path)) return false;
    bool ok = run_gnuplot(file.temporary, terminal, f);
    if (ok && stat(file.temporary, &drawn) == 0 && drawn.st_size > 0) return file_finish(&file);
    file_abandon(&file);
    return complain("%s: gnuplot could not draw it (terminal %s)", path, terminal);
}

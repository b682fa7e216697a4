/* examples/plot.c: the loss curve as a picture, drawn by gnuplot.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "complain.h"
#include "files.h"
#include "plot.h"
#include "tool.h"

/* gnuplot's name for the format, or NULL. */
static const char *terminal_for(const char *path) {
    static const struct {
        const char *suffix, *terminal;
    } known[] = {
        {".png", "pngcairo size 800,500"},
        {".svg", "svg size 800,500 background 'white'"},
        {".pdf", "pdfcairo size 16cm,10cm"},
    };
    const char *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix && i < sizeof known / sizeof *known; i++)
        if (strcmp(suffix, known[i].suffix) == 0) return known[i].terminal;
    return NULL;
}

bool plot_possible(const char *path) {
    if (!terminal_for(path)) return complain("--plot: expected a name that ends in .png, .svg or .pdf, found '%s'", path);
    if (strpbrk(path, "\r\n")) return complain("--plot: expected a name without a line break, found '%s'", path);
    const char *obstacle = tool_obstacle("gnuplot");
    if (obstacle) return complain("--plot needs gnuplot, which %s; --csv writes the numbers without it", obstacle);
    return file_possible(path);
}

/* In single quotes gnuplot takes everything as it stands, but for the quote itself, which is doubled. */
static void write_quoted(FILE *script, const char *text) {
    fputc('\'', script);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', script);
        fputc(*text, script);
    }
    fputc('\'', script);
}

static void write_script(FILE *script, const char *output, const char *terminal, const double *losses, int count) {
    fprintf(script, "set terminal %s\nset output ", terminal);
    write_quoted(script, output);
    fprintf(script, "\nset title 'Two iris species, a network of two layers'\n"
                    "set xlabel 'epoch'\nset ylabel 'mean binary cross entropy'\n"
                    "set grid\nunset key\n"
                    "plot '-' using 1:2 with lines linewidth 2\n");
    for (int epoch = 0; epoch < count; epoch++)
        fprintf(script, "%d %.17g\n", epoch, losses[epoch]);
    fprintf(script, "e\nunset output\n");
}

static bool run_gnuplot(const char *output, const char *terminal, const double *losses, int count) {
    FILE *script = tmpfile();
    if (!script) return false;
    write_script(script, output, terminal, losses, count);
    bool ok = fflush(script) == 0 && !ferror(script) && tool_run("gnuplot", NULL, script, NULL);
    fclose(script);
    return ok;
}

bool plot_losses(const char *path, const double *losses, int count) {
    const char *terminal = terminal_for(path);
    new_file    file;
    int         finite = 0;
    for (int epoch = 0; epoch < count; epoch++)
        finite += isfinite(losses[epoch]) != 0;
    if (finite < 2) return complain("%s: not drawn: a line takes two finite losses, found %d", path, finite);
    if (!file_start(&file, path)) return false;

    struct stat drawn;
    bool        ok = run_gnuplot(file.temporary, terminal, losses, count);
    if (ok && stat(file.temporary, &drawn) == 0 && drawn.st_size > 0) return file_finish(&file);
    file_abandon(&file);
    return complain("%s: gnuplot could not draw it (terminal %s)", path, terminal);
}

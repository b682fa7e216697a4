/* io/gnuplot.c: pictures through gnuplot.
 *
 * The script is a file without a name: a pipe could fill up, and a gnuplot that ends early would end this process by SIGPIPE. The picture
 * is gnuplot's standard output, which is the file that gets its name in the end: so no name of a file stands in the script. What the user
 * says does, as texts: see tgi_plot_text.
 *
 * SPDX-License-Identifier: MIT */
#include "io/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <tapegrad/report.h>

#include "io/utf8.h"

/* ---- the script -------------------------------------------------------------------------------------------------- */

/* gnuplot's name for the format, with options; NULL for none. */
static const char *find_terminal(const char *path) {
    static const struct {
        const char *ending, *terminal;
    } known[] = {
        {".svg", "svg standalone background '#ffffff' font 'Helvetica,13'"},
        {".png", "pngcairo background '#ffffff' font 'Sans,10'"},
        {".pdf", "pdfcairo font 'Sans,10'"},
    };
    size_t length = path ? strlen(path) : 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t ending = strlen(known[i].ending);
        if (length > ending && !strcmp(path + length - ending, known[i].ending)) return known[i].terminal;
    }
    return NULL;
}

static tg_status check_path(tgi_failure *failure) {
    if (!failure->path) return tgi_failed(failure, TG_ERR_ARGUMENT, "the path is NULL");
    if (find_terminal(failure->path)) return TG_OK;
    return tgi_failed(failure, TG_ERR_ARGUMENT, "the name of a picture ends in .svg, .png or .pdf");
}

/* Texts are not "enhanced": _ and ^ are letters. A page of pdf is measured in inches, of which 96 pixels make one. */
static void write_start(FILE *script, const char *terminal, int width, int height) {
    fprintf(script, "set encoding utf8\nset terminal %s noenhanced size ", terminal);
    if (strncmp(terminal, "pdf", 3) == 0)
        fprintf(script, "%.3fin,%.3fin\n", width / 96.0, height / 96.0);
    else
        fprintf(script, "%d,%d\n", width, height);
}

tg_status tgi_begin_plot(tgi_plot *plot, int width, int height, tgi_failure *failure) {
    *plot = (tgi_plot){0};
    if (failure->status || check_path(failure)) return failure->status;
    plot->begun = tgi_enter_c_locale(&plot->c);
    if (!plot->begun) return tgi_failed_memory(failure);
    plot->script = tgi_open_nameless();
    if (!plot->script) return tgi_failed_system(failure, "no file can be made for gnuplot's script");
    write_start(plot->script, find_terminal(failure->path), width, height);
    return TG_OK;
}

/* In single quotes gnuplot takes everything as it stands, but for the quote itself and a line end. Those are texts of their own, in double
 * quotes, and the whole is put together; a doubled quote would do only where it is not the first. Characters that no picture can show
 * become blanks, and bytes that are no UTF-8 question marks. */
void tgi_plot_text(const tgi_plot *plot, const char *text) {
    fputc('\'', plot->script);
    for (int length; *text; text += length ? length : 1) {
        length = tgi_utf8_length(text);
        if (length == 0)
            fputc('?', plot->script);
        else if (*text == '\'')
            fputs("'.\"\\047\".'", plot->script);
        else if (*text == '\n')
            fputs("'.\"\\n\".'", plot->script);
        else if (length == 1 && ((unsigned char)*text < ' ' || *text == 127))
            fputc(' ', plot->script);
        else
            fwrite(text, 1, (size_t)length, plot->script);
    }
    fputc('\'', plot->script);
}

void tgi_plot_number(const tgi_plot *plot, double x) {
    fprintf(plot->script, isfinite(x) ? "%.9g" : "NaN", x);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

/* Its last line that is not empty, without the blanks before it. */
static void read_complaint(FILE *complaints, char *text, int size) {
    char line[200];
    snprintf(text, (size_t)size, "it gives no reason");
    rewind(complaints);
    while (fgets(line, sizeof line, complaints)) {
        line[strcspn(line, "\r\n")] = 0;
        const char *from = line + strspn(line, " \t");
        if (*from) snprintf(text, (size_t)size, "%s", from);
    }
}

/* -d: whatever the user's own settings are, they are not for this picture. */
static tg_status run(FILE *script, FILE *picture, FILE *complaints, tgi_failure *failure) {
    char        reason[200];
    struct stat drawn;
    bool        good;
    if (fflush(script) || ferror(script)) return tgi_failed_system(failure, "gnuplot's script cannot be written");
    rewind(script);
    int error = tgi_run_program("gnuplot", "-d", (FILE *const[]){script, picture, complaints}, &good);
    if (error == ENOENT) return tgi_failed(failure, TG_ERR_IO, "gnuplot, which draws it, is not installed, or not in PATH");
    if (error)
        return tgi_failed(failure, error == ENOMEM ? TG_ERR_MEMORY : TG_ERR_IO, "gnuplot cannot be started: %s",
                          strerror(error));
    if (good && !fstat(fileno(picture), &drawn) && drawn.st_size > 0) return TG_OK;
    read_complaint(complaints, reason, sizeof reason);
    return tgi_failed(failure, TG_ERR_IO, "gnuplot could not draw it: %s", reason);
}

static tg_status draw(FILE *script, FILE *picture, tgi_failure *failure) {
    FILE *complaints = tgi_open_nameless();
    if (!complaints) return tgi_failed_system(failure, "no file can be made for what gnuplot says");
    run(script, picture, complaints, failure);
    fclose(complaints);
    return failure->status;
}

/* A picture that is not kept is removed, as all files are after a failure. */
static tg_status end(tgi_plot *plot, bool keep, tgi_failure *failure) {
    tgi_output  output;
    tgi_failure unwanted = {.status = TG_ERR_CANCELLED};
    if (!failure->status && !tgi_open_output(&output, failure)) {
        draw(plot->script, output.stream, failure);
        tgi_close_output(&output, keep ? failure : &unwanted);
    }
    if (plot->script) fclose(plot->script);
    if (plot->begun) tgi_leave_c_locale(&plot->c);
    return failure->status;
}

tg_status tgi_end_plot(tgi_plot *plot, tgi_failure *failure) {
    return end(plot, true, failure);
}

tg_status(tg_plot_check)(tg_tape *tape, const char *path) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "plot_check");
    tgi_plot    plot;
    if (!tgi_begin_plot(&plot, 64, 48, &failure)) fprintf(plot.script, "plot 1\n");
    end(&plot, false, &failure);
    return tgi_end_status(scope, &failure);
}

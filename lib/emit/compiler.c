/* emit/compiler.c: runs the system's C compiler, and loads what it makes.
 *
 * Files are in a directory that is made for them, with a name that nobody knows before, which no other user can enter; they and it are
 * gone in the end, as a loaded object needs no name. The compiler is a program with a list of arguments, which no shell looks at. It begins
 * with no signal blocked, and the default for those that a process like to ignore. Its messages go to a file, which is read when it fails.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "emit/compiler.h"

#include <stdio.h>
#include <string.h>

#include "core/tape.h"

#ifdef TGI_HAVE_DLOPEN

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__ /* where a library has no other way to it */
#include <crt_externs.h>
#define environ (*_NSGetEnviron())
#else
extern char **environ;
#endif

#ifndef TGI_COMPILER
#define TGI_COMPILER "cc"
#endif

#if defined __x86_64__ || defined __i386__ || defined __aarch64__
#define NATIVE "-march=native",
#else
#define NATIVE
#endif

/* Where the library's floating point rounds at once, that of a part does. */
#if defined __i386__ && defined __SSE2_MATH__
#define ROUNDING "-msse2", "-mfpmath=sse",
#else
#define ROUNDING
#endif

/* What comes between the compiler and the user's flags. The work on one function grows faster than its length: the more there is of the
 * text, the less is asked for. */
static const char *const own_flags[] =
    {"-x", "c", "-std=gnu11", "-w", "-fPIC", NATIVE ROUNDING "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"};
enum { OWN_FLAGS = sizeof own_flags / sizeof *own_flags, LONG_TEXT = 1 << 20, FIXED_ARGUMENTS = OWN_FLAGS + 8 };

typedef enum file_kind { SOURCE, OBJECT, MESSAGES, FILES } file_kind;

typedef struct compilation {
    tgi_memory *memory;
    char       *error;
    bool       *no_memory;
    char       *paths; /* of the directory, and of FILES files, each of path_size bytes */
    size_t      path_size;
    bool        made; /* the directory */
} compilation;

static void *fail(compilation *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void *fail(compilation *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tgi_format(c->error, TGI_COMPILER_TEXT, format, arguments);
    va_end(arguments);
    return NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char *directory_of(const compilation *c) {
    return c->paths;
}

static char *path_of(const compilation *c, file_kind kind) {
    return c->paths + (size_t)(kind + 1) * c->path_size;
}

static bool name_files(compilation *c) {
    static const char *const names[FILES] = {[SOURCE] = "part.c", [OBJECT] = "part.so", [MESSAGES] = "messages"};
    const char              *base = getenv("TMPDIR");
    if (!base || !*base) base = "/tmp";
    c->path_size = strlen(base) + 64;
    c->paths = tgi_memory_take(c->memory, (FILES + 1) * c->path_size);
    if (!c->paths) {
        *c->no_memory = true;
        return false;
    }
    snprintf(directory_of(c), c->path_size, "%s/tapegrad-XXXXXX", base);
    c->made = mkdtemp(directory_of(c)) != NULL;
    if (!c->made) fail(c, "no directory can be made in '%s': %s", base, strerror(errno));
    for (int kind = 0; kind < FILES && c->made; kind++)
        snprintf(path_of(c, (file_kind)kind), c->path_size, "%s/%s", directory_of(c), names[kind]);
    return c->made;
}

static void remove_files(compilation *c) {
    for (int kind = 0; kind < FILES && c->made; kind++)
        unlink(path_of(c, (file_kind)kind));
    if (c->made) rmdir(directory_of(c));
    if (c->paths) tgi_memory_give(c->memory, c->paths, (FILES + 1) * c->path_size);
}

static bool write_all(int fd, const char *text, size_t length) {
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno != EINTR) return false;
        if (n < 0) continue;
        text += n;
        length -= (size_t)n;
    }
    return true;
}

static bool write_source(compilation *c, const char *text, size_t length) {
    int  fd = open(path_of(c, SOURCE), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write_all(fd, text, length);
    int  error = errno;
    if (fd >= 0 && close(fd) && good) {
        error = errno;
        good = false;
    }
    if (!good) fail(c, "'%s' cannot be written: %s", path_of(c, SOURCE), strerror(error));
    return good;
}

/* The first lines of what the compiler said, behind what is in the error already. */
static void append_messages(const compilation *c) {
    size_t  length = strlen(c->error);
    ssize_t n = 0;
    int     fd = open(path_of(c, MESSAGES), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || length + 3 >= TGI_COMPILER_TEXT) return;
    do
        n = read(fd, c->error + length + 2, TGI_COMPILER_TEXT - length - 3);
    while (n < 0 && errno == EINTR);
    close(fd);
    if (n <= 0) return;
    memcpy(c->error + length, ": ", 2);
    c->error[length + 2 + (size_t)n] = 0;
}

/* ---- the compiler ------------------------------------------------------------------------------------------------ */

/* The child's standard files: nothing to read, and one file for all that it says. */
static int open_standard_files(posix_spawn_file_actions_t *actions, const char *messages) {
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(actions, 1, messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return error ? error : posix_spawn_file_actions_adddup2(actions, 1, 2);
}

/* No signal is blocked in it, and those are not ignored that it needs. */
static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGCHLD);
    sigaddset(&usual, SIGPIPE);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &usual);
    return error ? error : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int start(pid_t *child, char *const arguments[], const char *messages) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attributes;
    int                        error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = open_standard_files(&actions, messages);
        if (!error) error = set_signals(&attributes);
        if (!error) error = posix_spawnp(child, arguments[0], &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Its status; 0 where the process does not want to know of its children: then what it made tells. */
static int wait_for(pid_t child) {
    int   status;
    pid_t done;
    do
        done = waitpid(child, &status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0) return errno == ECHILD ? 0 : -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* How many words the text has. */
static size_t count_words(const char *text) {
    size_t count = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        text += strcspn(text, " ");
        count++;
    }
    return count;
}

/* Cuts the text into its words. */
static size_t list_words(char *text, char **words) {
    size_t count = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        words[count++] = text;
        text += strcspn(text, " ");
        if (*text) *text++ = 0;
    }
    return count;
}

/* An argument is not written to; but the system's functions do not say so. */
static char *argument(const char *text) {
    return (char *)(uintptr_t)text;
}

static void list_arguments(const compilation *c, char **to, char *command, const tg_compile_options *o, size_t length) {
    to += list_words(command, to);
    for (size_t i = 0; i < OWN_FLAGS; i++)
        *to++ = argument(own_flags[i]);
    *to++ = argument(length < LONG_TEXT ? "-O3" : "-O1");
    if (o->finite) {
        *to++ = argument("-ffinite-math-only");
        *to++ = argument("-fno-signed-zeros");
    }
    for (size_t i = 0; o->flags && o->flags[i]; i++)
        *to++ = argument(o->flags[i]);
    *to++ = argument("-shared");
    *to++ = argument("-o");
    *to++ = path_of(c, OBJECT);
    *to++ = path_of(c, SOURCE);
    *to++ = argument("-lm");
    *to = NULL;
}

/* What became of running it. */
typedef enum outcome { COMPILED, NO_SUCH_PROGRAM, FAILED } outcome;

static outcome run_arguments(compilation *c, const char *compiler, char *const arguments[]) {
    enum { NOT_STARTED = 127 };
    pid_t child;
    int   error = start(&child, arguments, path_of(c, MESSAGES)), status = error ? -1 : wait_for(child);
    if (error == ENOENT || error == ENOTDIR || status == NOT_STARTED) {
        fail(c, "the C compiler '%s' cannot be found", compiler);
        return NO_SUCH_PROGRAM;
    }
    if (error)
        fail(c, "the C compiler '%s' cannot be run: %s", compiler, strerror(error));
    else if (status != 0 || access(path_of(c, OBJECT), F_OK)) {
        fail(c, "the C compiler '%s' failed", compiler);
        append_messages(c);
    } else
        return COMPILED;
    return FAILED;
}

static outcome run_compiler(compilation *c, const char *compiler, const tg_compile_options *o, size_t length) {
    size_t count = count_words(compiler) + FIXED_ARGUMENTS + 1, size = strlen(compiler) + 1;
    for (size_t i = 0; o->flags && o->flags[i]; i++)
        count++;
    char   *command = tgi_memory_take(c->memory, size);
    char  **arguments = tgi_memory_take(c->memory, count * sizeof *arguments);
    outcome what = FAILED;
    if (command && arguments) {
        memcpy(command, compiler, size);
        list_arguments(c, arguments, command, o, length);
        what = run_arguments(c, compiler, arguments);
    } else
        *c->no_memory = true;
    if (arguments) tgi_memory_give(c->memory, arguments, count * sizeof *arguments);
    if (command) tgi_memory_give(c->memory, command, size);
    return what;
}

/* What compiled this library may be at home on another machine only. */
static bool compile(compilation *c, const tg_compile_options *o, size_t length) {
    outcome what = run_compiler(c, o->compiler ? o->compiler : TGI_COMPILER, o, length);
    if (what == NO_SUCH_PROGRAM && !o->compiler) what = run_compiler(c, "cc", o, length);
    return what == COMPILED;
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static void *load(compilation *c) {
    void *object = dlopen(path_of(c, OBJECT), RTLD_NOW | RTLD_LOCAL);
    if (object) return object;
    const char *why = dlerror();
    return fail(c, "the object cannot be loaded: %s", why ? why : "?");
}

void *tgi_compile_text(tgi_memory *memory, const tg_compile_options *options, const char *text, size_t length,
                       char error[TGI_COMPILER_TEXT], bool *no_memory) {
    compilation c = {.memory = memory, .error = error, .no_memory = no_memory};
    void       *object = NULL;
    if (options->compiler && !count_words(options->compiler))
        fail(&c, "the name of the C compiler is empty");
    else if (name_files(&c) && write_source(&c, text, length) && compile(&c, options, length))
        object = load(&c);
    remove_files(&c);
    return object;
}

void *tgi_find_in_object(void *object, const char *name) {
    return dlsym(object, name);
}

void tgi_unload_object(void *object) {
    dlclose(object);
}

#else

void *tgi_compile_text(tgi_memory *memory, const tg_compile_options *options, const char *text, size_t length,
                       char error[TGI_COMPILER_TEXT], bool *no_memory) {
    (void)memory, (void)options, (void)text, (void)length, (void)no_memory;
    snprintf(error, TGI_COMPILER_TEXT, "this system has no way to load what a compiler makes (dlopen)");
    return NULL;
}

void *tgi_find_in_object(void *object, const char *name) {
    (void)object, (void)name;
    return NULL;
}

void tgi_unload_object(void *object) {
    (void)object;
}

#endif

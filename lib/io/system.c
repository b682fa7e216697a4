/* io/system.c: files, locales, terminals and programs, of POSIX and of Windows; bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "io/system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const uint8_t *tgi_swap(uint8_t to[8], const uint8_t *from, size_t width) {
    for (size_t i = 0; i < width; i++)
        to[i] = from[width - 1 - i];
    return to;
}

#ifndef _WIN32

/* ---- POSIX ------------------------------------------------------------------------------------------------------- */

#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifdef __APPLE__ /* where a library has no other way to it */
#include <crt_externs.h>
#define environ (*_NSGetEnviron())
#else
extern char **environ;
#endif

int tgi_open_file(const char *path, int flags) {
    return open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
}

int tgi_open_to_append(const char *path, bool empty) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (empty ? O_TRUNC : 0), 0666);
}

FILE *tgi_open_nameless(void) {
    return tmpfile();
}

void *tgi_map_file(int fd, size_t size) {
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

void tgi_unmap_file(void *bytes, size_t size) {
    munmap(bytes, size);
}

/* The page where it begins, as far as its last byte. */
void tgi_will_need(const void *bytes, size_t size) {
    size_t within = (size_t)((uintptr_t)bytes % (uintptr_t)sysconf(_SC_PAGESIZE));
    posix_madvise((char *)(uintptr_t)bytes - within, within + size, POSIX_MADV_WILLNEED);
}

size_t tgi_directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

ssize_t tgi_read_link(const char *path, char *to, size_t size) {
    return readlink(path, to, size);
}

int tgi_set_permissions(int fd, mode_t permissions) {
    return fchmod(fd, permissions);
}

int tgi_sync_file(int fd) {
    return fsync(fd);
}

/* Not all file systems can, and not every directory may be opened by all who may write there. */
int tgi_sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return 0;
    int failed = fsync(fd) && errno != EINVAL && errno != ENOTSUP ? -1 : 0;
    close(fd);
    return failed;
}

int tgi_replace_file(const char *from, const char *to) {
    return rename(from, to);
}

int tgi_terminal_width(FILE *file) {
    struct winsize size;
    return ioctl(fileno(file), TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

/* Each of the files was opened after the standard ones that it takes the place of, if those were closed, so that none is overwritten
 * here. */
static int start(pid_t *child, const char *name, const char *option, FILE *const files[3]) {
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {(char *)(uintptr_t)name, (char *)(uintptr_t)option, NULL}; /* which are not written */
    int         error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    for (int i = 0; i < 3 && !error; i++)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(files[i]), i);
    if (!error) error = posix_spawnp(child, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Waits for it. Its exit status, or -1. Where the process has said that it does not want to know of its children, what the child has made
 * alone tells. */
static int wait_for(pid_t child) {
    int   status;
    pid_t done;
    do
        done = waitpid(child, &status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0) return errno == ECHILD ? 0 : -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A child that has not become the program may say so by its status alone: so POSIX on posix_spawn, and so it is under qemu-user. A part of
 * PATH may be no directory. */
int tgi_run_program(const char *name, const char *option, FILE *const files[3], bool *good) {
    enum { NOT_STARTED = 127 };
    pid_t child;
    int   error = start(&child, name, option, files), status = error ? -1 : wait_for(child);
    *good = status == 0;
    return error == ENOTDIR || status == NOT_STARTED ? ENOENT : error;
}

bool tgi_enter_c_locale(tgi_c_locale *locale) {
    locale->ours = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale->ours) locale->users = uselocale(locale->ours);
    return locale->ours;
}

void tgi_leave_c_locale(const tgi_c_locale *locale) {
    uselocale(locale->users);
    freelocale(locale->ours);
}

#else

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

#include <io.h>
#include <windows.h>

int tgi_open_file(const char *path, int flags) {
    return open(path, flags | O_BINARY | O_NOINHERIT, 0666);
}

int tgi_open_to_append(const char *path, bool empty) {
    return tgi_open_file(path, O_WRONLY | O_CREAT | O_APPEND | (empty ? O_TRUNC : 0));
}

/* Not tmpfile, which makes its file in the root directory, where not everybody may. D: it is removed when it is closed. */
FILE *tgi_open_nameless(void) {
    char directory[MAX_PATH + 1], path[MAX_PATH + 1];
    if (GetTempPathA(sizeof directory, directory) && GetTempFileNameA(directory, "tg", 0, path)) return fopen(path, "w+bD");
    errno = EACCES;
    return NULL;
}

/* The view keeps the mapping. */
void *tgi_map_file(int fd, size_t size) {
    HANDLE mapping = CreateFileMappingA((HANDLE)_get_osfhandle(fd), NULL, PAGE_READONLY, 0, 0, NULL);
    void  *bytes = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size) : NULL;
    if (mapping) CloseHandle(mapping);
    if (!bytes) errno = ENOMEM;
    return bytes;
}

void tgi_unmap_file(void *bytes, size_t size) {
    (void)size;
    UnmapViewOfFile(bytes);
}

void tgi_will_need(const void *bytes, size_t size) {
    (void)bytes, (void)size;
}

/* The last of the characters that may end it. */
size_t tgi_directory_length(const char *path) {
    size_t length = strlen(path);
    while (length && !strchr("/\\:", path[length - 1]))
        length--;
    return length;
}

ssize_t tgi_read_link(const char *path, char *to, size_t size) {
    (void)path, (void)to, (void)size;
    return -1;
}

int tgi_set_permissions(int fd, mode_t permissions) {
    (void)fd, (void)permissions;
    return 0;
}

int tgi_sync_file(int fd) {
    return _commit(fd);
}

/* The replacement writes through. */
int tgi_sync_directory(const char *path) {
    (void)path;
    return 0;
}

int tgi_replace_file(const char *from, const char *to) {
    if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) return 0;
    errno = EACCES;
    return -1;
}

static HANDLE handle_of(FILE *file) {
    return (HANDLE)_get_osfhandle(fileno(file));
}

int tgi_terminal_width(FILE *file) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    return GetConsoleScreenBufferInfo(handle_of(file), &info) ? info.srWindow.Right - info.srWindow.Left + 1 : 0;
}

static void let_inherit(FILE *const files[3], bool may) {
    for (int i = 0; i < 3; i++)
        SetHandleInformation(handle_of(files[i]), HANDLE_FLAG_INHERIT, may ? HANDLE_FLAG_INHERIT : 0);
}

/* The system may write into the command. */
static int start(HANDLE *child, const char *name, const char *option, FILE *const files[3]) {
    char                command[64];
    PROCESS_INFORMATION process;
    STARTUPINFOA        startup = {.cb = sizeof startup,
                                   .dwFlags = STARTF_USESTDHANDLES,
                                   .hStdInput = handle_of(files[0]),
                                   .hStdOutput = handle_of(files[1]),
                                   .hStdError = handle_of(files[2])};
    snprintf(command, sizeof command, "%s %s", name, option);
    let_inherit(files, true);
    bool  started = CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process);
    DWORD error = started ? 0 : GetLastError();
    let_inherit(files, false);
    if (!started) return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? ENOENT : EACCES;
    CloseHandle(process.hThread);
    *child = process.hProcess;
    return 0;
}

int tgi_run_program(const char *name, const char *option, FILE *const files[3], bool *good) {
    HANDLE child;
    DWORD  status = 1;
    int    error = start(&child, name, option, files);
    if (!error) {
        WaitForSingleObject(child, INFINITE);
        GetExitCodeProcess(child, &status);
        CloseHandle(child);
    }
    *good = status == 0;
    return error;
}

bool tgi_enter_c_locale(tgi_c_locale *locale) {
    locale->per_thread = _configthreadlocale(_ENABLE_PER_THREAD_LOCALE);
    snprintf(locale->users, sizeof locale->users, "%s", setlocale(LC_NUMERIC, NULL));
    setlocale(LC_NUMERIC, "C");
    return true;
}

void tgi_leave_c_locale(const tgi_c_locale *locale) {
    setlocale(LC_NUMERIC, locale->users);
    _configthreadlocale(locale->per_thread);
}

#endif

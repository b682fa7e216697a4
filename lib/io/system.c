/* io/system.c: files, locales and bytes, of POSIX and of Windows.
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

#include <sys/mman.h>

int tgi_open_file(const char *path, int flags) {
    return open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
}

void *tgi_map_file(int fd, size_t size) {
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

void tgi_unmap_file(void *bytes, size_t size) {
    munmap(bytes, size);
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

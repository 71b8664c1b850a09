/*
 * Stands between a node and libc (LD_PRELOAD) and fails what it is told to. The test maps the same control file:
 *
 *   u32 0  faults armed: how many of the next matching calls fail (0xffffffff = all)
 *   u32 1  which: 1 = write to the log, 2 = fdatasync, 4 = write to any file with O_RDWR below the data directory (bits)
 *   u32 2  errno to fail with
 *   u32 3  calls failed so far        u32 4  calls of the log seen        u32 5  fdatasync calls seen
 *
 * Files are told by their path in /proc/self/fd: "/log/" and "/headers" are the log, "/pages" the state.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint32_t *control;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);

__attribute__((constructor)) static void begin(void) {
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  const char *path = getenv("FAILING_DISK_CONTROL");
  if (path == NULL) return;
  int fd = open(path, O_RDWR);
  if (fd < 0) return;
  void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) control = mapped;
  close(fd);
}

static int is_of(int fd, const char *part) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, part) != NULL;
}

static int fails(uint32_t which) {
  if ((control[1] & which) == 0) return 0;
  uint32_t left = control[0];
  if (left == 0) return 0;
  if (left != 0xffffffffu) control[0] = left - 1;
  __sync_fetch_and_add(&control[3], 1);
  errno = (int)control[2];
  return 1;
}

static int write_fails(int fd) {
  if (control == NULL || control[0] == 0) return 0;
  if (is_of(fd, "/shard-1/log/") || is_of(fd, "/shard-1/headers")) {
    __sync_fetch_and_add(&control[4], 1);
    return fails(1);
  }
  return is_of(fd, "/shard-1/pages") ? fails(4) : 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  return write_fails(fd) ? -1 : real_pwrite(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return write_fails(fd) ? -1 : real_pwrite64(fd, bytes, count, at);
}

static int sync_fails(int fd) {
  if (control == NULL || control[0] == 0 || !is_of(fd, "/shard-1/")) return 0;
  __sync_fetch_and_add(&control[5], 1);
  return fails(2);
}

int fdatasync(int fd) { return sync_fails(fd) ? -1 : real_fdatasync(fd); }
int fsync(int fd) { return sync_fails(fd) ? -1 : real_fsync(fd); }

/* threads.c - how many threads a call uses.
 *
 * The thread's own setting, else the global one, else BUTTERFLY_NUM_THREADS, else OMP_NUM_THREADS, else the processors
 * that affinity and the control group allow. One thread below the work that pays, inside another parallel region, and
 * in a forked child: the OpenMP runtime's threads do not exist there and waiting for them would hang.
 */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <unistd.h>
#endif

#include "args.h"

/* Below about 25 us of serial work a second thread costs more than it gives (measured fork-join: 0.6 to 2 us, later
 * when the threads have gone to sleep). In units of bytes times stages. */
#define MIN_WORK_PER_THREAD 6e5

static atomic_int global_threads, default_threads, forked;
static _Thread_local int local_threads;

static int positive_env(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text) return 0;
    const long k = strtol(text, &end, 10);
    return end != text && k > 0 && k < 1 << 20 ? (int)k : 0;
}

#ifdef __linux__
/* the control group's processor quota, 0 when there is none */
static int quota(void)
{
    double limit = 0, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (f) {
        if (fscanf(f, "%lf %lf", &limit, &period) != 2) limit = 0;
        fclose(f);
    } else {
        f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r");
        if (f) {
            if (fscanf(f, "%lf", &limit) != 1) limit = 0;
            fclose(f);
        }
        f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
        if (f) {
            if (fscanf(f, "%lf", &period) != 1) period = 0;
            fclose(f);
        }
    }
    return limit > 0 && period > 0 ? (int)((limit + period - 1) / period) : 0;
}
#endif

static int processors(void)
{
    int k = 0;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) k = CPU_COUNT(&set);
    const int q = quota();
    if (k > 0 && q > 0 && q < k) k = q;
#endif
#if defined(__unix__) || defined(__APPLE__)
    if (k < 1) k = (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return k < 1 ? 1 : k;
}

static int default_count(void)
{
#ifdef _OPENMP
    int k = atomic_load_explicit(&default_threads, memory_order_relaxed);
    if (k == 0) {
        k = positive_env("BUTTERFLY_NUM_THREADS");
        if (k == 0) k = positive_env("OMP_NUM_THREADS");
        if (k == 0) k = processors();
        atomic_store_explicit(&default_threads, k, memory_order_relaxed);
    }
    return k;
#else
    (void)positive_env;
    (void)processors;
    return 1;
#endif
}

int bfly_get_num_threads(void)
{
#ifdef _OPENMP
    const int k = local_threads ? local_threads : atomic_load_explicit(&global_threads, memory_order_relaxed);
    return k ? k : default_count();
#else
    return default_count();
#endif
}

void bfly_set_num_threads(int k) { atomic_store_explicit(&global_threads, k > 0 ? k : 0, memory_order_relaxed); }

int bfly_set_num_threads_local(int k)
{
    const int old = local_threads;
    local_threads = k > 0 ? k : 0;
    return old;
}

#ifdef _OPENMP
#if defined(__unix__) || defined(__APPLE__)
static void in_child(void) { atomic_store(&forked, 1); }
/* from the start: another library may have started the runtime's threads before the first call here */
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }
#endif

int bfly_threads_for(double work)
{
    if (work < 2 * MIN_WORK_PER_THREAD) return 1;
    int k = bfly_get_num_threads();
    if (k == 1 || omp_in_parallel() || atomic_load_explicit(&forked, memory_order_relaxed)) return 1;
    const double most = work / MIN_WORK_PER_THREAD;
    return k > most ? (int)most : k;
}
#else
int bfly_threads_for(double work)
{
    (void)work;
    (void)forked;
    (void)global_threads;
    (void)default_threads;
    return 1;
}
#endif

/* A pass over a tile of this size takes a few times what the threads need to meet (measured: two threads gain from about
 * half of it on). Only with fewer tiles than threads: where processors share no cache, what they hand over between
 * passes costs more than a tile apart gains (f32, n = 1024, 64 vectors: 57 us shared, 16 us by one thread). */
#define MIN_SHARED_BYTES (64.0 * 1024)

int bfly_threads_inside(int threads, bfly_int tiles, double tile_bytes)
{
    return threads > 1 && tiles < threads && tile_bytes >= MIN_SHARED_BYTES ? threads : 1;
}

void bfly_team_meets(void)
{
#ifdef _OPENMP
#pragma omp barrier
#endif
}

/* test_library.c - version, texts, instruction sets, environment, threads; a forked child; many callers at once.
 *
 * What the environment decides is looked at by the program starting itself again with variables set.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "reference.h"

static int has_openmp(void) { return strstr(bfly_config(), "openmp=yes") != NULL; }

static const char *best_isa(void)
{
    const char *name = "none", *next;
    for (int i = 0; (next = isa_name(i)) != NULL; i++) name = next;
    return name;
}

static void test_texts(void)
{
    CHECK(bfly_version() == 10000 * BFLY_VERSION_MAJOR + 100 * BFLY_VERSION_MINOR + BFLY_VERSION_PATCH,
          "version %d differs from the header", bfly_version());
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", BFLY_VERSION_MAJOR, BFLY_VERSION_MINOR, BFLY_VERSION_PATCH);
    CHECK(strstr(bfly_config(), version) != NULL, "\"%s\" does not tell the version", bfly_config());
    CHECK(strstr(bfly_config(), bfly_get_isa()) != NULL, "\"%s\" does not tell the instruction set", bfly_config());
    CHECK(strchr(bfly_config(), '\n') == NULL, "bfly_config is more than one line");

    const int results[] = {0, BFLY_ENOMEM, BFLY_EOVERFLOW, BFLY_EISA, -1, 99};
    for (int i = 0; i < 6; i++) {
        const char *text = bfly_strerror(results[i]);
        CHECK(text != NULL && text[0] != '\0', "no text for %d", results[i]);
        CHECK(text == bfly_strerror(results[i]), "the text for %d is not static", results[i]);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(text, bfly_strerror(results[j])) != 0, "same text for %d and %d", results[i], results[j]);
    }
    for (int i = 1; i <= 17; i++)
        CHECK(strcmp(bfly_strerror(-i), bfly_strerror(99)) != 0, "position %d is unknown to bfly_strerror", i);
    CHECK(bfly_strerror(INT32_MIN) != NULL && bfly_strerror(INT32_MAX) != NULL, "no text for an unknown result");
}

static void test_isas(void)
{
    CHECK(bfly_set_isa("auto") == 0 && strcmp(bfly_get_isa(), best_isa()) == 0, "auto is %s, the best is %s",
          bfly_get_isa(), best_isa());
    const char *name;
    int scalar = 0;
    for (int i = 0; (name = isa_name(i)) != NULL; i++) {
        int rc = bfly_set_isa(name);
        CHECK(rc == 0 && strcmp(bfly_get_isa(), isa_name(i)) == 0, "set %s: returned %d, in use %s", isa_name(i), rc,
              bfly_get_isa());
        scalar += strcmp(isa_name(i), "scalar") == 0;
        static const char *const bad[] = {"", "none", "AVX2", "avx2 ", "scalarx", "auto "};
        for (int j = 0; j < 6; j++) {
            rc = bfly_set_isa(bad[j]);
            CHECK(rc == BFLY_EISA, "bfly_set_isa(\"%s\") returned %d", bad[j], rc);
            CHECK(strcmp(bfly_get_isa(), isa_name(i)) == 0, "a refused name changed the instruction set");
        }
        rc = bfly_set_isa(NULL);
        CHECK(rc == -1, "bfly_set_isa(NULL) returned %d", rc);
        CHECK(strcmp(bfly_get_isa(), isa_name(i)) == 0, "NULL changed the instruction set");
    }
    CHECK(scalar == 1, "\"%s\" names scalar %d times", bfly_isas(), scalar);
    bfly_set_isa("auto");
}

/* Errors of every kind, from here and from a process that BUTTERFLY_ISA names nonsense to: not a byte is printed. */
static void test_silence(const char *self)
{
    char path[] = "/tmp/butterfly-silence-XXXXXX";
    float x[8] = {0};
    bfly_plan *plan = NULL;
    fflush(NULL);
    const int file = mkstemp(path), out = dup(1), err = dup(2);
    CHECK(file >= 0 && out >= 0 && err >= 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2, "cannot redirect");
    const int told[] = {bfly_smul(0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, NULL, 0, 0), bfly_set_isa("nonsense"),
                        bfly_sfwht(BFLY_NATURAL, 8, 1, 1, x, INT64_MAX, 0, x, 1, 0),
                        bfly_plan_load("there/is/none.plan", &plan), bfly_plan_from_memory(x, sizeof x, &plan)};
    const pid_t child = fork();
    if (child == 0) {
        setenv("BUTTERFLY_ISA", "nonsense", 1);
        setenv("BUTTERFLY_NUM_THREADS", "many", 1);
        execl(self, self, "silent", "", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    fflush(NULL);
    const long bytes = (long)lseek(file, 0, SEEK_END);
    dup2(out, 1);
    dup2(err, 2);
    close(out), close(err), close(file), remove(path);
    for (int i = 0; i < 5; i++) CHECK(told[i] != 0, "error %d was none", i);
    CHECK(status == 0 && bytes == 0, "%ld bytes were printed, the other process ended with %d", bytes, status);
}

static void *other_thread(void *result)
{
    *(int *)result = bfly_get_num_threads();
    return NULL;
}

static void test_thread_numbers(void)
{
    CHECK(bfly_get_num_threads() >= 1, "%d threads", bfly_get_num_threads());
    int start = bfly_get_num_threads(), openmp = has_openmp();
    bfly_set_num_threads(3);
    CHECK(bfly_get_num_threads() == (openmp ? 3 : 1), "3 threads wished, %d answered", bfly_get_num_threads());
    CHECK(bfly_set_num_threads_local(2) == 0, "there was a local number at the start");
    CHECK(bfly_get_num_threads() == (openmp ? 2 : 1), "2 local threads wished, %d answered", bfly_get_num_threads());
    int seen = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, other_thread, &seen) == 0) {
        pthread_join(thread, NULL);
        CHECK(seen == (openmp ? 3 : 1), "another thread sees %d", seen);
    }
    CHECK(bfly_set_num_threads_local(0) == 2, "the old local number was not 2");
    CHECK(bfly_set_num_threads_local(-5) == 0, "the local number was not removed");
    CHECK(bfly_get_num_threads() == (openmp ? 3 : 1), "%d threads after the local number", bfly_get_num_threads());
    bfly_set_num_threads(0);
    CHECK(bfly_get_num_threads() == start, "0 does not return to the default");
    bfly_set_num_threads(-1);
    CHECK(bfly_get_num_threads() == start, "-1 does not return to the default");
}

/* Work for the fork and the many callers: a product and its gradients of float, n = 256. */
enum { LOGN = 8, N = 1 << LOGN, COUNT = 600, NUMBERS = 2 * N * LOGN };

typedef struct work {
    float *w, *x, *y, *gw, *gx;
} work;

static work work_new(uint64_t seed)
{
    work W = {must_alloc(NUMBERS * 4), must_alloc(N * COUNT * 4), must_alloc(N * COUNT * 4), must_alloc(NUMBERS * 4),
              must_alloc(N * COUNT * 4)};
    random_seed(seed);
    for (int i = 0; i < NUMBERS; i++) W.w[i] = (float)random_real();
    for (int i = 0; i < N * COUNT; i++) W.x[i] = (float)random_real();
    return W;
}

static void work_free(work *W)
{
    free(W->w);
    free(W->x);
    free(W->y);
    free(W->gw);
    free(W->gx);
}

static int work_do(work *W)
{
    memset(W->y, 0xff, N * COUNT * 4);
    memset(W->gw, 0xff, NUMBERS * 4);
    memset(W->gx, 0xff, N * COUNT * 4);
    int rc = bfly_smul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, COUNT, 1, W->w, W->x, 1, N, 0, W->y, 1, N);
    if (rc != 0) return rc;
    return bfly_sgrad(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, N, COUNT, W->w, W->x, 1, N, W->x, 1, N, W->gw,
                      W->gx, 1, N);
}

static int work_equal(const work *A, const work *B)
{
    return memcmp(A->y, B->y, N * COUNT * 4) == 0 && memcmp(A->gw, B->gw, NUMBERS * 4) == 0 &&
           memcmp(A->gx, B->gx, N * COUNT * 4) == 0;
}

/* A child of a process that has used threads computes the same, and does not hang. */
static void test_fork(void)
{
    work before = work_new(1), after = work_new(1);
    bfly_set_num_threads(3);
    CHECK(work_do(&before) == 0, "work before the fork failed");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int good = work_do(&after) == 0 && work_equal(&before, &after);
        bfly_set_num_threads(2);
        good = good && work_do(&after) == 0 && work_equal(&before, &after);
        _exit(good ? 0 : 1);
    }
    CHECK(child > 0, "fork failed");
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the forked child %s",
          WIFEXITED(status) ? "computed something else" : "did not end by itself");
    CHECK(work_do(&after) == 0 && work_equal(&before, &after), "the parent computes something else after the fork");
    bfly_set_num_threads(0);
    work_free(&before);
    work_free(&after);
}

enum { CALLERS = 6, ROUNDS = 12 };
static work mine[CALLERS], expected[CALLERS];
static int good_rounds[CALLERS];

static void *caller(void *which)
{
    int k = (int)(intptr_t)which;
    for (int r = 0; r < ROUNDS; r++) {
        bfly_set_num_threads_local(r % 3);
        if (k == 0) bfly_set_num_threads(1 + r % 3);
        const char *config = bfly_config();
        int good = work_do(&mine[k]) == 0 && work_equal(&mine[k], &expected[k]);
        good_rounds[k] += good && config[0] != '\0' && bfly_isas()[0] != '\0';
    }
    return NULL;
}

static void test_callers(void)
{
    pthread_t thread[CALLERS];
    int started[CALLERS];
    for (int k = 0; k < CALLERS; k++) {
        expected[k] = work_new((uint64_t)k);
        mine[k] = work_new((uint64_t)k);
        CHECK(work_do(&expected[k]) == 0, "work %d failed", k);
    }
    for (int k = 0; k < CALLERS; k++) started[k] = pthread_create(&thread[k], NULL, caller, (void *)(intptr_t)k) == 0;
    for (int k = 0; k < CALLERS; k++) {
        if (started[k]) pthread_join(thread[k], NULL);
        CHECK(started[k] && good_rounds[k] == ROUNDS, "caller %d: %d of %d rounds right", k, good_rounds[k], ROUNDS);
        work_free(&expected[k]);
        work_free(&mine[k]);
    }
    bfly_set_num_threads(0);
}

/* Starts this program again with the variables set (NULL: unset); it checks one thing and ends with 0. */
static void test_again(const char *self, const char *isa, const char *threads, const char *omp, const char *what,
                       const char *value)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const char *const names[3] = {"BUTTERFLY_ISA", "BUTTERFLY_NUM_THREADS", "OMP_NUM_THREADS"};
        const char *const values[3] = {isa, threads, omp};
        for (int i = 0; i < 3; i++) {
            if (values[i] != NULL)
                setenv(names[i], values[i], 1);
            else
                unsetenv(names[i]);
        }
        execl(self, self, what, value, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "BUTTERFLY_ISA=%s BUTTERFLY_NUM_THREADS=%s OMP_NUM_THREADS=%s: %s is not %s (status %d)", isa ? isa : "-",
          threads ? threads : "-", omp ? omp : "-", what, value, status);
}

static int answer(const char *what, const char *value)
{
    if (strcmp(what, "isa") == 0) return strcmp(bfly_get_isa(), value) != 0 || strstr(bfly_config(), "BUTTERFLY_ISA");
    if (strcmp(what, "refused") == 0)
        return strstr(bfly_config(), "BUTTERFLY_ISA") == NULL || strcmp(bfly_get_isa(), value) != 0;
    if (strcmp(what, "silent") == 0) return bfly_get_num_threads() < 1 || bfly_get_isa() == NULL || bfly_config() == NULL;
    if (strcmp(what, "threads") == 0) return bfly_get_num_threads() != (has_openmp() ? atoi(value) : 1);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3) return answer(argv[1], argv[2]);
    char best[32];
    snprintf(best, sizeof best, "%s", best_isa());
    for (int i = 0; isa_name(i) != NULL; i++) test_again(argv[0], isa_name(i), NULL, NULL, "isa", isa_name(i));
    test_again(argv[0], NULL, NULL, NULL, "isa", best);
    test_again(argv[0], "", NULL, NULL, "isa", best);
    test_again(argv[0], "auto", NULL, NULL, "isa", best);
    test_again(argv[0], "nonsense", NULL, NULL, "refused", best);
    test_again(argv[0], NULL, "3", NULL, "threads", "3");
    test_again(argv[0], NULL, "3", "5", "threads", "3");
    test_again(argv[0], NULL, NULL, "5", "threads", "5");
    test_again(argv[0], NULL, "x", "4", "threads", "4");
    test_again(argv[0], NULL, "-2", "4", "threads", "4");
    test_again(argv[0], NULL, "0", "4", "threads", "4");
    test_texts();
    test_silence(argv[0]);
    test_isas();
    test_thread_numbers();
    test_fork();
    test_callers();
    return finish("library");
}

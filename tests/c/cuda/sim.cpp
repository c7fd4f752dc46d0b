/* sim.cpp - runs the blocks of a launch one after the other, their threads as contexts; see sim.h. */
#include "sim.h"

#if !defined(__x86_64__)
#  include <ucontext.h>
#endif

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <vector>

namespace sim {

Settings settings = {1, 3, 227 * 1024, 1 << 20};
Report report;
bool watched;
void *last_stream;
Thread self;

namespace {

constexpr int kMostThreads = 512;
constexpr size_t kStack = 256 * 1024;

struct Access {
    uintptr_t at;
    int bytes, barriers, warp_barriers;
    bool write, counted;
};

/* Switches from one context to another: the registers that a call preserves, and the stack. As swapcontext, without its
 * two system calls; other processors use that. */
#if defined(__x86_64__)
struct Place {
    void *stack_pointer;
};
extern "C" void sim_switch(Place *from, const Place *to);
asm(R"(
.text
.globl sim_switch
.hidden sim_switch
sim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
void prepare(Place &place, char *stack, size_t bytes, void (*entry)())
{
    void **top = (void **)(((uintptr_t)stack + bytes) & ~(uintptr_t)63) - 1; /* as a call leaves it: 8 below a multiple of 16 */
    *top = nullptr;
    *--top = (void *)entry;
    top -= 6;
    place.stack_pointer = top;
}
#else
struct Place {
    ucontext_t context;
};
void sim_switch(Place *from, const Place *to) { swapcontext(&from->context, &to->context); }
void prepare(Place &place, char *stack, size_t bytes, void (*entry)())
{
    getcontext(&place.context);
    place.context.uc_stack.ss_sp = stack;
    place.context.uc_stack.ss_size = bytes;
    place.context.uc_link = nullptr;
    makecontext(&place.context, entry, 0);
}
#endif

struct Context {
    Place at;
    char *stack;
    enum { RUNS, WAITS, WAITS_WARP, DONE } state;
    int barriers, warp_barriers;
    uint64_t given;
    std::vector<Access> accesses;
};

Context contexts[kMostThreads];
Place scheduler;
unsigned char *memory;
unsigned memory_bytes;
int threads_now, current;
void (*kernel_now)(const void *);
const void *args_now;
const char *name_now;

[[noreturn]] void die(const char *what)
{
    fprintf(stderr, "simulation of %s: %s\n", name_now, what);
    abort();
}

void leave(int state)
{
    Context &c = contexts[current];
    c.state = (decltype(c.state))state;
    sim_switch(&c.at, &scheduler);
}

void enter()
{
    kernel_now(args_now);
    leave(Context::DONE);
}

/* lets all threads go that wait for a barrier which everybody has reached */
bool release()
{
    bool any = false;
    for (int w = 0; w < threads_now; w += 32) {
        int waiting = 0, running = 0;
        for (int t = w; t < w + 32; t++) waiting += contexts[t].state == Context::WAITS_WARP, running += contexts[t].state == Context::RUNS;
        if (!waiting || running) continue;
        if (waiting != 32) die("a barrier of the warp that some lanes do not reach");
        for (int t = w; t < w + 32; t++) contexts[t].state = Context::RUNS, contexts[t].warp_barriers++;
        any = true;
    }
    if (any) return true;
    int waiting = 0;
    for (int t = 0; t < threads_now; t++) waiting += contexts[t].state == Context::WAITS;
    if (!waiting) return false;
    if (waiting != threads_now) die("a barrier of the block that some threads do not reach");
    for (int t = 0; t < threads_now; t++) contexts[t].state = Context::RUNS, contexts[t].barriers++;
    return true;
}

/* wavefronts of one instruction: lanes in groups of 128 bytes, distinct words of one bank one after the other */
void count_conflicts(const std::vector<const Access *> &lanes)
{
    const int bytes = lanes[0]->bytes, group = bytes <= 4 ? 32 : 128 / bytes;
    for (int first = 0; first < 32; first += group) {
        std::vector<uintptr_t> words[32];
        for (int l = first; l < first + group; l++)
            for (int b = 0; b < bytes; b += 4) {
                const uintptr_t word = (lanes[(size_t)l]->at - (uintptr_t)memory) / 4 + (uintptr_t)(b / 4);
                std::vector<uintptr_t> &bank = words[word % 32];
                if (std::find(bank.begin(), bank.end(), word) == bank.end()) bank.push_back(word);
            }
        size_t most = 1;
        for (const auto &bank : words) most = std::max(most, bank.size());
        report.wavefronts += (long)most;
        report.fewest++;
    }
}

void examine()
{
    for (int w = 0; w < threads_now; w += 32)
        for (size_t k = 0; k < contexts[w].accesses.size(); k++) {
            if (!contexts[w].accesses[k].counted) continue;
            std::vector<const Access *> lanes;
            for (int t = w; t < w + 32; t++) {
                if (k >= contexts[t].accesses.size()) die("lanes of a warp differ in their shared accesses");
                lanes.push_back(&contexts[t].accesses[k]);
            }
            count_conflicts(lanes);
        }
    struct Seen {
        int thread;
        const Access *access;
    };
    std::unordered_map<uintptr_t, std::vector<Seen>> by_word;
    for (int t = 0; t < threads_now; t++)
        for (const Access &a : contexts[t].accesses) {
            report.accesses++;
            for (int b = 0; b < a.bytes; b += 4) by_word[a.at + (uintptr_t)b].push_back({t, &a});
        }
    for (auto &entry : by_word) {
        auto &list = entry.second;
        std::stable_sort(list.begin(), list.end(), [](const Seen &a, const Seen &b) { return a.access->barriers < b.access->barriers; });
        for (size_t i = 0; i < list.size(); i++)
            for (size_t j = i + 1; j < list.size() && list[j].access->barriers == list[i].access->barriers; j++) {
                const Seen &a = list[i], &b = list[j];
                const bool same_warp = a.thread / 32 == b.thread / 32;
                if (a.thread == b.thread || !(a.access->write || b.access->write)) continue;
                if (same_warp && a.access->warp_barriers != b.access->warp_barriers) continue;
                if (report.races++ == 0)
                    snprintf(report.first_race, sizeof report.first_race, "%.100s: threads %d and %d after barrier %d", name_now, a.thread, b.thread,
                             a.access->barriers);
            }
    }
}

void run_block()
{
    memset(memory, 0xff, memory_bytes);
    for (int t = 0; t < threads_now; t++) {
        Context &c = contexts[t];
        if (!c.stack) c.stack = (char *)malloc(kStack);
        c.state = Context::RUNS;
        c.barriers = c.warp_barriers = 0;
        c.accesses.clear();
        prepare(c.at, c.stack, kStack, enter);
    }
    unsigned round = 0;
    do {
        round++;
        for (int i = 0; i < threads_now; i++) {
            const int t = round % 3 == 0 ? threads_now - 1 - i : round % 3 == 1 ? i : (i * 37 + (int)round) % threads_now;
            if (contexts[t].state != Context::RUNS) continue;
            current = t;
            self.thread.x = (unsigned)t;
            sim_switch(&scheduler, &contexts[t].at);
        }
        for (int t = 0; t < threads_now; t++) /* 37 and the number of threads may have a common factor */
            if (contexts[t].state == Context::RUNS) {
                current = t;
                self.thread.x = (unsigned)t;
                sim_switch(&scheduler, &contexts[t].at);
            }
    } while (release());
    if (watched) examine();
}

} // namespace

void barrier() { leave(Context::WAITS); }
void warp_barrier() { leave(Context::WAITS_WARP); }
unsigned char *shared() { return memory; }
unsigned shared_size() { return memory_bytes; }

uint64_t exchange_in_warp(uint64_t value, int from)
{
    contexts[current].given = value;
    warp_barrier();
    const uint64_t got = contexts[current / 32 * 32 + from % 32].given;
    warp_barrier();
    return got;
}

void touch(const void *p, int bytes, bool write, bool counted)
{
    const uintptr_t at = (uintptr_t)p, base = (uintptr_t)memory;
    if (counted && (at < base || at + (uintptr_t)bytes > base + memory_bytes)) die("an access outside shared memory");
    if (watched) contexts[current].accesses.push_back({at, bytes, contexts[current].barriers, contexts[current].warp_barriers, write, counted});
}

void run(void (*kernel)(const void *), const void *args, const char *name, dim3 grid, unsigned threads, unsigned bytes)
{
    name_now = name;
    if (threads == 0 || threads > kMostThreads || threads % 32) die("an impossible number of threads");
    if (bytes > (unsigned)settings.shared) die("more shared memory than there is");
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535) die("an impossible grid");
    kernel_now = kernel;
    args_now = args;
    threads_now = (int)threads;
    memory_bytes = bytes;
    memory = (unsigned char *)aligned_alloc(256, (bytes + 511) / 256 * 256);
    report.launches++;
    report.most_shared = std::max(report.most_shared, bytes);
    self.dim = dim3(threads);
    self.grid = grid;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                self.block = dim3(x, y, z);
                report.blocks++;
                run_block();
            }
    free(memory);
}

} // namespace sim

extern "C" __attribute__((visibility("default"))) void *bfly_cuda_sim_last_stream(void) { return sim::last_stream; }

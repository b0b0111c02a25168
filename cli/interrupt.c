/* interrupt.c - see interrupt.h. `mutex` guards everything but the constants; it is never held over a call that can wait. */
#include "interrupt.h"
#include "buffer.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { CANCEL_AGAIN_MS = 20 };

struct interrupt {
    pthread_t thread;
    int wake_fd; /* constant */
    pthread_mutex_t mutex;
    pthread_cond_t idle;       /* the statement has ended */
    laminar_db *db;            /* of the running statement */
    laminar_subscription *sub; /* that is being read */
    bool is_cancelling;        /* the thread uses db: interrupt_end waits for it */
    bool is_pending;
    bool is_stopping;
};

/* The statement that this shell runs is whatever query is active; its own look into the list isn't counted. */
static void cancel_queries(laminar_db *db)
{
    laminar_result *rows = NULL;
    if (laminar_execute(db, "SHOW QUERIES", &rows, NULL) != LAMINAR_OK) return;
    for (size_t i = 0; i < laminar_result_n_rows(rows); i++) {
        size_t size = 0;
        const char *kind = laminar_result_bytes(rows, i, 3, &size);
        if (!laminar_result_bool(rows, i, 2) || size != 5 || memcmp(kind, "query", 5) != 0)
            continue;
        laminar_cancel_query(db, laminar_result_uint64(rows, i, 0), NULL);
    }
    laminar_result_free(rows);
}

/* Holding mutex: cancels until the statement has ended. */
static void cancel_until_idle(struct interrupt *interrupt)
{
    while (interrupt->db && !interrupt->is_stopping) {
        laminar_db *db = interrupt->db;
        interrupt->is_cancelling = true;
        pthread_mutex_unlock(&interrupt->mutex);
        cancel_queries(db);
        pthread_mutex_lock(&interrupt->mutex);
        interrupt->is_cancelling = false;
        pthread_cond_broadcast(&interrupt->idle);
        if (!interrupt->db) break;
        struct timespec deadline;
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_nsec += CANCEL_AGAIN_MS * 1000000L;
        if (deadline.tv_nsec >= 1000000000L) {
            deadline.tv_nsec -= 1000000000L;
            deadline.tv_sec++;
        }
        pthread_cond_timedwait(&interrupt->idle, &interrupt->mutex, &deadline);
    }
}

static void *run(void *user_data)
{
    struct interrupt *interrupt = user_data;
    sigset_t set;
    int signal_number;
    uint64_t one = 1;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR2); /* interrupt_free's */
    for (;;) {
        if (sigwait(&set, &signal_number) != 0) continue;
        pthread_mutex_lock(&interrupt->mutex);
        if (interrupt->is_stopping) {
            pthread_mutex_unlock(&interrupt->mutex);
            return NULL;
        }
        if (signal_number == SIGINT) {
            interrupt->is_pending = true;
            if (write(interrupt->wake_fd, &one, sizeof one) <
                0) { /* full: it is readable already */
            }
            if (interrupt->sub) laminar_subscription_cancel(interrupt->sub);
            cancel_until_idle(interrupt);
        }
        pthread_mutex_unlock(&interrupt->mutex);
    }
}

struct interrupt *interrupt_create(void)
{
    struct interrupt *interrupt = shell_alloc(1, sizeof *interrupt);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    interrupt->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&interrupt->mutex, NULL);
    pthread_cond_init(&interrupt->idle, NULL);
    if (interrupt->wake_fd >= 0 && pthread_create(&interrupt->thread, NULL, run, interrupt) == 0)
        return interrupt;
    if (interrupt->wake_fd >= 0) close(interrupt->wake_fd);
    free(interrupt);
    return NULL;
}

void interrupt_free(struct interrupt *interrupt)
{
    if (!interrupt) return;
    pthread_mutex_lock(&interrupt->mutex);
    interrupt->is_stopping = true;
    pthread_cond_broadcast(&interrupt->idle);
    pthread_mutex_unlock(&interrupt->mutex);
    pthread_kill(interrupt->thread, SIGUSR2);
    pthread_join(interrupt->thread, NULL);
    close(interrupt->wake_fd);
    pthread_cond_destroy(&interrupt->idle);
    pthread_mutex_destroy(&interrupt->mutex);
    free(interrupt);
}

static void begin(struct interrupt *interrupt, laminar_db *db, laminar_subscription *sub)
{
    pthread_mutex_lock(&interrupt->mutex);
    interrupt->db = db;
    interrupt->sub = sub;
    /* It came before there was something to cancel: once more, now that there is. */
    if (interrupt->is_pending) pthread_kill(interrupt->thread, SIGINT);
    pthread_mutex_unlock(&interrupt->mutex);
}

void interrupt_begin_query(struct interrupt *interrupt, laminar_db *db)
{
    begin(interrupt, db, NULL);
}

void interrupt_begin_subscription(struct interrupt *interrupt, laminar_subscription *sub)
{
    begin(interrupt, NULL, sub);
}

void interrupt_end(struct interrupt *interrupt)
{
    pthread_mutex_lock(&interrupt->mutex);
    interrupt->db = NULL;
    interrupt->sub = NULL;
    pthread_cond_broadcast(&interrupt->idle);
    while (interrupt->is_cancelling) pthread_cond_wait(&interrupt->idle, &interrupt->mutex);
    pthread_mutex_unlock(&interrupt->mutex);
}

bool interrupt_take(struct interrupt *interrupt)
{
    uint64_t count;
    pthread_mutex_lock(&interrupt->mutex);
    bool was_pending = interrupt->is_pending;
    interrupt->is_pending = false;
    if (read(interrupt->wake_fd, &count, sizeof count) < 0) { /* empty */
    }
    pthread_mutex_unlock(&interrupt->mutex);
    return was_pending;
}

bool interrupt_is_pending(struct interrupt *interrupt)
{
    pthread_mutex_lock(&interrupt->mutex);
    bool is_pending = interrupt->is_pending;
    pthread_mutex_unlock(&interrupt->mutex);
    return is_pending;
}

int interrupt_wake_fd(const struct interrupt *interrupt) { return interrupt->wake_fd; }

bool interrupt_wait_readable(struct interrupt *interrupt, int fd)
{
    struct pollfd fds[2] = {{.fd = interrupt->wake_fd, .events = POLLIN},
                            {.fd = fd, .events = POLLIN}};
    for (;;) {
        int n = poll(fds, 2, -1);
        if (n < 0 && errno != EINTR) return true; /* let the read tell */
        if (n > 0 && fds[0].revents) return false;
        if (n > 0 && fds[1].revents) return true;
    }
}

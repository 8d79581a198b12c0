/* A load generator that takes next to nothing of the machine: one thread, one epoll loop, each answer
 * timed. benchmarks/load.py compiles it and calls it; it reads the requests from standard input, each
 * after a line with its length, asks for some seconds and prints its figures as JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct request { char *text; size_t length; };
struct line { int fd; double began; size_t got; char answer[8192]; };

static struct request *requests;
static size_t count, asked, answered, failed, under_way, room;
static double *took;
static int poller, port, keep;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) { perror(what); exit(1); }

static void read_requests(void) {
    size_t length;
    while (scanf("%zu", &length) == 1) {
        requests = realloc(requests, (count + 1) * sizeof *requests);
        requests[count].text = malloc(length);
        requests[count].length = length;
        getchar();
        if (fread(requests[count++].text, 1, length, stdin) != length) die("requests");
    }
}

static void hang_up(struct line *line) {
    if (line->fd >= 0) close(line->fd);
    line->fd = -1;
}

static void ask(struct line *line) {
    struct request *request = &requests[asked++ % count];
    line->began = now();
    line->got = 0;
    if (line->fd < 0) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
        int yes = 1;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        line->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (line->fd < 0 || connect(line->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        epoll_ctl(poller, EPOLL_CTL_ADD, line->fd, &event);
    }
    if (send(line->fd, request->text, request->length, MSG_NOSIGNAL) < 0) hang_up(line);
    under_way++;
}

/* Return whether the answer is complete; closing says whether the connection ends with it. */
static int complete(struct line *line, int *closing) {
    ssize_t got = recv(line->fd, line->answer + line->got, sizeof line->answer - 1 - line->got, 0);
    *closing = 1;
    if (got <= 0) return 1;
    line->got += got;
    line->answer[line->got] = 0;
    char *body = strstr(line->answer, "\r\n\r\n"), *length;
    if (!body) return 0;
    *closing = !keep || strcasestr(line->answer, "connection: close") != NULL;
    length = strcasestr(line->answer, "content-length:");
    if (length && length < body)
        return line->got - (body + 4 - line->answer) >= strtoul(length + 15, NULL, 10);
    return strstr(body, "0\r\n\r\n") != NULL;
}

static int by_size(const void *a, const void *b) {
    return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    port = atoi(argv[1]);
    size_t lines = strtoul(argv[2], NULL, 10), idle = lines;
    double seconds = atof(argv[3]), rate = atof(argv[5]), began;
    keep = atoi(argv[4]);
    read_requests();
    poller = epoll_create1(0);
    struct line *all = calloc(lines, sizeof *all), **free_lines = calloc(lines, sizeof *free_lines);
    struct epoll_event *events = calloc(lines, sizeof *events);
    for (size_t i = 0; i < lines; i++) { all[i].fd = -1; free_lines[i] = &all[i]; }
    for (began = now();;) {
        double spent = now() - began;
        while (idle && spent < seconds && (!rate || asked < spent * rate)) ask(free_lines[--idle]);
        if (spent >= seconds && (!under_way || spent > seconds + 10)) break;
        int ready = epoll_wait(poller, events, lines, rate ? 1 : 1000);
        for (int i = 0; i < ready; i++) {
            struct line *line = events[i].data.ptr;
            int closing;
            if (!complete(line, &closing)) continue;
            if (answered == room) took = realloc(took, (room = room * 2 + 1024) * sizeof *took);
            took[answered++] = now() - line->began;
            failed += strncmp(line->answer, "HTTP/1.1 200 ", 13) != 0 || !line->got;
            if (closing) hang_up(line);
            free_lines[idle++] = line;
            under_way--;
        }
    }
    failed += under_way;
    if (!answered) return 1;
    qsort(took, answered, sizeof *took, by_size);
    printf("{\"per_second\": %f, \"p50\": %f, \"p99\": %f, \"count\": %zu, \"failed\": %zu}\n",
           (answered - failed) / (now() - began), took[answered / 2] * 1e3,
           took[answered * 99 / 100] * 1e3, answered, failed);
    return 0;
}

// Prints a line for every verdict, part and change, in order and each exactly once; what was missed is asked for first.
// ./subscriber [--since N [--journal NAME]] [--keys FILE] [VERDICTS REPLAY]; the rules are those of docs/wire.md.

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SILENCE_MS = 3000, ANSWER_MS = 5000, TRIES = 2, ANSWER_MESSAGES = 1000 };

static void *context;
static const char *verdicts_address = "tcp://127.0.0.1:5590", *replay_address = "tcp://127.0.0.1:5592";
static char public_key[41], secret_key[41], server_key[41]; // empty without keys

static long long next; // 0: what comes from now on
static char journal[128], boot[128], state[64];

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static const char *text(const cJSON *message, const char *field) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, field));
    return value ? value : "";
}

static long long number(const cJSON *message, const char *field) {
    return (long long)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(message, field));
}

static void keep(char *to, size_t size, const char *value) { snprintf(to, size, "%s", value); }

// What is told: here an action of yours belongs

static void tell_numbered(const cJSON *message) {
    long long sequence = number(message, "sequence");
    const char *kind = text(message, "kind");
    next = sequence + 1;
    if (strcmp(kind, "change") == 0)
        printf("%lld change %s %s %s\n", sequence, text(message, "surface"), text(message, "action"),
               text(message, "bundle"));
    else if (strcmp(kind, "part") == 0)
        printf("%lld part %s %s\n", sequence, text(message, "part"), text(message, "outcome"));
    else if (*text(message, "reason"))
        printf("%lld verdict %s %s %s\n", sequence, text(message, "camera"), text(message, "outcome"),
               text(message, "reason"));
    else
        printf("%lld verdict %s %s %.4g\n", sequence, text(message, "camera"), text(message, "outcome"),
               cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(message, "score")));
}

static void tell_lost_up_to(long long sequence, const char *problem) {
    if (next < sequence) printf("lost %lld %lld: %s; take these parts for bad\n", next, sequence - 1, problem);
    next = sequence;
}

static void tell_state(const char *new_state) {
    if (strcmp(state, new_state) != 0) printf("state %s\n", new_state);
    keep(state, sizeof state, new_state);
}

static void tell_silence(void) {
    if (strcmp(state, "silent") != 0) printf("silence %d s: take every part for bad\n", SILENCE_MS / 1000);
    keep(state, sizeof state, "silent");
}

// Sockets

static void set(void *socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

static void *connected(int type, const char *address, int patience_ms) {
    void *socket = zmq_socket(context, type);
    if (!socket) fail("socket", zmq_strerror(zmq_errno()));
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_RCVTIMEO, patience_ms);
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 2);
    set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 2);
    set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
    if (*server_key) {
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, sizeof public_key);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, sizeof secret_key);
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, sizeof server_key);
    }
    if (zmq_connect(socket, address) != 0) fail(address, zmq_strerror(zmq_errno()));
    return socket;
}

static bool receive_part(void *socket, zmq_msg_t *part) {
    zmq_msg_init(part);
    while (zmq_msg_recv(part, socket, 0) < 0) {
        if (zmq_errno() == EINTR) continue; // a signal, as after SIGCONT
        if (zmq_errno() == EAGAIN) return false;
        fail("receive", zmq_strerror(zmq_errno()));
    }
    return true;
}

// The JSON of a message of two parts, its first part in `head`; NULL where none came in time.
static cJSON *receive(void *socket, char *head, size_t size) {
    zmq_msg_t part;
    if (!receive_part(socket, &part)) return NULL;
    snprintf(head, size, "%.*s", (int)zmq_msg_size(&part), (char *)zmq_msg_data(&part));
    bool more = zmq_msg_more(&part);
    zmq_msg_close(&part);
    if (!more || !receive_part(socket, &part)) fail(head, "a message of two parts was expected");
    cJSON *message = cJSON_ParseWithLength(zmq_msg_data(&part), zmq_msg_size(&part));
    more = zmq_msg_more(&part);
    zmq_msg_close(&part);
    if (!message || more) fail(head, "no message of this wire; is the address the right one?");
    return message;
}

// Replay

struct answer {
    cJSON *verdicts[ANSWER_MESSAGES];
    int count;
    char problem[256]; // why there are no verdicts
};

static void forget(struct answer *answer) {
    while (answer->count > 0) cJSON_Delete(answer->verdicts[--answer->count]);
}

// Reads one answer; false where it is not whole.
static bool read_answer(void *socket, struct answer *answer) {
    char head[32];
    for (cJSON *message; (message = receive(socket, head, sizeof head)); cJSON_Delete(message)) {
        if (strcmp(head, "verdict") == 0 && answer->count < ANSWER_MESSAGES) {
            answer->verdicts[answer->count++] = message;
            message = NULL; // kept
            continue;
        }
        bool whole = strcmp(head, "replay_error") == 0 || number(message, "sent") == answer->count;
        if (strcmp(head, "replay_error") == 0) keep(answer->problem, sizeof answer->problem, text(message, "error"));
        else if (strcmp(text(message, "journal"), journal) != 0) {
            forget(answer);
            keep(answer->problem, sizeof answer->problem, "the journal was replaced");
        } else keep(answer->problem, sizeof answer->problem, "no longer in the journal");
        cJSON_Delete(message);
        return whole;
    }
    return false;
}

// The beginning of a range; empty, with the problem, where none is to be had.
static void ask(long long first, long long last, struct answer *answer) {
    char request[96];
    snprintf(request, sizeof request, "{\"request\": \"replay\", \"first\": %lld, \"last\": %lld}", first, last);
    for (int tries = 0; tries < TRIES; tries++) {
        // What is left of an answer given up goes with its socket.
        void *socket = connected(ZMQ_DEALER, replay_address, ANSWER_MS);
        zmq_send(socket, request, strlen(request), 0);
        bool whole = read_answer(socket, answer);
        zmq_close(socket);
        if (whole) return;
        forget(answer);
    }
    snprintf(answer->problem, sizeof answer->problem, "no answer from %s", replay_address);
}

// Tell everything up to `last`: as it was published where it can be had, else as lost.
static void repair(long long last) {
    static struct answer answer;
    printf("missing %lld %lld: asking for them\n", next, last);
    while (next <= last) {
        ask(next, last, &answer);
        for (int i = 0; i < answer.count; i++) {
            tell_lost_up_to(number(answer.verdicts[i], "sequence"), "no longer in the journal");
            tell_numbered(answer.verdicts[i]);
        }
        if (answer.count == 0) tell_lost_up_to(last + 1, answer.problem);
        forget(&answer);
    }
}

// Numbers

static void notice_changes(const cJSON *message, long long newest) {
    bool other_boot = strcmp(boot, text(message, "boot")) != 0;
    bool other_journal = *journal && strcmp(journal, text(message, "journal")) != 0;
    if (other_boot && *boot) printf("restart %s\n", text(message, "boot"));
    if (other_journal || (other_boot && newest + 1 < next)) {
        printf("journal-replaced %s: numbers begin anew, call an operator\n", text(message, "journal"));
        next = 1;
    }
    keep(boot, sizeof boot, text(message, "boot"));
    keep(journal, sizeof journal, text(message, "journal"));
}

// One message of the verdicts' socket: everything that must be told before it, and it.
static void hear(const cJSON *message) {
    if (number(message, "wire") != 1) fail("wire", "a version other than 1; update the older one");
    bool heartbeat = strcmp(text(message, "kind"), "heartbeat") == 0;
    long long sequence = number(message, "sequence");
    long long newest = heartbeat ? sequence : sequence - 1; // the number before this message
    notice_changes(message, newest);
    if (next == 0) next = newest + 1;
    if (next <= newest) repair(newest);
    if (heartbeat) tell_state(text(message, "state"));
    else if (sequence == next) tell_numbered(message); // a lower number was told already
}

// The file is what `inspectd keys client` makes.
static void read_keys(const char *path) {
    char line[256];
    FILE *file = fopen(path, "r");
    if (!file) fail(path, strerror(errno));
    while (fgets(line, sizeof line, file)) {
        sscanf(line, " public-key = \"%40[^\"]\"", public_key);
        sscanf(line, " secret-key = \"%40[^\"]\"", secret_key);
        sscanf(line, " server-key = \"%40[^\"]\"", server_key);
    }
    fclose(file);
    if (!*public_key || !*secret_key || !*server_key) fail(path, "public-key, secret-key and server-key are expected");
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"since", required_argument, NULL, 's'},
        {"journal", required_argument, NULL, 'j'},
        {"keys", required_argument, NULL, 'k'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's') next = atoll(optarg);
        else if (option == 'j') keep(journal, sizeof journal, optarg);
        else if (option == 'k') read_keys(optarg);
        else fail("usage", "subscriber [--since N [--journal NAME]] [--keys FILE] [VERDICTS REPLAY]");
    }
    if (optind < argc) verdicts_address = argv[optind];
    if (optind + 1 < argc) replay_address = argv[optind + 1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    context = zmq_ctx_new();
    void *verdicts = connected(ZMQ_SUB, verdicts_address, SILENCE_MS);
    zmq_setsockopt(verdicts, ZMQ_SUBSCRIBE, "", 0);
    for (char topic[128];;) {
        cJSON *message = receive(verdicts, topic, sizeof topic);
        if (message) hear(message);
        else tell_silence();
        cJSON_Delete(message);
    }
}

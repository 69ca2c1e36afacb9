#include "tls_session.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "byte_queue.h"

#define HEAD_BYTES      5 /* of a record: type, version (2), length (2) */
#define PLAIN_MAX_BYTES ((size_t)16 << 10)
#define BODY_MAX_BYTES  (PLAIN_MAX_BYTES + 2048) /* of TLS 1.2; of 1.3 less */
#define OVERHEAD_BYTES  32                       /* of a record, at most */
#define TYPE_HANDSHAKE  22
#define VERSION_MAJOR   3
#define ERROR_MAX       160

/* What OpenSSL 3.0 takes for a session while it shakes hands, and from then on:
 * 43 and 14 KiB as measured, and 5 more with a client's certificate. */
#define HANDSHAKE_BYTES ((size_t)44 << 10)
#define SESSION_BYTES   ((size_t)16 << 10)

/* AES-GCM is good for 2^24.5 records with one key (RFC 8446, section 5.5). Long
 * before that TLS 1.3 changes it, which costs nothing at this pace. */
#define RECORDS_A_KEY ((uint32_t)1 << 18)

/* New keys of the peer's cost 27 bytes to announce and 16 us to follow: a full
 * read of them would stall a loop for 40 ms. */
#define KEYS_MAX      16
#define KEYS_FOR_EACH ((size_t)1 << 20) /* of bytes that it sends */

struct tls_session {
    SSL_CTX *context; /* until there is @ssl */
    SSL *ssl;         /* made with the first record */
    struct byte_queue in, out;
    size_t whole; /* so many bytes of @in OpenSSL may see: records that are all there */
    bool done;    /* the handshake is */
    bool failed, closed;
    const char *broken; /* a rule of ours, by the peer; OpenSSL gets no more input */
    unsigned peer_keys; /* changes of the peer's keys since it has sent @since_keys bytes */
    size_t since_keys;
    uint32_t records; /* written with this key */
    char error[ERROR_MAX];
};

/* --- Failing ------------------------------------------------------------------------ */

static void drop_input(struct tls_session *t)
{
    byte_queue_clear(&t->in);
    t->whole = 0;
}

static enum tls_result fail(struct tls_session *t, const char *why)
{
    if (!t->failed)
        snprintf(t->error, sizeof t->error, "%s", why);
    t->failed = true;
    drop_input(t);
    SSL_free(t->ssl); /* it keeps its buffers; the alert is in the output already */
    t->ssl = NULL;
    ERR_clear_error(); /* other users of OpenSSL on this thread would take it for theirs */
    return TLS_FAILED;
}

/* The first of OpenSSL's errors is the cause; what follows says where it led. */
static enum tls_result fail_of_openssl(struct tls_session *t)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    const long verified = t->ssl != NULL ? SSL_get_verify_result(t->ssl) : X509_V_OK;
    char why[ERROR_MAX];
    if (t->broken != NULL)
        return fail(t, t->broken);
    if (reason == NULL)
        return fail(t, "out of memory");
    snprintf(why, sizeof why, "%s%s%s", reason, verified != X509_V_OK ? ": " : "",
             verified != X509_V_OK ? X509_verify_cert_error_string(verified) : "");
    return fail(t, why);
}

/* TLS_OK: it is not. */
static enum tls_result over(const struct tls_session *t)
{
    return t->failed ? TLS_FAILED : t->closed ? TLS_CLOSED : TLS_OK;
}

/* --- Records that are all there ----------------------------------------------------- */

/* Of the record that begins here; 0: not all there yet. What cannot be one is
 * OpenSSL's to refuse. */
static size_t record_len(struct bytes b)
{
    if (b.len < HEAD_BYTES)
        return 0;
    const size_t body = (size_t)b.data[3] << 8 | b.data[4];
    if (b.data[1] != VERSION_MAJOR || body > BODY_MAX_BYTES)
        return b.len;
    return b.len - HEAD_BYTES >= body ? HEAD_BYTES + body : 0;
}

static void find_whole(struct tls_session *t)
{
    const struct bytes b = byte_queue_bytes(&t->in);
    size_t len;
    assert(t->whole <= b.len);
    while ((len = record_len(bytes_of(b.data + t->whole, b.len - t->whole))) > 0)
        t->whole += len;
}

/* --- OpenSSL's side of the network -------------------------------------------------- */

static int on_read(BIO *bio, char *to, size_t room, size_t *ret_len)
{
    struct tls_session *t = BIO_get_data(bio);
    const size_t n = room < t->whole ? room : t->whole;
    BIO_clear_retry_flags(bio);
    if (t->broken != NULL)
        return 0;
    if (n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    const struct bytes in = byte_queue_bytes(&t->in);
    assert(n <= in.len);
    memcpy(to, in.data, n);
    byte_queue_take(&t->in, n);
    t->whole -= n;
    *ret_len = n;
    return 1;
}

static int on_write(BIO *bio, const char *from, size_t len, size_t *ret_len)
{
    struct tls_session *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!byte_queue_add(&t->out, bytes_of(from, len)))
        return 0;
    *ret_len = len;
    return 1;
}

static long on_control(BIO *bio, int what, long n, void *p)
{
    (void)bio, (void)n, (void)p;
    return what == BIO_CTRL_FLUSH;
}

static int on_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *g_methods; /* NULL: no memory */
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static void make_methods(void)
{
    g_methods = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tls_session");
    if (g_methods == NULL)
        return;
    BIO_meth_set_read_ex(g_methods, on_read);
    BIO_meth_set_write_ex(g_methods, on_write);
    BIO_meth_set_ctrl(g_methods, on_control);
    BIO_meth_set_create(g_methods, on_create);
}

/* --- What the peer may not do, though OpenSSL lets it ------------------------------- */

static bool is_new_key(int writing, int type, const uint8_t *message, size_t len)
{
    return !writing && type == SSL3_RT_HANDSHAKE && len > 0 && message[0] == SSL3_MT_KEY_UPDATE;
}

/* OpenSSL's answer to one who wants to begin anew, and it would answer again
 * and again. */
static bool is_renegotiation(int writing, int type, const uint8_t *message, size_t len)
{
    return writing && type == SSL3_RT_ALERT && len == 2 && message[1] == SSL_AD_NO_RENEGOTIATION;
}

static void on_message(int writing, int version, int type, const void *message, size_t len,
                       SSL *ssl, void *arg)
{
    struct tls_session *t = arg;
    (void)version, (void)ssl;
    if (is_new_key(writing, type, message, len) && ++t->peer_keys > KEYS_MAX)
        t->broken = "the peer changes its keys too often";
    else if (is_renegotiation(writing, type, message, len))
        t->broken = "the peer wants to renegotiate";
}

static void count_received(struct tls_session *t, size_t len)
{
    t->since_keys += len;
    if (t->since_keys < KEYS_FOR_EACH)
        return;
    t->since_keys = 0;
    t->peer_keys = 0;
}

/* --- The handshake ------------------------------------------------------------------ */

static bool open_ssl(struct tls_session *t)
{
    pthread_once(&g_once, make_methods);
    BIO *bio = g_methods != NULL ? BIO_new(g_methods) : NULL;
    t->ssl = bio != NULL ? SSL_new(t->context) : NULL;
    if (t->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_accept_state(t->ssl);
    SSL_set_msg_callback(t->ssl, on_message);
    SSL_set_msg_callback_arg(t->ssl, t);
    SSL_CTX_free(t->context);
    t->context = NULL;
    return true;
}

/* What a call of OpenSSL that did not succeed means. */
static enum tls_result result_of(struct tls_session *t, int rv)
{
    switch (SSL_get_error(t->ssl, rv)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_INPUT;
    case SSL_ERROR_ZERO_RETURN:
        t->closed = true;
        drop_input(t);
        return TLS_CLOSED;
    default:
        return fail_of_openssl(t);
    }
}

/* TLS begins with a handshake record. Others are not worth setting OpenSSL up. */
static bool begins_like_tls(const struct tls_session *t)
{
    const struct bytes b = byte_queue_bytes(&t->in);
    return (b.len < 1 || b.data[0] == TYPE_HANDSHAKE) && (b.len < 2 || b.data[1] == VERSION_MAJOR);
}

static enum tls_result begin(struct tls_session *t)
{
    if (!begins_like_tls(t))
        return fail(t, "the peer does not speak TLS");
    if (t->whole == 0)
        return TLS_WANTS_INPUT;
    ERR_clear_error();
    return open_ssl(t) ? TLS_OK : fail_of_openssl(t);
}

static enum tls_result go_on(struct tls_session *t)
{
    if (t->whole == 0)
        return TLS_WANTS_INPUT;
    ERR_clear_error();
    const int rv = SSL_do_handshake(t->ssl);
    if (rv != 1)
        return result_of(t, rv);
    t->done = true;
    return TLS_OK;
}

bool tls_session_wants_turn(const struct tls_session *t)
{
    return over(t) == TLS_OK && !t->done && t->whole > 0 && (t->ssl != NULL || begins_like_tls(t));
}

enum tls_result tls_session_handshake(struct tls_session *t)
{
    enum tls_result result = over(t);
    if (result != TLS_OK || t->done)
        return result;
    if (t->ssl == NULL)
        result = begin(t);
    return result == TLS_OK ? go_on(t) : result;
}

/* --- Data --------------------------------------------------------------------------- */

/* Of one record. */
static enum tls_result read_some(struct tls_session *t, uint8_t *to, size_t room, size_t *ret_len)
{
    *ret_len = 0;
    if (t->whole == 0 && SSL_pending(t->ssl) == 0)
        return TLS_WANTS_INPUT;
    ERR_clear_error();
    const int rv = SSL_read_ex(t->ssl, to, room, ret_len);
    if (rv != 1)
        return result_of(t, rv);
    count_received(t, *ret_len);
    return TLS_OK;
}

enum tls_result tls_session_read(struct tls_session *t, uint8_t *to, size_t room, size_t *ret_len)
{
    enum tls_result result = over(t);
    size_t n;
    *ret_len = 0;
    while (result == TLS_OK && *ret_len < room) {
        result = read_some(t, to + *ret_len, room - *ret_len, &n);
        *ret_len += n;
    }
    if (result != TLS_OK)
        byte_queue_trim(&t->in);
    return *ret_len > 0 ? TLS_OK : result;
}

static void change_key_in_time(struct tls_session *t, size_t records)
{
    t->records += (uint32_t)records;
    if (t->records < RECORDS_A_KEY || SSL_version(t->ssl) < TLS1_3_VERSION)
        return;
    t->records = 0;
    SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
}

bool tls_session_write(struct tls_session *t, struct bytes plain)
{
    const size_t records = (plain.len + PLAIN_MAX_BYTES - 1) / PLAIN_MAX_BYTES;
    size_t written;
    if (t->failed || !t->done)
        return false;
    if (plain.len == 0)
        return true;
    ERR_clear_error();
    if (!byte_queue_reserve(&t->out, plain.len + records * OVERHEAD_BYTES) ||
        SSL_write_ex(t->ssl, plain.data, plain.len, &written) != 1) {
        fail_of_openssl(t);
        return false;
    }
    change_key_in_time(t, records);
    return true;
}

struct bytes tls_session_output(const struct tls_session *t)
{
    return byte_queue_bytes(&t->out);
}

void tls_session_sent(struct tls_session *t, size_t n)
{
    byte_queue_take(&t->out, n);
    byte_queue_trim(&t->out);
}

/* --- Life --------------------------------------------------------------------------- */

struct tls_session *tls_session_new(struct tls_context *c, uint64_t now_ms)
{
    struct tls_session *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->context = tls_context_now(c, now_ms);
    SSL_CTX_up_ref(t->context);
    return t;
}

void tls_session_free(struct tls_session *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    SSL_CTX_free(t->context);
    byte_queue_clear(&t->in);
    byte_queue_clear(&t->out);
    free(t);
}

bool tls_session_feed(struct tls_session *t, struct bytes cipher)
{
    if (t->failed || t->closed)
        return true; /* nobody will read it */
    if (!byte_queue_add(&t->in, cipher)) {
        fail(t, "out of memory");
        return false;
    }
    find_whole(t);
    return true;
}

void tls_session_close(struct tls_session *t)
{
    if (!t->done || t->failed)
        return;
    SSL_shutdown(t->ssl); /* what the peer says to that is read, or not */
    ERR_clear_error();
}

bool tls_session_resumed(const struct tls_session *t)
{
    return t->ssl != NULL && SSL_session_reused(t->ssl) == 1;
}

size_t tls_session_held(const struct tls_session *t)
{
    const size_t openssl = t->ssl == NULL ? 0 : t->done ? SESSION_BYTES : HANDSHAKE_BYTES;
    return sizeof *t + t->in.cap + t->out.cap + openssl;
}

const char *tls_session_error(const struct tls_session *t)
{
    return t->error;
}

/* HELLO: versions, and what the two sides agree on; private to the session. */
#ifndef NT_SESSION_HELLO_H
#define NT_SESSION_HELLO_H

#include "nt_session.h"

/* Layers that the answer has room for. */
#define NT_SESSION_LAYERS_MAX ((NT_BASE_MAX_PAYLOAD - NT_HELLO_RSP_SIZE) / 4u - 1u)

/* Opens a session, or finds the present one again; the payload of the answer, or a refusal. */
enum nt_command_result nt_session_hello_run(struct nt_session *session, struct nt_reply *reply);

#endif

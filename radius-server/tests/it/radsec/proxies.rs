//! Other people's RADIUS over TLS: radsecproxy and FreeRADIUS as they come from Debian, as clients of ours. Each test says
//! that it skips where the program is not installed.

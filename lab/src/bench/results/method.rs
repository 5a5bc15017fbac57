//! How it was measured, in plain words, and what is not the same for everybody.

use crate::bench::cell::INTERIMS;

/// The section.
pub(super) fn text() -> String {
    format!(
        "
## Method

- One generator for all, in one run; within a round everybody has his turn, so that a machine that gets slower does so for
  all. Servers that are not measured stay up and idle.
- *Pinned*: the server and everything it starts (PostgreSQL too) on processor 0, the generator on processor 1. *Unpinned*:
  both processors for everybody.
- Requests are computed and signed before the clock starts, each with an authenticator of its own, so no answer comes from a
  memory of duplicates. **Every** reply is judged: Response Authenticator, Message-Authenticator (mandatory in answers to
  Access-Requests), code. That happens after the clock has stopped; what it costs a reply stands in its own column and would
  have to be added to the generator's if it were done at once.
- *Saturation* keeps 256 logins or 1,024 records in flight. *Latency* follows a schedule at half of the server's own
  saturation and counts from the moment a request was to be sent (no coordinated omission); one given up, or not sent because
  its identifier was still in use, counts as 2 s.
- *CPU a request* is user and system time of all processes of the server from /proc, divided by replies, while the clock
  runs; PostgreSQL is told apart by its name. Loopback charges much of the delivery of a datagram to its sender. For accounting
  the sum runs until the last record is in the database, so that nothing is left for later.
- *Records/s held* is a schedule that the drain keeps up with: at its end less than one second of records is not stored.
- Logins carry what a BNG sends (User-Name, NAS-IP-Address, NAS-Identifier, NAS-Port, -Id, -Type, Service-Type,
  Framed-Protocol, Calling- and Called-Station-Id), signed; accepts carry Class, Session-Timeout, Acct-Interim-Interval and
  Mikrotik-Rate-Limit, signed. Subscribers are drawn as if at random. A session is a Start, {INTERIMS} interim records and a
  Stop of 17 to 25 attributes.
- *Echo limit*: parse, check the Message-Authenticator, reveal the password (or MS-CHAPv2 with its keys), write and sign the
  reply, with the same system calls as Headend; for accounting the same journal and `fdatasync` a batch. It knows nobody and
  stores nothing in a database.
- *FreeRADIUS*: Debian's, with only the modules the work needs, no request logs, no reject delay, large receive buffers, a
  fixed pool of threads and connections (with the users file on one processor a single thread, which is faster); groups and profiles of rlm_sql switched off; its own schema and queries as shipped,
  on a PostgreSQL with Headend's settings and synchronous commits. With the users file it records no accounting, so it is not
  measured there.

## Not the same for everybody

- Headend records every decision with its steps and carries it into PostgreSQL later; FreeRADIUS records none here (its
  radpostauth is switched off, which favours it).
- FreeRADIUS 3.2.1 does not know `require_message_authenticator`; it verifies one that is there and, told so by a reply item,
  signs its answers. It keeps replies for retransmissions for 2 s.
- Headend acknowledges accounting when it is on disk and stores it in PostgreSQL later; FreeRADIUS with SQL stores first.
  Both survive a power cut.
- The generator shares the machine. Two processors are few: what a schedule misses by waiting for its own processor is counted
  as latency of the server.
"
    )
}

import { describe, expect, test } from "vitest";
import { Failure, failure } from "../api/client";
import type { Audit, Decision, Me, Nas, Session } from "../api/queries";
import { findings, tone } from "./nas";
import { may, places } from "./permission";
import { meaning } from "./query";
import { changes, timeline } from "./timeline";
import { pagesInView } from "./window";

describe("the pages in view", () => {
  test.each([
    [0, 20, 100, 100_000, [1]],
    [95, 120, 100, 100_000, [1, 2]],
    [99_990, 99_999, 100, 100_000, [1000]],
    [50, 400, 100, 120, [1, 2]],
    [0, 0, 100, 0, [1]],
  ])("rows %i to %i", (first, last, rows, total, expected) => expect(pagesInView(first, last, rows, total)).toEqual(expected));
});

describe("what somebody typed", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.0/24", "203.0.113.0/24"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:DB8::/56", "2001:DB8::/56"],
    ["300.1.1.1", null],
    ["02:1a:b0:01:00:0c", null],
    ["alice", null],
    ["cafe", null],
    ["", null],
  ])("%s", (typed, address) => expect(meaning(` ${typed} `).address).toBe(address));
});

describe("the timeline", () => {
  const decision = { id: "d", at: "2026-11-22T10:00:00Z" } as Decision;
  const session = { id: "s", started_at: "2026-11-22T10:00:01Z", stopped_at: "2026-11-22T11:00:00Z" } as Session;
  const act = { id: "a", at: "2026-11-22T10:30:00Z" } as Audit;
  test("is one line, newest first", () => {
    const all = timeline([decision], [session], [act], new Set(["logins", "sessions", "acts"]));
    expect(all.map((one) => one.kind)).toEqual(["ended", "act", "began", "decision"]);
  });
  test("shows only what is chosen", () => {
    expect(timeline([decision], [session], [act], new Set(["acts"])).map((one) => one.key)).toEqual(["a"]);
  });
  test("says what a change changed", () => {
    expect(changes({ plan: "a", name: "x", terms: {} }, { plan: "b", name: "x", terms: {} })).toEqual([{ field: "plan", from: "a", to: "b" }]);
    expect(changes(null, { status: "active" })).toEqual([{ field: "status", from: "–", to: "active" }]);
    expect(changes(null, null)).toEqual([]);
  });
});

describe("a NAS", () => {
  const NOW = Date.parse("2026-11-22T12:00:00Z");
  const well = {
    health: { secret_differs: 0, accounting_stale: false, malformed: 0, rate_limited: 0, last_packet_at: "2026-11-22T11:59:58Z" },
    posture: { verdict: "tight" },
  } as unknown as Nas;
  test("that is well has nothing to say", () => expect([findings(well, NOW), tone(well, NOW)]).toEqual([[], "good"]));
  test("with another secret is broken, whatever else", () => {
    const nas = { ...well, health: { ...well.health!, secret_differs: 3, last_packet_at: null } } as Nas;
    expect(tone(nas, NOW)).toBe("bad");
    expect(findings(nas, NOW)[0]?.text).toContain("secret");
  });
  test("that has gone quiet wants a look", () => {
    expect(tone({ ...well, health: { ...well.health!, last_packet_at: "2026-11-22T11:00:00Z" } } as Nas, NOW)).toBe("warn");
  });
  test("that nobody has heard of is unknown, not well", () => expect(tone({ ...well, health: null } as Nas, NOW)).toBe("idle"));
});

describe("what would be refused is not shown", () => {
  const me = {
    platform_permissions: [],
    partners: [
      { slug: "west", permissions: ["radius:subscribers:read", "radius:sessions:read"] },
      { slug: "east", permissions: ["billing:invoices:read"] },
    ],
  } as unknown as Me;
  test("places follow the permissions of the partner that is looked at", () => {
    expect(places(me, "west").map((place) => place.to)).toEqual(["overview", "subscribers", "sessions", "held", "nas", "pools", "plans"]);
    expect(places(me, "east")).toEqual([]);
    expect(places(me, "nowhere")).toEqual([]);
  });
  test("a platform's page wants the platform's permission", () => {
    expect(places({ ...me, platform_permissions: ["radius:nas:manage"] }, "east").map((place) => place.to)).toEqual(["unknown"]);
    expect(may(me, "east", "radius:sessions:read")).toBe(false);
  });
});

describe("a failure", () => {
  test("carries what the problem document says", () => {
    const failed = failure(422, { code: "invalid", detail: "the input breaks a rule", errors: [{ pointer: "/name", message: "too long" }], request_id: "r" });
    expect(failed).toMatchObject({ code: "invalid", message: "the input breaks a rule", status: 422, requestId: "r", passing: false });
    expect(failed.fields[0]?.pointer).toBe("/name");
  });
  test("without a document still says something", () => {
    expect(failure(502, "<html>bad gateway</html>")).toMatchObject({ code: "http_502", message: "The server answered 502.", passing: true });
    expect(new Failure("unreachable", "The server does not answer.", 0).passing).toBe(true);
  });
});

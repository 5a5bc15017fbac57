import { describe, expect, test } from "vitest";
import type { Decision, Session, Subscriber } from "../api/queries";
import { verdict, withoutService } from "./caller";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const minutes = (before: number) => new Date(NOW - before * 60_000).toISOString();

const subscriber = (change: Partial<Subscriber> = {}) =>
  ({ username: "mallory", status: "active", status_reason: null, status_since: minutes(900), expires_at: null, ...change }) as Subscriber;
const session = (began: number) =>
  ({ started_at: minutes(began), age_s: 12, nas: "bng-1", nas_port: "ether1", updated_at: minutes(0) }) as Session;
const decision = (before: number, reason: string) =>
  ({
    at: minutes(before),
    outcome: reason === "accepted" ? "Access-Accept" : "Access-Reject",
    reason,
    words: reason.replaceAll("_", " "),
  }) as Decision;

describe("what is said first", () => {
  test("who is suspended hears so, whatever the logins say", () => {
    const said = verdict(subscriber({ status: "suspended", status_reason: "invoice overdue" }), [session(5)], [decision(1, "accepted")], NOW);
    expect(said).toMatchObject({ tone: "bad", state: "suspended" });
    expect(said.because).toContain("invoice overdue");
    expect(said.because).toContain("online without service");
  });

  test("a term that has run out is no service, one that is ahead is", () => {
    expect(withoutService(subscriber({ expires_at: minutes(1) }), NOW)).toBe("expired");
    expect(withoutService(subscriber({ expires_at: minutes(-1) }), NOW)).toBeNull();
  });

  test("who is online hears for how long", () => {
    const said = verdict(subscriber(), [session(125)], [decision(126, "accepted")], NOW);
    expect(said).toMatchObject({ tone: "good", state: "online", say: "You have been online for 2 h 5 min." });
  });

  test("who was refused hears why, and how often", () => {
    const said = verdict(subscriber(), [], [decision(1, "wrong_password"), decision(2, "wrong_password"), decision(3, "accepted")], NOW);
    expect(said).toMatchObject({ tone: "bad", state: "refused", say: "The password in your router is not the one we have." });
    expect(said.because).toContain("The last 2 attempts");
  });

  test("a refusal after the session began says more than the session", () => {
    const said = verdict(subscriber(), [session(60)], [decision(1, "too_many_sessions")], NOW);
    expect(said.state).toBe("online, refused again");
    expect(said.because).toContain("still open");
  });

  test("a refusal before the session began is history", () => {
    expect(verdict(subscriber(), [session(5)], [decision(9, "wrong_password")], NOW).state).toBe("online");
  });

  test("who got in and went is offline; who never came was never seen", () => {
    expect(verdict(subscriber(), [], [decision(9, "accepted")], NOW).state).toBe("offline");
    expect(verdict(subscriber(), [], [], NOW).state).toBe("never seen");
  });

  test("a session that has not reported for hours is looked at", () => {
    expect(verdict(subscriber(), [{ ...session(600), age_s: 4 * 3600 }], [], NOW).tone).toBe("warn");
  });
});

// The first thing on a subscriber's page: how he is, and what to say to him when he calls. Pure: facts in, sentence out.
import type { Decision, Session, Subscriber } from "../api/queries";
import { telling } from "./reasons";
import { duration } from "./words";

/** How urgent it looks. */
export type Tone = "good" | "warn" | "bad" | "idle";

/** What is said first. */
export type Verdict = {
  tone: Tone;
  /** One or two words: the state. */
  state: string;
  /** A sentence to read to the caller. */
  say: string;
  /** Where that comes from. */
  because: string;
  /** What to do next; none when there is nothing to do. */
  next: string | null;
};

/** The state of the service by what is on record; `null` while it is given. */
export function withoutService(subscriber: Subscriber, now: number): "suspended" | "terminated" | "expired" | null {
  if (subscriber.status === "suspended" || subscriber.status === "terminated") return subscriber.status;
  const ended = subscriber.expires_at != null && Date.parse(subscriber.expires_at) <= now;
  return ended ? "expired" : null;
}

/** Judges by what is known, the most recent fact first. `decisions` are newest first. */
export function verdict(subscriber: Subscriber, open: Session[], decisions: Decision[], now: number): Verdict {
  const without = withoutService(subscriber, now);
  const session = open[0];
  const last = decisions[0];
  if (without) {
    const told = telling(without);
    const reason = without === "expired" ? `it ran out` : (subscriber.status_reason ?? "no reason is on record");
    const inside = session ? " He is online without service: in the walled garden, or not yet disconnected." : "";
    return { tone: "bad", state: without, say: told.say, because: `${reason}.${inside}`, next: told.next };
  }
  const failedSince = last && !accepted(last) && (!session || Date.parse(last.at) > Date.parse(session.started_at));
  if (session && !failedSince) {
    const where = [session.nas, session.nas_port].filter(Boolean).join(", ");
    return {
      tone: session.age_s > 3 * 3600 ? "warn" : "good",
      state: "online",
      say: `You have been online for ${duration((now - Date.parse(session.started_at)) / 1000)}.`,
      because: `${where || "a NAS"} last reported ${duration(session.age_s)} ago.`,
      next: null,
    };
  }
  if (last && !accepted(last)) {
    const told = telling(last.reason);
    const again = repeated(decisions);
    const times = again > 1 ? ` The last ${again} attempts ended the same way.` : "";
    const online = session ? " An earlier session is still open." : "";
    return { tone: "bad", state: session ? "online, refused again" : "refused", say: told.say, because: `${sentence(last.words)}.${times}${online}`, next: told.next };
  }
  if (last) {
    return {
      tone: "warn",
      state: "offline",
      say: "Your last login went through, and the connection has ended since.",
      because: "The last login was accepted and no session is open.",
      next: "Look at the last closed session in the timeline: its cause says who ended it.",
    };
  }
  return {
    tone: "idle",
    state: "never seen",
    say: "Your router has not tried to log in.",
    because: "No login of this user name is on record.",
    next: "Look whether the device has power and link; then whether the NAS is admitted (unknown sources).",
  };
}

/** Whether a decision let somebody in or is half way. */
export function accepted(decision: Decision): boolean {
  return decision.outcome === "Access-Accept" || decision.outcome === "Access-Challenge";
}

/** How many of the latest decisions ended alike. */
function repeated(decisions: Decision[]): number {
  const first = decisions[0];
  const other = decisions.findIndex((decision) => decision.reason !== first?.reason);
  return other === -1 ? decisions.length : other;
}

/** With a capital letter. */
function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

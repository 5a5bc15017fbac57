// One line of time out of three sources: decisions, sessions, and what people did. Pure.
import type { Audit, Decision, Session } from "../api/queries";

/** One thing that happened. */
export type Happening =
  | { kind: "decision"; at: string; key: string; decision: Decision }
  | { kind: "began"; at: string; key: string; session: Session }
  | { kind: "ended"; at: string; key: string; session: Session }
  | { kind: "act"; at: string; key: string; act: Audit };

/** What can be chosen to be seen. */
export type Kind = "logins" | "sessions" | "acts";

/** Everything of the chosen kinds, newest first. */
export function timeline(decisions: Decision[], sessions: Session[], acts: Audit[], kinds: ReadonlySet<Kind>): Happening[] {
  const all: Happening[] = [];
  if (kinds.has("logins")) {
    all.push(...decisions.map((decision) => ({ kind: "decision" as const, at: decision.at, key: decision.id, decision })));
  }
  if (kinds.has("sessions")) {
    for (const session of sessions) {
      all.push({ kind: "began", at: session.started_at, key: `${session.id}+`, session });
      if (session.stopped_at) all.push({ kind: "ended", at: session.stopped_at, key: `${session.id}-`, session });
    }
  }
  if (kinds.has("acts")) all.push(...acts.map((act) => ({ kind: "act" as const, at: act.at, key: act.id, act })));
  return all.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

/** What a change changed: the fields that differ, in the order of their names. */
export function changes(before: unknown, after: unknown): { field: string; from: string; to: string }[] {
  const [was, is] = [record(before), record(after)];
  const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return fields
    .map((field) => ({ field, from: shown(was[field]), to: shown(is[field]) }))
    .filter(({ from, to }) => from !== to);
}

/** An object, or an empty one. */
function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A value in one line. */
function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// A state in a word and a colour; the word alone says it, too.
import type { ReactNode } from "react";
import type { Tone } from "../logic/caller";

const TONES: Record<Tone, string> = {
  good: "bg-good-ground text-good",
  warn: "bg-warn-ground text-warn",
  bad: "bg-bad-ground text-bad",
  idle: "bg-raised text-dim",
};

export function State({ tone, children, title }: { tone: Tone; children: ReactNode; title?: string | undefined }) {
  return (
    <span title={title} className={`inline-flex items-center gap-1.5 whitespace-nowrap rounded-full px-2 py-0.5 text-xs font-medium ${TONES[tone]}`}>
      <span aria-hidden className="size-1.5 rounded-full bg-current" />
      {children}
    </span>
  );
}

/** The colour of a subscriber's status. */
export function statusTone(status: string): Tone {
  return status === "active" ? "good" : status === "suspended" ? "warn" : "idle";
}

/** The colour of a decision's outcome, or of one that is only thought of (`accept`, `garden:…`, `reject:…`). */
export function outcomeTone(outcome: string): Tone {
  if (outcome === "Access-Accept" || outcome === "accept") return "good";
  if (outcome.startsWith("garden:")) return "warn";
  if (outcome === "Access-Challenge") return "idle";
  return outcome === "dropped" ? "warn" : "bad";
}

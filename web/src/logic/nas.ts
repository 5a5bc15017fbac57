// What is wrong with a NAS, the worst first. Pure.
import type { Nas } from "../api/queries";
import type { Tone } from "./caller";

/** One thing to know about a NAS. */
export type Finding = { tone: Tone; text: string };

/** How long a NAS may be quiet before that is worth a word, in seconds. */
const QUIET_S_MAX = 900;

/** Everything worth a word about a NAS; empty: it is well. */
export function findings(nas: Nas, now: number): Finding[] {
  const found: Finding[] = [];
  const { health, posture } = nas;
  if (health == null) return [{ tone: "idle", text: "The access plane does not know it yet." }];
  if (health.secret_differs > 0) {
    found.push({ tone: "bad", text: "Its shared secret differs from the stored one; its requests are not answered." });
  }
  if (health.accounting_stale) {
    found.push({ tone: "bad", text: "It has gone silent about its sessions; what is known of them may not be so any more." });
  }
  if (health.malformed > 0) found.push({ tone: "warn", text: "It sends datagrams that are no RADIUS." });
  if (health.rate_limited > 0) found.push({ tone: "warn", text: "It asks more often than it may; requests were dropped." });
  if (health.last_packet_at == null) {
    found.push({ tone: "idle", text: "Nothing has come from it since the server started." });
  } else if (now - Date.parse(health.last_packet_at) > QUIET_S_MAX * 1000) {
    found.push({ tone: "warn", text: "Nothing has come from it for a while." });
  }
  if (posture.verdict === "unsigned") {
    found.push({ tone: "warn", text: "It sends unsigned Access-Requests (BlastRADIUS, CVE-2024-3596)." });
  }
  if (posture.verdict === "ready") found.push({ tone: "idle", text: "It signs everything: hold it to that." });
  return found;
}

/** The one colour of a NAS. */
export function tone(nas: Nas, now: number): Tone {
  const tones = findings(nas, now).map((finding) => finding.tone);
  return (["bad", "warn", "idle"] as const).find((worst) => tones.includes(worst)) ?? "good";
}

/** The words for a posture. */
export function postureWords(verdict: string): string {
  const words: Record<string, string> = {
    tight: "held to signing",
    ready: "signs, not held to it",
    unsigned: "unsigned requests",
    unheard: "nothing heard",
  };
  return words[verdict] ?? verdict;
}

// What became of something asked of a session: asked, acknowledged, proven; or refused, silent, failed. An answer of the NAS
// is a claim, and looks like one; only the session's own end on record is the proof.
import { useQuery } from "@tanstack/react-query";
import * as read from "../api/queries";
import { micros, plural } from "../logic/words";
import { Spinner } from "./button";

/** States after which nothing more comes. */
export const SETTLED: ReadonlySet<string> = new Set(["proven", "refused", "silent", "failed", "replaced", "contradicted"]);
/** How often an open intent is looked at, in milliseconds. */
const LOOK_MS = 700;

/** Reads an intent until it is settled. */
export function useIntent(partner: string, first: read.Intent) {
  return useQuery({
    ...read.intent(partner, first.id),
    initialData: first,
    refetchInterval: (query) => (query.state.data && SETTLED.has(query.state.data.state) ? false : LOOK_MS),
  });
}

export function IntentProgress({ partner, first, nas }: { partner: string; first: read.Intent; nas: string }) {
  const { data: intent, isError } = useIntent(partner, first);
  const acknowledged = intent.state === "acknowledged" || intent.state === "proven";
  const failed = SETTLED.has(intent.state) && intent.state !== "proven";
  return (
    <ol className="space-y-3 text-sm" aria-live="polite" data-state={intent.state}>
      <Step state="done" title={`Asked ${nas}`}>
        {plural(intent.attempts, "attempt")}
      </Step>
      {failed ? (
        <Step state="failed" title={WORDS[intent.state] ?? intent.state}>
          {[intent.detail, intent.error_cause != null && `Error-Cause ${intent.error_cause}`].filter(Boolean).join(" · ")}
        </Step>
      ) : (
        <>
          <Step state={acknowledged ? "done" : "waits"} title={acknowledged ? "The NAS says: done" : "Waiting for the NAS"}>
            {acknowledged && intent.rtt_us != null && `answered in ${micros(intent.rtt_us)}`}
          </Step>
          <Step state={intent.state === "proven" ? "done" : "waits"} title={intent.state === "proven" ? "Proven: the session is over" : "Waiting for the proof"}>
            {intent.proven_at && intent.answered_at
              ? `its Accounting-Stop was on record ${micros(Math.max(0, Date.parse(intent.proven_at) - Date.parse(intent.answered_at)) * 1000)} later`
              : "the Accounting-Stop of the session"}
          </Step>
        </>
      )}
      {isError && <li className="text-xs text-warn">The server does not answer; the intent lives on there.</li>}
    </ol>
  );
}

const WORDS: Record<string, string> = {
  refused: "The NAS refuses",
  silent: "The NAS does not answer",
  failed: "It could not be asked",
  replaced: "A newer request took its place",
  contradicted: "The NAS said yes, and the session went on",
};

function Step({ state, title, children }: { state: "done" | "waits" | "failed"; title: string; children?: React.ReactNode }) {
  const colour = { done: "bg-good-ground text-good", waits: "bg-raised text-dim", failed: "bg-bad-ground text-bad" }[state];
  return (
    <li className="flex items-start gap-3">
      <span aria-hidden className={`grid size-6 shrink-0 place-items-center rounded-full text-xs font-bold ${colour}`}>
        {state === "done" ? "✓" : state === "failed" ? "✕" : <Spinner />}
      </span>
      <span>
        <span className="font-medium">{title}</span>
        {children && <span className="block text-xs text-dim">{children}</span>}
      </span>
    </li>
  );
}

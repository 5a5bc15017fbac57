// Everything that happened to a subscriber, newest first; each opens to what was found, step by step.
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import type * as read from "../../api/queries";
import { type Happening, type Kind, changes, timeline } from "../../logic/timeline";
import { duration, micros, octets } from "../../logic/words";
import { Empty, Fresh, Read } from "../../ui/fresh";
import { Panel } from "../../ui/panel";
import { State, outcomeTone } from "../../ui/state";
import { When } from "../../ui/time";

const KINDS: [Kind, string][] = [
  ["logins", "Logins"],
  ["sessions", "Sessions"],
  ["acts", "What people did"],
];

export function Timeline({
  logins,
  closed,
  open,
  acts,
  mayActs,
}: {
  partner: string;
  logins: UseQueryResult<{ decisions: read.Decision[]; incomplete: string | null }>;
  closed: UseQueryResult<{ data: read.Session[] }>;
  open: read.Session[];
  acts: read.Audit[];
  mayActs: boolean;
}) {
  const [kinds, setKinds] = useState<ReadonlySet<Kind>>(new Set(["logins", "sessions", "acts"]));
  const sessions = useMemo(() => [...open, ...(closed.data?.data ?? [])], [open, closed.data]);
  const all = useMemo(() => timeline(logins.data?.decisions ?? [], sessions, acts, kinds), [logins.data, sessions, acts, kinds]);
  const toggle = (kind: Kind) => {
    const next = new Set(kinds);
    if (!next.delete(kind)) next.add(kind);
    setKinds(next);
  };
  const corner = (
    <span className="flex flex-wrap items-center gap-2">
      {KINDS.filter(([kind]) => kind !== "acts" || mayActs).map(([kind, name]) => (
        <button
          key={kind}
          type="button"
          aria-pressed={kinds.has(kind)}
          onClick={() => toggle(kind)}
          className={`rounded-full border px-2.5 py-0.5 text-xs ${kinds.has(kind) ? "border-accent text-accent" : "border-line text-dim"}`}
        >
          {name}
        </button>
      ))}
      <Fresh of={logins} />
    </span>
  );
  return (
    <Panel title="What happened" corner={corner}>
      {logins.data?.incomplete && <p className="border-b border-line bg-warn-ground px-4 py-2 text-xs text-warn">Not all logins may be here: {logins.data.incomplete}.</p>}
      <Read query={logins}>
        {() =>
          all.length === 0 ? (
            <Empty title="Nothing yet." />
          ) : (
            <ol>
              {all.map((one) => (
                <li key={one.key} className="border-b border-line last:border-0">
                  <One of={one} />
                </li>
              ))}
            </ol>
          )
        }
      </Read>
    </Panel>
  );
}

function Line({ at, mark, children, open }: { at: string; mark: ReactNode; children: ReactNode; open?: ReactNode }) {
  const line = (
    <span className="grid flex-1 grid-cols-[9.5rem_8.5rem_1fr] items-baseline gap-3 text-sm max-md:grid-cols-1 max-md:gap-1">
      <span className="text-dim">
        <When at={at} />
      </span>
      <span>{mark}</span>
      <span className="min-w-0">{children}</span>
    </span>
  );
  if (!open) return <div className="flex px-4 py-2.5 pl-9">{line}</div>;
  return (
    <details className="group">
      <summary className="flex list-none items-baseline gap-2 px-4 py-2.5 hover:bg-raised/60">
        <span aria-hidden className="w-3 text-faint transition-transform group-open:rotate-90">
          ›
        </span>
        {line}
      </summary>
      <div className="px-9 pb-4">{open}</div>
    </details>
  );
}

function One({ of }: { of: Happening }) {
  switch (of.kind) {
    case "decision":
      return (
        <Line at={of.at} mark={<State tone={outcomeTone(of.decision.outcome)}>{short(of.decision.outcome)}</State>} open={<Steps of={of.decision} />}>
          {of.decision.words} <span className="text-dim">on {of.decision.nas ?? of.decision.nas_id}</span>
        </Line>
      );
    case "began":
      return (
        <Line at={of.at} mark={<State tone="good">online</State>}>
          {[of.session.nas, of.session.nas_port, of.session.framed_ip].filter(Boolean).join(" · ")}
          {!of.session.start_seen && <span className="text-dim"> (its beginning was not reported)</span>}
        </Line>
      );
    case "ended":
      return (
        <Line at={of.at} mark={<State tone="idle">offline</State>}>
          {of.session.terminate_cause ?? "no cause was given"} after {duration(of.session.session_time_s)}, {octets(of.session.octets_out)} down,{" "}
          {octets(of.session.octets_in)} up
          {of.session.stop_evidence && <span className="text-dim"> · {of.session.stop_evidence}</span>}
        </Line>
      );
    case "act": {
      const changed = changes(of.act.before, of.act.after);
      return (
        <Line
          at={of.at}
          mark={<State tone={of.act.outcome === "ok" ? "idle" : "warn"}>{of.act.outcome === "ok" ? "act" : of.act.outcome}</State>}
          open={
            changed.length > 0 && (
              <ul className="space-y-1 text-xs">
                {changed.map((change) => (
                  <li key={change.field}>
                    <span className="text-dim">{change.field}:</span> {change.from} → {change.to}
                  </li>
                ))}
              </ul>
            )
          }
        >
          <span className="font-medium">{of.act.action}</span> by {of.act.actor.name}
          {of.act.reason && <span className="text-dim"> · {of.act.reason}</span>}
        </Line>
      );
    }
  }
}

/** `Access-Reject` as people say it. */
function short(outcome: string): string {
  const words: Record<string, string> = { "Access-Accept": "accepted", "Access-Reject": "refused", "Access-Challenge": "half way", dropped: "not answered" };
  return words[outcome] ?? outcome;
}

/** What each step of a login found. */
export function Steps({ of }: { of: Pick<read.Decision, "steps"> & Partial<read.Decision> }) {
  return (
    <div className="rounded-lg bg-raised/60 p-3">
      <ol className="space-y-1 text-xs">
        {of.steps.map((step, index) => (
          <li key={index} className="grid grid-cols-[2.5rem_11rem_1fr] gap-2 max-md:grid-cols-[2.5rem_1fr]">
            <span className={step.ok ? "text-good" : "font-semibold text-bad"}>{step.ok ? "ok" : "FAIL"}</span>
            <span className="text-dim">{step.step}</span>
            <span className="break-words max-md:col-start-2">{step.found}</span>
          </li>
        ))}
      </ol>
      {of.duration_us !== undefined && (
        <p className="mt-2 text-xs text-dim">
          {of.source && `from ${of.source}, `}decided in {micros(of.duration_us)} · {of.reason}
        </p>
      )}
    </div>
  );
}

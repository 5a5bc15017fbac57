// What is known of a subscriber, side by side, each with where it comes from and how old it is.
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import * as read from "../../api/queries";
import { duration, micros, octets } from "../../logic/words";
import { Bars } from "../../ui/bars";
import { Empty, Fresh, Read } from "../../ui/fresh";
import { Fact, Facts, Panel } from "../../ui/panel";
import { State, outcomeTone } from "../../ui/state";
import { When, useNow } from "../../ui/time";

/** How far back usage is shown, in days. */
const USAGE_DAYS = 30;
const DAY_MS = 86_400_000;

type Sessions = UseQueryResult<{ data: read.Session[] }>;
type Logins = UseQueryResult<{ decisions: read.Decision[]; incomplete: string | null }>;

export function Observations({
  partner,
  of,
  open,
  logins,
  network,
}: {
  partner: string;
  of: read.Subscriber;
  open: Sessions;
  logins: Logins;
  network: boolean;
}) {
  return (
    <div className="mb-5 grid gap-5 lg:grid-cols-2 2xl:grid-cols-4">
      {network && (
        <Panel title="Live session" corner={<Fresh of={open} />}>
          <Read query={open}>
            {({ data }) =>
              data[0] ? <Live partner={partner} of={data[0]} more={data.length - 1} /> : <Empty title="Offline">No session of his is open.</Empty>
            }
          </Read>
        </Panel>
      )}
      <Panel title="Last login" corner={<Fresh of={logins} />}>
        <Read query={logins}>
          {({ decisions }) => (decisions[0] ? <Last of={decisions[0]} /> : <Empty title="Never">No login of this name is on record.</Empty>)}
        </Read>
      </Panel>
      <Usage partner={partner} id={of.id} />
      <Line partner={partner} of={of} />
    </div>
  );
}

function Live({ partner, of, more }: { partner: string; of: read.Session; more: number }) {
  const now = useNow();
  const addresses = [of.framed_ip, of.framed_ipv6, of.framed_ipv6_prefix, of.delegated_ipv6_prefix].filter(Boolean).join(", ");
  return (
    <Facts>
      <Fact name="Online">{duration((now - Date.parse(of.started_at)) / 1000)}</Fact>
      <Fact name="Address">{addresses || "none reported"}</Fact>
      <Fact name="NAS">
        <Link to="/p/$partner/nas/$id" params={{ partner, id: of.nas_id }} className="hover:underline">
          {of.nas ?? of.nas_id}
        </Link>
        {of.nas_port && ` · ${of.nas_port}`}
      </Fact>
      <Fact name="Device">{of.calling_station ?? "not said"}</Fact>
      <Fact name="Down / up">
        {octets(of.octets_out)} / {octets(of.octets_in)}
      </Fact>
      <Fact name="Source">
        {of.source}, <When at={of.updated_at} as="ago" />
      </Fact>
      {more > 0 && <Fact name="And">{more} more open</Fact>}
    </Facts>
  );
}

function Last({ of }: { of: read.Decision }) {
  return (
    <Facts>
      <Fact name="Outcome">
        <State tone={outcomeTone(of.outcome)}>{of.outcome}</State>
      </Fact>
      <Fact name="Why">{of.words}</Fact>
      <Fact name="When">
        <When at={of.at} /> (<When at={of.at} as="ago" />)
      </Fact>
      <Fact name="NAS">{of.nas ?? of.nas_id}</Fact>
      <Fact name="Device">{of.calling_station ?? "not said"}</Fact>
      <Fact name="Decided in">{micros(of.duration_us)}</Fact>
    </Facts>
  );
}

/** How much of the plan's volume is used, and what holds when it is. */
function Quota({ of }: { of: read.Quota }) {
  const share = of.allowed > 0 ? of.used / of.allowed : 1;
  const colour = of.state === "within" ? (share > 0.8 ? "var(--warn)" : "var(--accent)") : "var(--bad)";
  return (
    <div className="border-b border-line px-4 py-3 text-sm">
      <div className="num flex flex-wrap justify-between gap-x-3">
        <span>
          <span className="font-medium">{octets(of.used)}</span> of {octets(of.allowed)}
          {of.topped_up > 0 && <span className="text-dim"> ({octets(of.topped_up)} of it on top)</span>}
        </span>
        <State tone={of.state === "within" ? "good" : of.state === "held" ? "warn" : "bad"}>{QUOTA_STATES[of.state] ?? of.state}</State>
      </div>
      <svg aria-hidden viewBox="0 0 100 4" preserveAspectRatio="none" className="my-2 h-1.5 w-full">
        <rect width="100" height="4" rx="2" fill="var(--line)" />
        <rect width={Math.min(100, share * 100)} height="4" rx="2" fill={colour} />
      </svg>
      <div className="text-xs text-dim">
        {octets(of.left)} left, anew <When at={of.resets_at} as="ago" /> ({of.time_zone}). Used up: {QUOTA_ENDS[of.on_used_up] ?? of.on_used_up}.
        {of.held_by && ` Not held against him while the accounting of ${of.held_by} is stale.`}
      </div>
    </div>
  );
}

const QUOTA_STATES: Record<string, string> = { within: "within", used_up: "used up", held: "used up, not acted upon" };
const QUOTA_ENDS: Record<string, string> = { throttle: "slower", garden: "walled garden", reject: "turned away" };

function Usage({ partner, id }: { partner: string; id: string }) {
  const since = useMemo(() => {
    const day = new Date(Date.now() - (USAGE_DAYS - 1) * DAY_MS);
    return `${day.toISOString().slice(0, 10)}T00:00:00Z`;
  }, []);
  const usage = useQuery(read.usage(partner, id, "day", since));
  const quota = useQuery(read.quota(partner, id));
  return (
    <Panel title={`Usage, ${USAGE_DAYS} days (UTC)`} corner={<Fresh of={usage} />}>
      {quota.data && <Quota of={quota.data} />}
      <Read query={usage}>
        {(days) => {
          const sum = (of: (day: read.Usage) => number) => days.reduce((all, day) => all + of(day), 0);
          const [down, up] = [sum((day) => day.octets_out + day.octets_out6), sum((day) => day.octets_in + day.octets_in6)];
          if (days.length === 0) return <Empty title="Nothing used">No accounting of these days is on record.</Empty>;
          return (
            <div className="px-4 py-3">
              <div className="num text-sm">
                <span className="font-medium">{octets(down)}</span> <span className="text-dim">down</span> ·{" "}
                <span className="font-medium">{octets(up)}</span> <span className="text-dim">up</span>
              </div>
              <Bars
                label={`Octets a day: ${days.map((day) => `${day.begins_at.slice(0, 10)} ${octets(day.octets_in + day.octets_out)}`).join("; ")}`}
                from={Date.parse(since)}
                step={DAY_MS}
                many={USAGE_DAYS}
                values={new Map(days.map((day) => [Date.parse(day.begins_at), day.octets_out + day.octets_out6 + day.octets_in + day.octets_in6]))}
                say={(at, value) => `${new Date(at).toISOString().slice(0, 10)}: ${octets(value)}`}
              />
            </div>
          );
        }}
      </Read>
    </Panel>
  );
}

/** What he is recognised by and bound to. */
function Line({ partner, of }: { partner: string; of: read.Subscriber }) {
  const admission = useQuery(read.subscriberAdmission(partner, of.id));
  return (
    <Panel title="Line and credential" corner={<Fresh of={admission} />}>
      <Facts>
        <Fact name="Password">{of.password_set ? (of.password_store ?? "stored") : "none"}</Fact>
        {of.password_methods && <Fact name="Good for">{of.password_methods.join(", ") || "nothing"}</Fact>}
        {of.identified_by.length > 0 && <Fact name="Known by">{of.identified_by.join(", ")}</Fact>}
        {admission.data && (
          <>
            <Fact name="Bound to">
              {admission.data.bound ?? "nothing"}
              {admission.data.bound_since && (
                <>
                  {" "}
                  since <When at={admission.data.bound_since} />
                </>
              )}
            </Fact>
            <Fact name="At once">{admission.data.simultaneous ?? "as the plan says"}</Fact>
            <Fact name="Places">
              {admission.data.places_open} open, {admission.data.places_waiting} waiting
            </Fact>
            {admission.data.addresses.length > 0 && <Fact name="Addresses">{admission.data.addresses.join(", ")}</Fact>}
          </>
        )}
      </Facts>
    </Panel>
  );
}

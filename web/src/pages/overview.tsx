// How the network is at this moment: what is online, what is wrong, who knocks. Everything leads to where it can be mended.
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import * as read from "../api/queries";
import { findings, tone } from "../logic/nas";
import { may } from "../logic/permission";
import { count, plural } from "../logic/words";
import { Empty, Fresh, Read } from "../ui/fresh";
import { Figure, PageHead, Panel } from "../ui/panel";
import { State } from "../ui/state";
import { When, useNow } from "../ui/time";

export function Overview() {
  const { partner } = useParams({ from: "/signed/p/$partner/overview" });
  const { data: me } = useSuspenseQuery(read.me);
  const people = may(me, partner, "radius:subscribers:read");
  const nas = useQuery(read.nasList(partner));
  const open = useQuery(read.sessions(partner, { state: "open" }, 1, 1));
  const active = useQuery({ ...read.subscribers(partner, { page: 1, status: "active" }), enabled: people });
  const suspended = useQuery({ ...read.subscribers(partner, { page: 1, status: "suspended" }), enabled: people });
  const platform = me.platform_permissions.includes("radius:nas:manage");
  const all = nas.data?.data ?? [];
  const sum = (of: (health: NonNullable<read.Nas["health"]>) => number) =>
    nas.data ? count(all.reduce((total, each) => total + (each.health ? of(each.health) : 0), 0)) : "…";
  return (
    <>
      <PageHead title="Overview" sub="As the server knows it at this moment.">
        <Fresh of={nas} />
      </PageHead>
      <div className="mb-5 grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        <Figure value={count(open.data?.meta.total)} label="sessions open" tone="text-accent" />
        {people && <Figure value={count(active.data?.meta.total)} label="subscribers active" />}
        {people && <Figure value={count(suspended.data?.meta.total)} label="suspended" />}
        <Figure value={sum((health) => health.accepts)} label="logins accepted since start" />
        <Figure value={sum((health) => health.rejects)} label="refused since start" />
        <Figure value={sum((health) => health.accounting)} label="accounting records since start" />
      </div>
      <div className="grid gap-5 xl:grid-cols-2">
        <Panel title="What wants a look" corner={<Fresh of={nas} />}>
          <Read query={nas}>{(list) => <Problems all={list.data} partner={partner} />}</Read>
        </Panel>
        <Panel title="NAS" corner={<Link to="/p/$partner/nas" params={{ partner }} className="text-xs text-accent hover:underline">all of them</Link>}>
          <Read query={nas}>{(list) => <Busiest all={list.data} partner={partner} />}</Read>
        </Panel>
        {platform && <Knocking partner={partner} />}
      </div>
    </>
  );
}

function Row({ children }: { children: ReactNode }) {
  return <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5 text-sm last:border-0">{children}</li>;
}

function Problems({ all, partner }: { all: read.Nas[]; partner: string }) {
  const now = useNow();
  const found = all.flatMap((nas) => findings(nas, now).filter(({ tone: how }) => how !== "idle").map((finding) => ({ nas, ...finding })));
  const sorted = found.sort((one, other) => Number(other.tone === "bad") - Number(one.tone === "bad"));
  if (sorted.length === 0) return <Empty title="Nothing does.">Every NAS that speaks is well.</Empty>;
  return (
    <ul>
      {sorted.map(({ nas, tone: how, text }) => (
        <Row key={nas.id + text}>
          <State tone={how}>{how === "bad" ? "broken" : "look"}</State>
          <Link to="/p/$partner/nas/$id" params={{ partner, id: nas.id }} className="font-medium hover:underline">
            {nas.name}
          </Link>
          <span className="text-dim">{text}</span>
        </Row>
      ))}
    </ul>
  );
}

/** How many NAS are named here. */
const BUSIEST = 8;

function Busiest({ all, partner }: { all: read.Nas[]; partner: string }) {
  const now = useNow();
  if (all.length === 0) {
    return <Empty title="No NAS is admitted yet.">Point one here; it shows under unknown sources, from where it is let in.</Empty>;
  }
  const sorted = [...all].sort((one, other) => (other.health?.open_sessions ?? 0) - (one.health?.open_sessions ?? 0));
  return (
    <ul>
      {sorted.slice(0, BUSIEST).map((nas) => (
        <Row key={nas.id}>
          <State tone={tone(nas, now)}>{nas.type}</State>
          <Link to="/p/$partner/nas/$id" params={{ partner, id: nas.id }} className="font-medium hover:underline">
            {nas.name}
          </Link>
          <span className="num ml-auto text-dim">{plural(nas.health?.open_sessions ?? 0, "session")}</span>
          <span className="w-24 text-right text-faint">{nas.health?.last_packet_at ? <When at={nas.health.last_packet_at} as="ago" /> : "not heard"}</span>
        </Row>
      ))}
    </ul>
  );
}

function Knocking({ partner }: { partner: string }) {
  const unknown = useQuery(read.unknownSources);
  return (
    <Panel title="Who knocks and is not known" corner={<Fresh of={unknown} />}>
      <Read query={unknown}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nobody.">Every datagram comes from a NAS that is admitted.</Empty>
          ) : (
            <ul>
              {all.slice(0, BUSIEST).map((source) => (
                <Row key={source.address + source.port}>
                  <span className="num font-medium">{source.address}</span>
                  <span className="text-dim">
                    {plural(source.count, "datagram")} to {source.port}, the last <When at={source.last_seen} as="ago" />
                  </span>
                  <Link to="/p/$partner/unknown" params={{ partner }} className="ml-auto text-accent hover:underline">
                    admit
                  </Link>
                </Row>
              ))}
            </ul>
          )
        }
      </Read>
    </Panel>
  );
}

// Address pools: how full each is, and how many days are left at the pace of the last weeks.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import * as read from "../api/queries";
import type { Tone } from "../logic/caller";
import { count, duration, plural } from "../logic/words";
import { Empty, Fresh, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { State } from "../ui/state";
import { Table } from "../ui/table";

/** Below how many days a pool wants a look, and is urgent. */
const [DAYS_LOOK, DAYS_URGENT] = [30, 7];

/** How much of a pool is given out, from 0 to 1; none where it is not counted. */
function full(pool: read.Pool): number | null {
  return pool.total && pool.given != null ? pool.given / pool.total : null;
}

function tone(pool: read.Pool): Tone {
  const used = full(pool);
  if (used === null) return "idle";
  if (used >= 1 || (pool.days_left != null && pool.days_left < DAYS_URGENT)) return "bad";
  return used > 0.9 || (pool.days_left != null && pool.days_left < DAYS_LOOK) ? "warn" : "good";
}

export function Pools() {
  const { partner } = useParams({ from: "/signed/p/$partner/pools" });
  const pools = useQuery(read.pools(partner));
  return (
    <>
      <PageHead title="Address pools" sub="Leases are given with the login; an address comes back to who had it.">
        <Fresh of={pools} />
      </PageHead>
      <Panel>
        <Read query={pools}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="There are no pools here.">Addresses are given by the NAS. headend pool add makes a pool that the server gives from.</Empty>
            ) : (
              <Table
                label="Pools"
                rows={all}
                id={(row) => row.id}
                columns={[
                  { title: "Name", cell: (row) => <span className="font-medium">{row.name}</span> },
                  { title: "Kind", cell: (row) => row.kind },
                  { title: "Given out", cell: (row) => <Used of={row} /> },
                  { title: "Lasts", cell: (row) => <State tone={tone(row)}>{row.days_left == null ? "no forecast" : plural(row.days_left, "day")}</State> },
                  { title: "Reserved", cell: (row) => count(row.reserved), right: true, wide: true },
                  { title: "Held for", cell: (row) => duration(row.hold_s), right: true, wide: true },
                  { title: "Ranges", cell: (row) => <span className="num text-dim">{row.ranges.join(", ")}</span>, wide: true },
                ]}
              />
            )
          }
        </Read>
      </Panel>
    </>
  );
}

function Used({ of }: { of: read.Pool }) {
  const used = full(of);
  if (used === null) return <span className="text-dim">not counted yet</span>;
  const colour = { good: "var(--accent)", warn: "var(--warn)", bad: "var(--bad)", idle: "var(--faint)" }[tone(of)];
  return (
    <span className="block min-w-44">
      <span className="num">
        {count(of.given)} of {count(of.total)} ({Math.round(used * 100)} %)
      </span>
      <svg aria-hidden viewBox="0 0 100 4" preserveAspectRatio="none" className="mt-1 h-1.5 w-full">
        <rect width="100" height="4" rx="2" fill="var(--line)" />
        <rect width={Math.min(100, used * 100)} height="4" rx="2" fill={colour} />
      </svg>
    </span>
  );
}

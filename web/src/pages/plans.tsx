// Plans: what each gives, in words of no vendor. Each make is told in its own; a subscriber's page previews it.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import * as read from "../api/queries";
import { duration, rate } from "../logic/words";
import { Empty, Fresh, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { Table } from "../ui/table";

/** What else a plan says, a term a word. */
function terms(plan: read.Plan): string[] {
  return Object.entries(plan.terms ?? {})
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => {
      if (name === "windows" && Array.isArray(value)) return `${value.length} windows of other rates`;
      const words = typeof value === "object" ? "set" : String(value);
      return `${name.replaceAll("_", " ")} ${words}`;
    });
}

export function Plans() {
  const { partner } = useParams({ from: "/signed/p/$partner/plans" });
  const plans = useQuery(read.plans(partner));
  return (
    <>
      <PageHead title="Plans" sub="What a login gets. A change holds from the next login on.">
        <Fresh of={plans} />
      </PageHead>
      <Panel>
        <Read query={plans}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="There are no plans yet.">headend plan add makes one; headend apply keeps them in a file.</Empty>
            ) : (
              <Table
                label="Plans"
                rows={all}
                id={(row) => row.id}
                columns={[
                  {
                    title: "Plan",
                    cell: (row) => (
                      <>
                        <span className="font-medium">{row.name}</span> <span className="text-faint">{row.slug}</span>
                      </>
                    ),
                  },
                  { title: "Down", cell: (row) => rate(row.download_bps), right: true },
                  { title: "Up", cell: (row) => rate(row.upload_bps), right: true },
                  { title: "Reports every", cell: (row) => duration(row.interim_interval_s), right: true, wide: true },
                  { title: "Session at most", cell: (row) => duration(row.session_timeout_s), right: true, wide: true },
                  { title: "Also", cell: (row) => <span className="text-dim">{terms(row).join(" · ") || "–"}</span> },
                ]}
              />
            )
          }
        </Read>
      </Panel>
    </>
  );
}

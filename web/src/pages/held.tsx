// Who had an address at a time: the question of abuse desks and courts. The answer says what it rests on.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import * as read from "../api/queries";
import { duration } from "../logic/words";
import { Button } from "../ui/button";
import { Empty, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { State } from "../ui/state";
import { Table } from "../ui/table";
import { When } from "../ui/time";

/** An instant as the input for one has it: in UTC, to the second. */
function typed(at: string): string {
  return new Date(at).toISOString().slice(0, 19);
}

export function Held() {
  const { partner } = useParams({ from: "/signed/p/$partner/held" });
  const search = useSearch({ from: "/signed/p/$partner/held" });
  const navigate = useNavigate({ from: "/p/$partner/held" });
  const address = search.address ?? "";
  const now = useMemo(() => new Date().toISOString(), [address, search.at]);
  const at = search.at ?? now;
  const held = useQuery(read.sessionsAt(partner, address, at));
  return (
    <>
      <PageHead title="Who had an address" sub="Every session that held it then, an address of the network, or a prefix that contains it." />
      <Panel className="mb-5">
        <form
          key={`${address} ${at}`}
          className="flex flex-wrap items-end gap-3 p-4"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const moment = String(data.get("at") ?? "");
            void navigate({
              search: { address: String(data.get("address") ?? "").trim(), at: moment ? `${moment.length === 16 ? `${moment}:00` : moment}Z` : undefined },
            });
          }}
        >
          <label className="text-[13px] font-medium">
            Address or network
            <input name="address" required defaultValue={address} placeholder="203.0.113.7 or 2001:db8::/56" className="field mt-1 font-normal sm:!w-72" />
          </label>
          <label className="text-[13px] font-medium">
            At (UTC)
            <input name="at" type="datetime-local" step="1" defaultValue={typed(at)} className="field mt-1 font-normal sm:!w-60" />
          </label>
          <Button type="submit" look="main">
            Look
          </Button>
        </form>
      </Panel>
      {address && (
        <Panel title={`${address} at ${typed(at).replace("T", " ")} UTC`}>
          <Read query={held}>
            {(all) =>
              all.length === 0 ? (
                <Empty title="Nobody, by what is on record.">Sessions without an address in their accounting cannot be found so.</Empty>
              ) : (
                <Table
                  label="Sessions"
                  rows={all}
                  id={(row) => row.id}
                  columns={[
                    {
                      title: "User name",
                      cell: (row) =>
                        row.subscriber_id ? (
                          <Link to="/p/$partner/subscribers/$id" params={{ partner, id: row.subscriber_id }} className="font-medium hover:underline">
                            {row.username}
                          </Link>
                        ) : (
                          (row.username ?? "–")
                        ),
                    },
                    { title: "Held", cell: (row) => [row.framed_ip, row.framed_ipv6, row.framed_ipv6_prefix, row.delegated_ipv6_prefix].filter(Boolean).join(", ") },
                    { title: "From", cell: (row) => <When at={row.started_at} /> },
                    { title: "Until", cell: (row) => (row.stopped_at ? <When at={row.stopped_at} /> : <State tone="good">open</State>) },
                    { title: "For", cell: (row) => duration(row.session_time_s), right: true, wide: true },
                    { title: "NAS", cell: (row) => `${row.nas ?? row.nas_id} ${row.nas_port ?? ""}`, wide: true },
                    { title: "Device", cell: (row) => row.calling_station ?? "–", wide: true },
                    { title: "By", cell: (row) => <span className="text-dim">{row.stop_evidence ?? row.source}</span>, wide: true },
                  ]}
                />
              )
            }
          </Read>
        </Panel>
      )}
    </>
  );
}

// Every NAS of the partner: how it is, what it carries, how safely it asks.
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import * as read from "../../api/queries";
import { findings, postureWords, tone } from "../../logic/nas";
import { may } from "../../logic/permission";
import { count, plural } from "../../logic/words";
import { Button } from "../../ui/button";
import { Empty, Fresh, Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";
import { State } from "../../ui/state";
import { Table } from "../../ui/table";
import { When, useNow } from "../../ui/time";
import { Admit } from "./admit";

const SAID = { good: "well", warn: "look", bad: "broken", idle: "quiet" };

export function NasList() {
  const { partner } = useParams({ from: "/signed/p/$partner/nas" });
  const { data: me } = useSuspenseQuery(read.me);
  const [admitting, setAdmitting] = useState(false);
  const nas = useQuery(read.nasList(partner));
  const now = useNow();
  return (
    <>
      <PageHead title="NAS" sub={nas.data ? plural(nas.data.meta.total ?? nas.data.data.length, "device") : "…"}>
        <Fresh of={nas} />
        {may(me, partner, "radius:nas:manage") && (
          <Button look="main" onClick={() => setAdmitting(true)}>
            Admit a NAS
          </Button>
        )}
      </PageHead>
      <Panel>
        <Read query={nas} rows={6}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty title="No NAS is admitted yet.">Point one here; it shows under unknown sources, from where it is let in.</Empty>
            ) : (
              <Table
                label="NAS"
                rows={data}
                id={(row) => row.id}
                columns={[
                  {
                    title: "Name",
                    cell: (row) => (
                      <Link to="/p/$partner/nas/$id" params={{ partner, id: row.id }} className="font-medium hover:underline">
                        {row.name}
                      </Link>
                    ),
                  },
                  {
                    title: "State",
                    cell: (row) => {
                      const how = tone(row, now);
                      return (
                        <State tone={how} title={findings(row, now)[0]?.text}>
                          {SAID[how]}
                        </State>
                      );
                    },
                  },
                  { title: "Address", cell: (row) => <span className="num">{row.address}</span> },
                  { title: "Make", cell: (row) => row.type, wide: true },
                  { title: "Sessions", cell: (row) => count(row.health?.open_sessions), right: true },
                  { title: "Accepted", cell: (row) => count(row.health?.accepts), right: true, wide: true },
                  { title: "Refused", cell: (row) => count(row.health?.rejects), right: true, wide: true },
                  { title: "Posture", cell: (row) => <span className="text-dim">{postureWords(row.posture.verdict)}</span>, wide: true },
                  { title: "Last packet", cell: (row) => (row.health?.last_packet_at ? <When at={row.health.last_packet_at} as="ago" /> : "–"), right: true },
                ]}
              />
            )
          }
        </Read>
      </Panel>
      {admitting && <Admit partner={partner} close={() => setAdmitting(false)} />}
    </>
  );
}

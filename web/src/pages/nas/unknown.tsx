// Who sends RADIUS here and is no NAS. Each can be admitted with what it has told.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import * as read from "../../api/queries";
import { count } from "../../logic/words";
import { Button } from "../../ui/button";
import { Empty, Fresh, Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";
import { Table } from "../../ui/table";
import { When } from "../../ui/time";
import { Admit } from "./admit";

export function Unknown() {
  const { partner } = useParams({ from: "/signed/p/$partner/unknown" });
  const [admitting, setAdmitting] = useState<read.UnknownSource | null>(null);
  const unknown = useQuery(read.unknownSources);
  return (
    <>
      <PageHead title="Unknown sources" sub="They send RADIUS here and are no NAS of anybody; none of them is answered.">
        <Fresh of={unknown} />
      </PageHead>
      <Panel>
        <Read query={unknown}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="Nobody knocks.">Every datagram comes from a NAS that is admitted. This is the memory of this node since it started.</Empty>
            ) : (
              <Table
                label="Unknown sources"
                rows={all}
                id={(row) => row.address + row.port}
                columns={[
                  { title: "Address", cell: (row) => <span className="num font-medium">{row.address}</span> },
                  { title: "Calls itself", cell: (row) => row.nas_identifier ?? "–" },
                  { title: "Port", cell: (row) => row.port },
                  { title: "Datagrams", cell: (row) => count(row.count), right: true },
                  { title: "First", cell: (row) => <When at={row.first_seen} as="ago" />, right: true, wide: true },
                  { title: "Last", cell: (row) => <When at={row.last_seen} as="ago" />, right: true },
                  { title: "Admit", cell: (row) => <Button onClick={() => setAdmitting(row)}>Admit</Button>, right: true },
                ]}
              />
            )
          }
        </Read>
      </Panel>
      {admitting && (
        <Admit
          partner={partner}
          address={admitting.address}
          name={admitting.nas_identifier?.replace(/[^A-Za-z0-9._-]/g, "-") ?? `nas-${admitting.address.replace(/[.:]/g, "-")}`}
          close={() => setAdmitting(null)}
        />
      )}
    </>
  );
}

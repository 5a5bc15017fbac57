// The partners of the platform: enter one, add one.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask } from "../api/client";
import * as read from "../api/queries";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Form, text } from "../ui/form";
import { Empty, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { State, statusTone } from "../ui/state";
import { Table } from "../ui/table";
import { When } from "../ui/time";
import { say } from "../ui/toast";

export function Partners() {
  const { data: me } = useSuspenseQuery(read.me);
  const [adding, setAdding] = useState(false);
  const partners = useQuery(read.partners);
  return (
    <>
      <PageHead title="Partners" sub="The ISPs on this platform. None sees another.">
        {me.platform_permissions.includes("platform:partners:manage") && (
          <Button look="main" onClick={() => setAdding(true)}>
            Add a partner
          </Button>
        )}
      </PageHead>
      <Panel>
        <Read query={partners}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="There is no partner yet." />
            ) : (
              <Table
                label="Partners"
                rows={all}
                id={(row) => row.id}
                columns={[
                  {
                    title: "Name",
                    cell: (row) => (
                      <Link to="/p/$partner" params={{ partner: row.slug }} className="font-medium hover:underline">
                        {row.name}
                      </Link>
                    ),
                  },
                  { title: "Short name", cell: (row) => row.slug },
                  { title: "State", cell: (row) => <State tone={statusTone(row.status)}>{row.status}</State> },
                  { title: "Since", cell: (row) => <When at={row.created_at} />, right: true },
                ]}
              />
            )
          }
        </Read>
      </Panel>
      {adding && <NewPartner close={() => setAdding(false)} />}
    </>
  );
}

function NewPartner({ close }: { close: () => void }) {
  const queries = useQueryClient();
  const send = async (data: FormData) => {
    await ask(api.POST("/partners", { body: { slug: text(data, "slug"), name: text(data, "name") } }));
    await queries.invalidateQueries({ queryKey: ["partners"] });
    await queries.invalidateQueries({ queryKey: ["me"] });
  };
  return (
    <Dialog title="Add a partner" onClose={close}>
      <Form label="Add" send={send} done={() => (say("The partner is there."), close())}>
        {(mistake) => (
          <>
            <Field label="Name" name="name" required autoFocus mistake={mistake("name")} />
            <Field label="Short name" name="slug" required pattern="[a-z0-9\-]{1,63}" mistake={mistake("slug")} hint="a-z, 0-9 and -; it stands in addresses and commands and never changes." />
          </>
        )}
      </Form>
    </Dialog>
  );
}

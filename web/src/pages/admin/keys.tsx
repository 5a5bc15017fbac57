// API keys: for programs, with single permissions, shown once. Revoking one is at once and for ever.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { membership } from "../../logic/permission";
import { plural } from "../../logic/words";
import { Button } from "../../ui/button";
import { Copy } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { Empty, Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";
import { State } from "../../ui/state";
import { Table } from "../../ui/table";
import { When, useNow } from "../../ui/time";
import { say } from "../../ui/toast";

export function Keys() {
  const { partner } = useParams({ from: "/signed/p/$partner/keys" });
  const keys = useQuery(read.apiKeys(partner));
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<read.ApiKey | null>(null);
  return (
    <>
      <PageHead title="API keys" sub="For programs, below /api/public/v1.">
        <Button look="main" onClick={() => setMaking(true)}>
          Make a key
        </Button>
      </PageHead>
      <Panel>
        <Read query={keys}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="There are no keys.">A key has only the permissions it is given, and no more than who makes it.</Empty>
            ) : (
              <Table
                label="API keys"
                rows={all}
                id={(row) => row.id}
                columns={[
                  { title: "Name", cell: (row) => <span className="font-medium">{row.name}</span> },
                  { title: "Begins with", cell: (row) => <code className="font-mono text-xs">{row.prefix}…</code> },
                  { title: "State", cell: (row) => <Life of={row} /> },
                  { title: "May", cell: (row) => <span title={row.permissions.join("\n")}>{plural(row.permissions.length, "thing")}</span>, wide: true },
                  { title: "Last used", cell: (row) => (row.last_used_at ? <When at={row.last_used_at} as="ago" /> : "never"), right: true },
                  {
                    title: "Revoke",
                    cell: (row) =>
                      !row.revoked_at && (
                        <Button look="danger" onClick={() => setRevoking(row)}>
                          Revoke
                        </Button>
                      ),
                    right: true,
                  },
                ]}
              />
            )
          }
        </Read>
      </Panel>
      {making && <NewKey partner={partner} close={() => setMaking(false)} />}
      {revoking && <Revoke partner={partner} of={revoking} close={() => setRevoking(null)} />}
    </>
  );
}

function Life({ of }: { of: read.ApiKey }) {
  const now = useNow();
  if (of.revoked_at) return <State tone="idle">revoked</State>;
  if (of.expires_at && Date.parse(of.expires_at) <= now) return <State tone="idle">run out</State>;
  return (
    <span className="flex flex-wrap items-center gap-2">
      <State tone="good">good</State>
      {of.expires_at && (
        <span className="text-xs text-dim">
          until <When at={of.expires_at} />
        </span>
      )}
    </span>
  );
}

function NewKey({ partner, close }: { partner: string; close: () => void }) {
  const { data: me } = useSuspenseQuery(read.me);
  const queries = useQueryClient();
  const [token, setToken] = useState<string | null>(null);
  const mine = membership(me, partner)?.permissions ?? [];
  const send = async (data: FormData) => {
    const days = Number(text(data, "days"));
    const answer = await ask(
      api.POST("/partners/{partner_id}/api-keys", {
        params: { path: { partner_id: partner } },
        body: {
          name: text(data, "name"),
          permissions: data.getAll("permissions").map(String),
          ...(days > 0 ? { expires_at: new Date(Date.now() + days * 86_400_000).toISOString() } : {}),
        },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "api-keys"] });
    setToken(answer.data.token ?? null);
  };
  return (
    <Dialog title={token ? "The key, once" : "Make a key"} onClose={close}>
      {token ? (
        <>
          <p className="mb-3 text-sm">Take it along now. It is stored as a digest and cannot be shown again.</p>
          <Copy text={token} secret />
          <div className="mt-5 flex justify-end">
            <Button look="main" onClick={close}>
              I have it
            </Button>
          </div>
        </>
      ) : (
        <Form label="Make" send={send} done={() => {}}>
          {(mistake) => (
            <>
              <Field label="Name" name="name" required autoFocus mistake={mistake("name")} hint="Which program has it." />
              <Field label="Good for days" name="days" type="number" min={0} max={3650} defaultValue={365} mistake={mistake("expires_at")} hint="0: until it is revoked." />
              <fieldset className="mb-4">
                <legend className="mb-1 text-[13px] font-medium">May</legend>
                <div className="max-h-52 space-y-1 overflow-y-auto rounded-lg border border-line p-3">
                  {mine.map((permission) => (
                    <label key={permission} className="flex items-center gap-2 font-mono text-xs">
                      <input type="checkbox" name="permissions" value={permission} className="accent-accent" />
                      {permission}
                    </label>
                  ))}
                </div>
                {mistake("permissions") && <p className="mt-1 text-xs text-bad">{mistake("permissions")}</p>}
              </fieldset>
            </>
          )}
        </Form>
      )}
    </Dialog>
  );
}

function Revoke({ partner, of, close }: { partner: string; of: read.ApiKey; close: () => void }) {
  const queries = useQueryClient();
  const send = async () => {
    await ask(
      api.DELETE("/partners/{partner_id}/api-keys/{api_key_id}", { params: { path: { partner_id: partner, api_key_id: of.id } } }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "api-keys"] });
  };
  return (
    <Dialog title={`Revoke ${of.name}`} onClose={close}>
      <p className="mb-4 text-sm text-dim">
        The program that has <code className="font-mono">{of.prefix}…</code> is refused from now on. It was last used{" "}
        {of.last_used_at ? <When at={of.last_used_at} as="ago" /> : "never"}.
      </p>
      <Form label="Revoke" danger send={send} done={() => (say("The key is no longer good."), close())}>
        {() => null}
      </Form>
    </Dialog>
  );
}

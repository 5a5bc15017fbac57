// The people of a partner: who they are, what roles they have, and whether they may come in.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { type Schema, api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { may } from "../../logic/permission";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { Empty, Read } from "../../ui/fresh";
import { PageHead, Panel } from "../../ui/panel";
import { State, statusTone } from "../../ui/state";
import { Table } from "../../ui/table";
import { When } from "../../ui/time";
import { say } from "../../ui/toast";

export function Users() {
  const { partner } = useParams({ from: "/signed/p/$partner/users" });
  const { data: me } = useSuspenseQuery(read.me);
  const users = useQuery(read.users(partner));
  const [open, setOpen] = useState<read.User | "new" | null>(null);
  const manages = may(me, partner, "users:manage");
  return (
    <>
      <PageHead title="People" sub="Who works for this partner, and as what.">
        {manages && (
          <Button look="main" onClick={() => setOpen("new")}>
            Add a person
          </Button>
        )}
      </PageHead>
      <Panel>
        <Read query={users}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="Nobody yet." />
            ) : (
              <Table
                label="People"
                rows={all}
                id={(row) => row.id}
                columns={[
                  { title: "Name", cell: (row) => <span className="font-medium">{row.name}</span> },
                  { title: "E-mail address", cell: (row) => row.email },
                  { title: "Roles", cell: (row) => row.roles.join(", ") || "–" },
                  { title: "State", cell: (row) => <State tone={statusTone(row.status)}>{row.status}</State> },
                  { title: "Since", cell: (row) => <When at={row.created_at} />, right: true, wide: true },
                  ...(manages ? [{ title: "Change", cell: (row: read.User) => <Button onClick={() => setOpen(row)}>Change</Button>, right: true }] : []),
                ]}
              />
            )
          }
        </Read>
      </Panel>
      {open && <Person partner={partner} of={open === "new" ? null : open} close={() => setOpen(null)} />}
    </>
  );
}

function Person({ partner, of, close }: { partner: string; of: read.User | null; close: () => void }) {
  const queries = useQueryClient();
  const roles = useQuery(read.roles(partner));
  const path = { partner_id: partner };
  const after = () => queries.invalidateQueries({ queryKey: [partner, "users"] });
  const send = async (data: FormData) => {
    const chosen = data.getAll("roles").map(String);
    if (of) {
      const body: Schema<"UserPatch"> = { name: text(data, "name"), roles: chosen };
      await ask(api.PATCH("/partners/{partner_id}/users/{user_id}", { params: { path: { ...path, user_id: of.id } }, body }));
    } else {
      const body = { email: text(data, "email"), name: text(data, "name"), password: String(data.get("password") ?? ""), roles: chosen };
      await ask(api.POST("/partners/{partner_id}/users", { params: { path }, body }));
    }
    await after();
  };
  const turn = async () => {
    if (!of) return;
    const status = of.status === "active" ? "disabled" : "active";
    await ask(api.PATCH("/partners/{partner_id}/users/{user_id}", { params: { path: { ...path, user_id: of.id } }, body: { status } }));
    await after();
    say(`${of.name} is ${status}.`);
    close();
  };
  return (
    <Dialog title={of ? of.name : "Add a person"} onClose={close}>
      <Read query={roles}>
        {(all) => (
          <Form
            label={of ? "Change" : "Add"}
            send={send}
            done={() => (say(of ? "Changed." : "The person can sign in."), close())}
            aside={of && <TurnButton of={of} turn={turn} />}
          >
            {(mistake) => (
              <>
                {!of && <Field label="E-mail address" name="email" type="email" required autoFocus mistake={mistake("email")} />}
                <Field label="Name" name="name" required defaultValue={of?.name} mistake={mistake("name")} />
                {!of && (
                  <Field label="First password" name="password" type="password" autoComplete="new-password" required minLength={12} mistake={mistake("password")} hint="12 characters or more; the person changes it." />
                )}
                <fieldset className="mb-4">
                  <legend className="mb-1 text-[13px] font-medium">Roles</legend>
                  <div className="max-h-56 space-y-1 overflow-y-auto rounded-lg border border-line p-3">
                    {all.map((role) => (
                      <label key={role.slug} className="flex items-start gap-2 text-sm">
                        <input type="checkbox" name="roles" value={role.slug} defaultChecked={of?.roles.includes(role.slug)} className="mt-1 accent-accent" />
                        <span>
                          {role.name} <span className="block text-xs text-dim">{role.description}</span>
                        </span>
                      </label>
                    ))}
                  </div>
                  {mistake("roles") && <p className="mt-1 text-xs text-bad">{mistake("roles")}</p>}
                </fieldset>
              </>
            )}
          </Form>
        )}
      </Read>
    </Dialog>
  );
}

function TurnButton({ of, turn }: { of: read.User; turn: () => Promise<void> }) {
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <span className="mr-auto">
      <Button look={of.status === "active" ? "danger" : "plain"} onClick={() => void turn().catch((error: Error) => setFailed(error.message))}>
        {of.status === "active" ? "Shut out" : "Let in again"}
      </Button>
      {failed && (
        <span role="alert" className="ml-2 text-xs text-bad">
          {failed}
        </span>
      )}
    </span>
  );
}

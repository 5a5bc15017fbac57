// Adds a subscriber: who, where, on which plan, with which password. He can log in within a second.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { Dialog } from "../../ui/dialog";
import { Choice, Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { Read } from "../../ui/fresh";
import { say } from "../../ui/toast";

export function NewSubscriber({ partner, close }: { partner: string; close: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const plans = useQuery(read.plans(partner));
  const clients = useQuery(read.clients(partner));
  const [client, setClient] = useState("");
  const chosen = client || clients.data?.[0]?.id || "";
  const sites = useQuery(read.sites(partner, chosen));
  const send = async (data: FormData) => {
    const made = await ask(
      api.POST("/partners/{partner_id}/subscribers", {
        params: { path: { partner_id: partner } },
        body: {
          username: text(data, "username"),
          name: text(data, "name"),
          plan: text(data, "plan"),
          site_id: text(data, "site_id"),
          ...(text(data, "password") ? { password: text(data, "password") } : {}),
        },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "subscribers"] });
    say(`${made.data.username} can log in.`);
    void navigate({ to: "/p/$partner/subscribers/$id", params: { partner, id: made.data.id } });
  };
  return (
    <Dialog title="Add a subscriber" onClose={close}>
      <Read query={clients}>
        {(known) => (
          <Form label="Add" send={send} done={close}>
            {(mistake) => (
              <>
                <Field label="User name" name="username" required autoFocus autoComplete="off" mistake={mistake("username")} hint="What he logs in with. It never changes." />
                <Field label="Name" name="name" autoComplete="off" mistake={mistake("name")} hint="What people call the service." />
                <Field label="Password" name="password" type="text" autoComplete="off" mistake={mistake("password")} hint="Never shown again. Empty: he is recognised by something else." />
                <Choice label="Plan" name="plan" required mistake={mistake("plan")}>
                  {plans.data?.map((plan) => (
                    <option key={plan.id} value={plan.slug}>
                      {plan.name}
                    </option>
                  ))}
                </Choice>
                <Choice label="Client" value={chosen} onChange={(event) => setClient(event.target.value)}>
                  {known.map((each) => (
                    <option key={each.id} value={each.id}>
                      {each.name}
                    </option>
                  ))}
                </Choice>
                <Choice label="Site" name="site_id" required mistake={mistake("site_id")}>
                  {sites.data?.map((site) => (
                    <option key={site.id} value={site.id}>
                      {site.name}
                    </option>
                  ))}
                </Choice>
              </>
            )}
          </Form>
        )}
      </Read>
    </Dialog>
  );
}

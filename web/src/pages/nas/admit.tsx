// Admits a NAS: its address, its make, its secret. It is answered within a second.
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { api, ask } from "../../api/client";
import { Dialog } from "../../ui/dialog";
import { Choice, Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { say } from "../../ui/toast";

/** The makes that the server speaks to in their own words. */
const MAKES = ["other", "accel-ppp", "cisco", "h3c", "hostapd", "huawei", "ikuai", "juniper", "mikrotik", "nokia", "ubiquiti", "zte"];
/** Octets of a secret that is drawn here. */
const SECRET_OCTETS = 24;

/** A secret that nobody has to think of. */
function drawn(): string {
  const octets = crypto.getRandomValues(new Uint8Array(SECRET_OCTETS));
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function Admit({ partner, address = "", name = "", close }: { partner: string; address?: string; name?: string; close: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const send = async (data: FormData) => {
    const made = await ask(
      api.POST("/partners/{partner_id}/nas", {
        params: { path: { partner_id: partner } },
        body: {
          name: text(data, "name"),
          address: text(data, "address"),
          type: text(data, "type"),
          secret: text(data, "secret"),
          ...(text(data, "description") ? { description: text(data, "description") } : {}),
        },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "nas"] });
    await queries.invalidateQueries({ queryKey: ["unknown-sources"] });
    say(`${made.data.name} is admitted.`);
    void navigate({ to: "/p/$partner/nas/$id", params: { partner, id: made.data.id } });
  };
  return (
    <Dialog title="Admit a NAS" onClose={close}>
      <Form label="Admit" send={send} done={close}>
        {(mistake) => (
          <>
            <Field label="Name" name="name" required autoFocus defaultValue={name} pattern="[A-Za-z0-9._\-]{1,63}" mistake={mistake("name")} hint="Letters, digits, dot, dash and underscore." />
            <Field label="Address or network" name="address" required defaultValue={address} mistake={mistake("address")} hint="From where its packets come; the most specific wins." />
            <Choice label="Make" name="type" mistake={mistake("type")} hint="Decides in which words plans are told to it.">
              {MAKES.map((make) => (
                <option key={make}>{make}</option>
              ))}
            </Choice>
            <Field label="Shared secret" name="secret" required autoComplete="off" defaultValue={drawn()} mistake={mistake("secret")} hint="Copy it into the NAS now; it is never shown again." />
            <Field label="Description" name="description" maxLength={200} mistake={mistake("description")} />
          </>
        )}
      </Form>
    </Dialog>
  );
}

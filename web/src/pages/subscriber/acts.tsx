// What can be done about a subscriber. Everything asks for a reason or shows what it will do before it does it; what his role
// may not do is not here.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Schema, api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { may } from "../../logic/permission";
import { octets } from "../../logic/words";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Choice, Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { say } from "../../ui/toast";
import { Disconnect } from "./disconnect";
import { Preview } from "./preview";

type Act = "none" | "disconnect" | "suspend" | "restore" | "plan" | "password" | "release" | "preview" | "topup";

export function Acts({ partner, of, sessions }: { partner: string; of: read.Subscriber; sessions: read.Session[] }) {
  const { data: me } = useSuspenseQuery(read.me);
  const [act, setAct] = useState<Act>("none");
  const close = () => setAct("none");
  const writes = may(me, partner, "radius:subscribers:write");
  const admission = useQuery(read.subscriberAdmission(partner, of.id));
  const quota = useQuery(read.quota(partner, of.id));
  const shared = { partner, of, close };
  return (
    <>
      <Button onClick={() => setAct("preview")}>What he gets</Button>
      {writes && of.status === "active" && <Button onClick={() => setAct("suspend")}>Suspend</Button>}
      {writes && of.status === "suspended" && (
        <Button look="main" onClick={() => setAct("restore")}>
          Restore
        </Button>
      )}
      {writes && <Button onClick={() => setAct("plan")}>Change plan</Button>}
      {writes && <Button onClick={() => setAct("password")}>New password</Button>}
      {writes && quota.data && <Button onClick={() => setAct("topup")}>Top up</Button>}
      {writes && admission.data?.bound && <Button onClick={() => setAct("release")}>Release binding</Button>}
      {sessions.length > 0 && may(me, partner, "radius:sessions:disconnect") && (
        <Button look="danger" onClick={() => setAct("disconnect")}>
          Disconnect
        </Button>
      )}
      {act === "disconnect" && <Disconnect partner={partner} sessions={sessions} close={close} />}
      {act === "preview" && <Preview {...shared} />}
      {act === "suspend" && <Suspend {...shared} online={sessions.length} />}
      {act === "restore" && <Restore {...shared} />}
      {act === "plan" && <ChangePlan {...shared} />}
      {act === "password" && <NewPassword {...shared} />}
      {act === "topup" && quota.data && <TopUp {...shared} quota={quota.data} />}
      {act === "release" && <Release {...shared} bound={admission.data?.bound ?? ""} />}
    </>
  );
}

type Shared = { partner: string; of: read.Subscriber; close: () => void };

/** Changes the subscriber and has what is shown of him read again. */
function useChange({ partner, of }: Pick<Shared, "partner" | "of">) {
  const queries = useQueryClient();
  return async (body: Schema<"SubscriberChange">) => {
    await ask(
      api.PATCH("/partners/{partner_id}/subscribers/{subscriber_id}", {
        params: { path: { partner_id: partner, subscriber_id: of.id } },
        body,
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner] });
  };
}

function Suspend({ partner, of, close, online }: Shared & { online: number }) {
  const change = useChange({ partner, of });
  const send = (data: FormData) => change({ status: "suspended", status_reason: text(data, "reason") });
  return (
    <Dialog title={`Suspend ${of.username}`} onClose={close}>
      <p className="mb-4 text-sm text-dim">
        His next login is refused, or leads into the walled garden where the partner has one.
        {online > 0 && " He is online now: he stays so until his session ends or you disconnect it."}
      </p>
      <Form label="Suspend" danger send={send} done={() => (say(`${of.username} is suspended.`), close())}>
        {(mistake) => <Field label="Reason" name="reason" required autoFocus maxLength={200} mistake={mistake("status_reason")} hint="For the staff; the subscriber does not read it." />}
      </Form>
    </Dialog>
  );
}

function Restore({ partner, of, close }: Shared) {
  const change = useChange({ partner, of });
  return (
    <Dialog title={`Restore ${of.username}`} onClose={close}>
      <p className="mb-4 text-sm text-dim">
        Suspended because of: {of.status_reason ?? "no reason on record"}. His next login gets service; a session of his in the walled garden is
        ended, so that he logs in again.
      </p>
      <Form label="Restore" send={() => change({ status: "active" })} done={() => (say(`${of.username} has service again.`), close())}>
        {() => null}
      </Form>
    </Dialog>
  );
}

function ChangePlan({ partner, of, close }: Shared) {
  const change = useChange({ partner, of });
  const plans = useQuery(read.plans(partner));
  return (
    <Dialog title={`Plan of ${of.username}`} onClose={close}>
      <Form label="Change" send={(data) => change({ plan: text(data, "plan") })} done={() => (say("The next login gets the new plan."), close())}>
        {(mistake) => (
          <Choice label="Plan" name="plan" key={plans.data?.length} defaultValue={of.plan} mistake={mistake("plan")} hint="It holds from his next login on.">
            {plans.data?.map((plan) => (
              <option key={plan.id} value={plan.slug}>
                {plan.name}
              </option>
            ))}
          </Choice>
        )}
      </Form>
    </Dialog>
  );
}

function NewPassword({ partner, of, close }: Shared) {
  const change = useChange({ partner, of });
  return (
    <Dialog title={`New password for ${of.username}`} onClose={close}>
      <Form label="Set" send={(data) => change({ password: text(data, "password") })} done={() => (say("The new password holds from now on."), close())}>
        {(mistake) => (
          <Field label="Password" name="password" type="text" autoComplete="off" required autoFocus mistake={mistake("password")} hint="It is not shown again after this. The old one ends at once." />
        )}
      </Form>
    </Dialog>
  );
}

/** Octets of a gigabyte, as volumes are sold. */
const GIGABYTE = 1_000_000_000;

function TopUp({ partner, of, close, quota }: Shared & { quota: read.Quota }) {
  const queries = useQueryClient();
  const send = async (data: FormData) => {
    await ask(
      api.POST("/partners/{partner_id}/subscribers/{subscriber_id}/quota/top-ups", {
        params: { path: { partner_id: partner, subscriber_id: of.id } },
        body: { octets: Math.round(Number(text(data, "volume")) * GIGABYTE), reason: text(data, "reason") },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "subscriber", of.id] });
  };
  return (
    <Dialog title={`Top up ${of.username}`} onClose={close}>
      <p className="mb-4 text-sm text-dim">
        {octets(quota.used)} of {octets(quota.allowed)} are used. What is given on top holds until the period ends; a live session of his gets service
        again by itself.
      </p>
      <Form label="Top up" send={send} done={() => (say(`${of.username} has more.`), close())}>
        {(mistake) => (
          <>
            <Field label="Volume, GB" name="volume" type="number" min="0.001" step="any" required autoFocus mistake={mistake("octets")} />
            <Field label="Reason" name="reason" required maxLength={200} mistake={mistake("reason")} hint="It goes into the audit beside your name." />
          </>
        )}
      </Form>
    </Dialog>
  );
}

function Release({ partner, of, close, bound }: Shared & { bound: string }) {
  const queries = useQueryClient();
  const send = async () => {
    await ask(
      api.POST("/partners/{partner_id}/subscribers/{subscriber_id}/release", {
        params: { path: { partner_id: partner, subscriber_id: of.id } },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "subscriber", of.id] });
  };
  return (
    <Dialog title={`Release ${of.username}`} onClose={close}>
      <p className="mb-4 text-sm">
        He is bound to <strong className="num">{bound}</strong>. His next login is bound anew, wherever it comes from.
      </p>
      <Form label="Release" send={send} done={() => (say(`${of.username} is released.`), close())}>
        {() => null}
      </Form>
    </Dialog>
  );
}

// One's own account: the second factor, backup codes, the password.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { renderSVG } from "uqr";
import { type Schema, api, ask } from "../api/client";
import * as read from "../api/queries";
import { plural } from "../logic/words";
import { Button } from "../ui/button";
import { Copy } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Form, text } from "../ui/form";
import { Read } from "../ui/fresh";
import { Fact, Facts, PageHead, Panel } from "../ui/panel";
import { State } from "../ui/state";
import { When } from "../ui/time";
import { say } from "../ui/toast";

export function Account() {
  const { data: me } = useSuspenseQuery(read.me);
  return (
    <>
      <PageHead title="Account" sub={me.user.email ?? me.user.name} />
      <div className="grid gap-5 lg:grid-cols-2">
        <Factor />
        <Password />
        <Panel title="What you may enter">
          <Facts>
            {me.platform_roles.length > 0 && <Fact name="Platform">{me.platform_roles.join(", ")}</Fact>}
            {me.partners.map((partner) => (
              <Fact key={partner.id} name={partner.name}>
                {partner.roles.join(", ") || "by your role on the platform"}
              </Fact>
            ))}
          </Facts>
        </Panel>
      </div>
    </>
  );
}

function Factor() {
  const factor = useQuery(read.secondFactor);
  const queries = useQueryClient();
  const [act, setAct] = useState<"none" | "begin" | "remove" | "codes">("none");
  const close = () => {
    setAct("none");
    void queries.invalidateQueries({ queryKey: ["second-factor"] });
  };
  return (
    <Panel title="Second factor">
      <Read query={factor}>
        {(known) => (
          <div className="px-4 py-4 text-sm">
            {known.confirmed ? (
              <>
                <p className="mb-3 flex flex-wrap items-center gap-2">
                  <State tone="good">on</State>
                  {known.confirmed_at && (
                    <span className="text-dim">
                      since <When at={known.confirmed_at} />
                    </span>
                  )}
                  <span className="text-dim">· {plural(known.backup_codes_left, "backup code")} left</span>
                </p>
                <div className="flex flex-wrap gap-2">
                  <Button onClick={() => setAct("codes")}>New backup codes</Button>
                  <Button look="danger" onClick={() => setAct("remove")}>
                    Remove
                  </Button>
                </div>
              </>
            ) : (
              <>
                <p className="mb-3 flex items-center gap-2">
                  <State tone="warn">off</State> <span className="text-dim">A password alone lets in whoever learns it.</span>
                </p>
                <Button look="main" onClick={() => setAct("begin")}>
                  Set it up
                </Button>
              </>
            )}
          </div>
        )}
      </Read>
      {act === "begin" && <Begin close={close} />}
      {act === "codes" && <Renew close={close} />}
      {act === "remove" && <Remove close={close} />}
    </Panel>
  );
}

function Begin({ close }: { close: () => void }) {
  const [begun, setBegun] = useState<Schema<"FactorBegun"> | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const begin = async (data: FormData) => {
    const answer = await ask(api.POST("/me/second-factor", { body: { password: String(data.get("password") ?? "") } }));
    setBegun(answer.data);
  };
  const confirm = async (data: FormData) => {
    const answer = await ask(api.POST("/me/second-factor/confirm", { body: { code: text(data, "code") } }));
    setCodes(answer.data.backup_codes);
  };
  return (
    <Dialog title="Set up the second factor" onClose={close}>
      {codes ? (
        <Codes codes={codes} close={close} />
      ) : begun ? (
        <Form label="It works" send={confirm} done={() => say("The second factor is on.")}>
          {(mistake) => (
            <>
              <p className="mb-3 text-sm text-dim">Show this to the app on your telephone, then type the code it gives.</p>
              <Picture of={begun.uri} />
              <div className="mb-4">
                <Copy text={begun.secret} secret />
              </div>
              <Field label="Code" name="code" required autoFocus inputMode="numeric" autoComplete="one-time-code" mistake={mistake("code")} />
            </>
          )}
        </Form>
      ) : (
        <Form label="Go on" send={begin} done={() => {}}>
          {(mistake) => <Field label="Your password" name="password" type="password" autoComplete="current-password" required autoFocus mistake={mistake("password")} />}
        </Form>
      )}
    </Dialog>
  );
}

/** A QR code, drawn here: the secret goes nowhere. */
function Picture({ of }: { of: string }) {
  const drawn = `data:image/svg+xml;utf8,${encodeURIComponent(renderSVG(of, { border: 2 }))}`;
  return <img src={drawn} alt="The same as a picture for the app" className="mx-auto mb-4 size-52 rounded-lg bg-[white] p-2" />;
}

function Codes({ codes, close }: { codes: string[]; close: () => void }) {
  return (
    <>
      <p className="mb-3 text-sm">Each of these lets you in once when the telephone is lost. They are not shown again.</p>
      <ul className="mb-4 grid grid-cols-2 gap-2 rounded-lg bg-raised p-4 font-mono text-sm select-all">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex justify-end">
        <Button look="main" onClick={close}>
          I have them
        </Button>
      </div>
    </>
  );
}

function Renew({ close }: { close: () => void }) {
  const [codes, setCodes] = useState<string[] | null>(null);
  const renew = async (data: FormData) => {
    const answer = await ask(api.POST("/me/second-factor/backup-codes", { body: { code: text(data, "code") } }));
    setCodes(answer.data.backup_codes);
  };
  return (
    <Dialog title="New backup codes" onClose={close}>
      {codes ? (
        <Codes codes={codes} close={close} />
      ) : (
        <Form label="Make them" send={renew} done={() => {}}>
          {() => <Field label="Code of your telephone" name="code" required autoFocus inputMode="numeric" hint="The codes you have now end." />}
        </Form>
      )}
    </Dialog>
  );
}

function Remove({ close }: { close: () => void }) {
  const send = (data: FormData) => ask(api.POST("/me/second-factor/remove", { body: { code: text(data, "code") } }));
  return (
    <Dialog title="Remove the second factor" onClose={close}>
      <Form label="Remove" danger send={send} done={() => (say("From now on your password alone lets you in."), close())}>
        {() => <Field label="Code of your telephone, or a backup code" name="code" required autoFocus inputMode="numeric" />}
      </Form>
    </Dialog>
  );
}

function Password() {
  const [round, setRound] = useState(0);
  const send = (data: FormData) =>
    ask(api.POST("/me/password", { body: { current: String(data.get("current") ?? ""), new: String(data.get("new") ?? "") } }));
  return (
    <Panel title="Password">
      <div className="px-4 py-4">
        <Form key={round} label="Change" send={send} done={() => (say("The new password holds; your other sessions have ended."), setRound(round + 1))}>
          {(mistake) => (
            <>
              <Field label="Until now" name="current" type="password" autoComplete="current-password" required mistake={mistake("current")} />
              <Field label="From now on" name="new" type="password" autoComplete="new-password" required minLength={12} mistake={mistake("new")} hint="12 characters or more." />
            </>
          )}
        </Form>
      </div>
    </Panel>
  );
}

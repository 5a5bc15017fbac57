// One NAS: what is wrong with it and what to do, then the facts: traffic, accounting, how safely it asks.
import { useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { findings, postureWords } from "../../logic/nas";
import { may } from "../../logic/permission";
import { count, duration } from "../../logic/words";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Choice, Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { Fresh, Read } from "../../ui/fresh";
import { Fact, Facts, Figure, PageHead, Panel } from "../../ui/panel";
import { State } from "../../ui/state";
import { When, useNow } from "../../ui/time";
import { say } from "../../ui/toast";

export function NasPage() {
  const { partner, id } = useParams({ from: "/signed/p/$partner/nas/$id" });
  const nas = useQuery(read.nas(partner, id));
  return (
    <Read query={nas} rows={8}>
      {(found) => (
        <>
          <Head partner={partner} of={found} fresh={<Fresh of={nas} />} />
          <Findings partner={partner} of={found} />
          <Known of={found} />
        </>
      )}
    </Read>
  );
}

function Head({ partner, of, fresh }: { partner: string; of: read.Nas; fresh: React.ReactNode }) {
  const { data: me } = useSuspenseQuery(read.me);
  const [rotating, setRotating] = useState(false);
  useEffect(() => {
    document.title = `${of.name} · Headend`;
  }, [of.name]);
  return (
    <PageHead
      title={of.name}
      sub={
        <>
          <span className="num">{of.address}</span> · {of.type}
          {of.description && <> · {of.description}</>}
        </>
      }
    >
      {fresh}
      <Link to="/p/$partner/sessions" params={{ partner }} search={{ nas: of.name }} className="rounded-[7px] border border-line bg-panel px-3 py-1.5 text-[13px] font-medium hover:bg-raised">
        Its sessions
      </Link>
      {may(me, partner, "radius:nas:manage") && <Button onClick={() => setRotating(true)}>Replace the secret</Button>}
      {rotating && <Rotate partner={partner} of={of} close={() => setRotating(false)} />}
    </PageHead>
  );
}

function Findings({ partner, of }: { partner: string; of: read.Nas }) {
  const { data: me } = useSuspenseQuery(read.me);
  const queries = useQueryClient();
  const found = findings(of, useNow());
  const [failed, setFailed] = useState<string | null>(null);
  const tighten = async () => {
    setFailed(null);
    try {
      await ask(
        api.POST("/partners/{partner_id}/nas/{nas_id}/tighten", { params: { path: { partner_id: partner, nas_id: of.id } } }),
      );
      await queries.invalidateQueries({ queryKey: [partner, "nas"] });
      say(`${of.name} is held to what it does anyway.`);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
  };
  if (found.length === 0) return null;
  return (
    <Panel title="What to know" className="mb-5">
      <ul>
        {found.map(({ tone, text: words }) => (
          <li key={words} className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-2.5 text-sm last:border-0">
            <State tone={tone}>{{ bad: "broken", warn: "look", idle: "note", good: "well" }[tone]}</State>
            {words}
            {of.posture.verdict === "ready" && tone === "idle" && words.startsWith("It signs") && may(me, partner, "radius:nas:manage") && (
              <Button className="ml-auto" onClick={() => void tighten()}>
                Hold it to that
              </Button>
            )}
          </li>
        ))}
      </ul>
      {failed && (
        <p role="alert" className="px-4 pb-3 text-sm text-bad">
          {failed}
        </p>
      )}
    </Panel>
  );
}

function Known({ of }: { of: read.Nas }) {
  const { health, posture } = of;
  const moment = (at: string | null | undefined) => (at ? <When at={at} as="ago" /> : "never");
  return (
    <>
      {health && (
        <div className="mb-5 grid grid-cols-2 gap-3 md:grid-cols-5">
          <Figure value={count(health.open_sessions)} label="sessions open" tone="text-accent" />
          <Figure value={count(health.requests)} label="datagrams since start" />
          <Figure value={count(health.accepts)} label="accepted" />
          <Figure value={count(health.rejects)} label="refused" />
          <Figure value={count(health.accounting)} label="accounting records" />
        </div>
      )}
      <div className="grid gap-5 lg:grid-cols-3">
        <Panel title="Heard from it">
          <Facts>
            <Fact name="Last packet">{moment(health?.last_packet_at)}</Fact>
            <Fact name="Last of a session">{moment(health?.accounting_heard_at)}</Fact>
            <Fact name="Usually every">{duration(health?.accounting_interval_s)}</Fact>
            <Fact name="Accounting">{health?.accounting_stale ? "stale" : "as expected"}</Fact>
            <Fact name="Malformed">{count(health?.malformed)}</Fact>
            <Fact name="Over its rate">{count(health?.rate_limited)}</Fact>
          </Facts>
        </Panel>
        <Panel title="How safely it asks">
          <Facts>
            <Fact name="Verdict">{postureWords(posture.verdict)}</Fact>
            <Fact name="Must sign">{of.require_message_authenticator}</Fact>
            <Fact name="Proxy-State unsigned">{{ yes: "not allowed", no: "allowed", auto: "as it began" }[of.limit_proxy_state] ?? of.limit_proxy_state}</Fact>
            <Fact name="Unsigned so far">{count(posture.unsigned)}</Fact>
            <Fact name="The last of them">{moment(posture.unsigned_last_at)}</Fact>
            <Fact name="Wrong secret">{count(health?.secret_differs)}</Fact>
          </Facts>
        </Panel>
        <Panel title="How it is set">
          <Facts>
            <Fact name="Disconnects to port">{of.coa_port}</Fact>
            <Fact name="Secret for them">{of.coa_secret_set ? "its own" : "the shared one"}</Fact>
            <Fact name="Old secret">{of.older_secret_until ? <When at={of.older_secret_until} /> : "none"}</Fact>
            <Fact name="Rate">{of.request_rate == null ? "any" : `${count(of.request_rate)}/s, ${count(of.request_burst ?? of.request_rate)} at once`}</Fact>
            <Fact name="Recognises by">{of.identify?.join(", ") ?? "as the partner says"}</Fact>
            <Fact name="Certificate">{of.tls_name ?? "any that is valid"}</Fact>
          </Facts>
        </Panel>
      </div>
    </>
  );
}

function Rotate({ partner, of, close }: { partner: string; of: read.Nas; close: () => void }) {
  const queries = useQueryClient();
  const send = async (data: FormData) => {
    await ask(
      api.POST("/partners/{partner_id}/nas/{nas_id}/secret", {
        params: { path: { partner_id: partner, nas_id: of.id } },
        body: { secret: text(data, "secret"), overlap_s: Number(text(data, "overlap")) },
      }),
    );
    await queries.invalidateQueries({ queryKey: [partner, "nas"] });
  };
  return (
    <Dialog title={`Replace the secret of ${of.name}`} onClose={close}>
      <Form label="Replace" send={send} done={() => (say("Both secrets are good until then."), close())}>
        {(mistake) => (
          <>
            <Field label="New secret" name="secret" required autoFocus autoComplete="off" mistake={mistake("secret")} hint="Never shown again." />
            <Choice label="The old one stays good for" name="overlap" defaultValue="86400" mistake={mistake("overlap_s")}>
              <option value="3600">1 hour</option>
              <option value="86400">1 day</option>
              <option value="604800">7 days</option>
            </Choice>
          </>
        )}
      </Form>
    </Dialog>
  );
}

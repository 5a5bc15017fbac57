// One subscriber, for who has him on the telephone: how he is and why in the first line, then what is known with its age,
// then everything that happened, and what can be done about it.
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import * as read from "../../api/queries";
import { verdict } from "../../logic/caller";
import { may } from "../../logic/permission";
import { Fresh, Read } from "../../ui/fresh";
import { PageHead } from "../../ui/panel";
import { State } from "../../ui/state";
import { When, useNow } from "../../ui/time";
import { Acts } from "./acts";
import { Observations } from "./observations";
import { Timeline } from "./timeline";

/** How many closed sessions the timeline reaches back. */
const CLOSED_ROWS = 30;

export function Subscriber() {
  const { partner, id } = useParams({ from: "/signed/p/$partner/subscribers/$id" });
  const subscriber = useQuery(read.subscriber(partner, id));
  return <Read query={subscriber} rows={8}>{(found) => <Known partner={partner} of={found} fresh={<Fresh of={subscriber} />} />}</Read>;
}

function Known({ partner, of, fresh }: { partner: string; of: read.Subscriber; fresh: React.ReactNode }) {
  const { data: me } = useSuspenseQuery(read.me);
  const now = useNow();
  const network = may(me, partner, "radius:sessions:read");
  const open = useQuery({ ...read.sessions(partner, { state: "open", username: of.username }, 1, 20), enabled: network });
  const closed = useQuery({ ...read.sessions(partner, { state: "closed", username: of.username }, 1, CLOSED_ROWS, read.CALM_MS), enabled: network });
  const logins = useQuery(read.explained(partner, of.username));
  const acts = useQuery({ ...read.audit(partner, { object: of.id, page: 1 }), enabled: may(me, partner, "audit:read") });
  useEffect(() => {
    document.title = `${of.username} · Headend`;
  }, [of.username]);
  const sessions = open.data?.data ?? [];
  const ready = logins.data !== undefined && (!network || open.data !== undefined);
  const judged = ready ? verdict(of, sessions, logins.data?.decisions ?? [], now) : null;
  return (
    <>
      <PageHead
        title={
          <span className="flex flex-wrap items-center gap-3">
            {of.username}
            {judged && <State tone={judged.tone}>{judged.state}</State>}
          </span>
        }
        sub={
          <>
            {of.name && <>{of.name} · </>}
            {of.plan} · {of.client}/{of.site} · {of.status}
            {of.status_reason && <> ({of.status_reason})</>} since <When at={of.status_since} />
            {of.expires_at && (
              <>
                {" "}
                · ends <When at={of.expires_at} />
              </>
            )}
          </>
        }
      >
        {fresh}
        <Acts partner={partner} of={of} sessions={sessions} />
      </PageHead>
      {judged && (
        <section aria-label="What to say" className={`mb-5 rounded-[10px] border-l-4 px-5 py-4 ${GROUNDS[judged.tone]}`}>
          <p className="text-lg font-medium">“{judged.say}”</p>
          <p className="mt-1 text-sm">{judged.because}</p>
          {judged.next && <p className="mt-2 text-sm font-medium">{judged.next}</p>}
        </section>
      )}
      <Observations partner={partner} of={of} open={open} logins={logins} network={network} />
      <Timeline partner={partner} logins={logins} closed={closed} open={sessions} acts={acts.data?.data ?? []} mayActs={may(me, partner, "audit:read")} />
    </>
  );
}

const GROUNDS = {
  good: "border-good bg-good-ground text-text",
  warn: "border-warn bg-warn-ground text-text",
  bad: "border-bad bg-bad-ground text-text",
  idle: "border-faint bg-raised text-text",
};

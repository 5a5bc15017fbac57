// The last logins of a user name, also of one that nobody has: what a caller's router really sends.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import * as read from "../api/queries";
import { telling } from "../logic/reasons";
import { accepted } from "../logic/caller";
import { Button } from "../ui/button";
import { Empty, Fresh, Read } from "../ui/fresh";
import { PageHead, Panel } from "../ui/panel";
import { State, outcomeTone } from "../ui/state";
import { When } from "../ui/time";
import { Steps } from "./subscriber/timeline";

export function Logins() {
  const { partner } = useParams({ from: "/signed/p/$partner/logins" });
  const { username } = useSearch({ from: "/signed/p/$partner/logins" });
  const navigate = useNavigate({ from: "/p/$partner/logins" });
  const logins = useQuery(read.explained(partner, username));
  const found = useQuery({ ...read.subscribers(partner, { q: username, page: 1 }), enabled: username !== "" });
  const subscriber = found.data?.data.find((each) => each.username === username);
  const last = logins.data?.decisions[0];
  return (
    <>
      <PageHead title={`Logins of “${username}”`} sub="As the name was sent; nobody need have it.">
        <Fresh of={logins} />
        {subscriber && (
          <Link to="/p/$partner/subscribers/$id" params={{ partner, id: subscriber.id }} className="text-sm text-accent hover:underline">
            to the subscriber
          </Link>
        )}
      </PageHead>
      <form
        className="mb-5 flex max-w-md gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          const name = new FormData(event.currentTarget).get("username");
          void navigate({ search: { username: String(name ?? "").trim() } });
        }}
      >
        <input key={username} name="username" aria-label="User name" className="field" defaultValue={username} />
        <Button type="submit">Look</Button>
      </form>
      {last && !accepted(last) && (
        <section aria-label="What to say" className="mb-5 rounded-[10px] border-l-4 border-bad bg-bad-ground px-5 py-4">
          <p className="text-lg font-medium">“{telling(last.reason).say}”</p>
          <p className="mt-1 text-sm">{telling(last.reason).next}</p>
        </section>
      )}
      <Panel title="Newest first">
        <Read query={logins}>
          {({ decisions }) =>
            decisions.length === 0 ? (
              <Empty title="No login of this name is on record.">
                Either nothing arrives from his NAS, or the name is written otherwise; look at unknown sources, too.
              </Empty>
            ) : (
              <ol>
                {decisions.map((decision) => (
                  <li key={decision.id} className="border-b border-line px-4 py-3 last:border-0">
                    <p className="mb-2 flex flex-wrap items-center gap-3 text-sm">
                      <When at={decision.at} />
                      <State tone={outcomeTone(decision.outcome)}>{decision.outcome}</State>
                      <span>{decision.words}</span>
                      <span className="text-dim">on {decision.nas ?? decision.nas_id}</span>
                    </p>
                    <Steps of={decision} />
                  </li>
                ))}
              </ol>
            )
          }
        </Read>
      </Panel>
    </>
  );
}

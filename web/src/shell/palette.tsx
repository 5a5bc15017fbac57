// Find anyone by anything: people by the server's search, addresses by who holds them, NAS by name, places by theirs.
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useState } from "react";
import * as read from "../api/queries";
import { may, places } from "../logic/permission";
import { meaning } from "../logic/query";
import { Dialog } from "../ui/dialog";
import { Spinner } from "../ui/button";

/** Most hits of a kind. */
const HITS_MAX = 6;

type Hit = { key: string; group: string; title: string; sub?: string; go: () => void };

export function Palette({ partner, close }: { partner: string; close: () => void }) {
  const { data: me } = useSuspenseQuery(read.me);
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const { text, address } = meaning(useDeferredValue(typed));
  const mayPeople = may(me, partner, "radius:subscribers:read");
  const mayNetwork = may(me, partner, "radius:sessions:read");
  const people = useQuery({ ...read.subscribers(partner, { q: text, page: 1 }), enabled: mayPeople && text !== "", refetchInterval: false });
  const nas = useQuery({ ...read.nasList(partner), enabled: mayNetwork, refetchInterval: false });

  const needle = text.toLowerCase();
  const hits: Hit[] = [];
  if (text && people.data) {
    for (const found of people.data.data.slice(0, HITS_MAX)) {
      const sub = [found.name, found.status, found.plan, `${found.client}/${found.site}`].filter(Boolean).join(" · ");
      hits.push({
        key: found.id,
        group: "Subscribers",
        title: found.username,
        sub,
        go: () => void navigate({ to: "/p/$partner/subscribers/$id", params: { partner, id: found.id } }),
      });
    }
  }
  if (address && mayNetwork) {
    hits.push({
      key: "held",
      group: "Addresses",
      title: `Who has ${address}`,
      sub: "now, or at another time",
      go: () => void navigate({ to: "/p/$partner/held", params: { partner }, search: { address } }),
    });
  }
  if (text && nas.data) {
    const found = nas.data.data.filter((each) => each.name.toLowerCase().includes(needle) || each.address.includes(needle));
    for (const each of found.slice(0, HITS_MAX)) {
      hits.push({
        key: each.id,
        group: "NAS",
        title: each.name,
        sub: `${each.address} · ${each.type}`,
        go: () => void navigate({ to: "/p/$partner/nas/$id", params: { partner, id: each.id } }),
      });
    }
  }
  if (text && mayPeople) {
    hits.push({
      key: "logins",
      group: "Logins",
      title: `Logins of “${text}”`,
      sub: "also of a name that nobody has",
      go: () => void navigate({ to: "/p/$partner/logins", params: { partner }, search: { username: text } }),
    });
  }
  for (const place of places(me, partner).filter((each) => each.label.toLowerCase().includes(needle))) {
    hits.push({
      key: place.to,
      group: "Places",
      title: place.label,
      go: () => void navigate({ to: `/p/$partner/${place.to}` as "/p/$partner/overview", params: { partner } }),
    });
  }
  const chosen = Math.min(at, hits.length - 1);
  const choose = (hit: Hit | undefined) => {
    if (!hit) return;
    close();
    hit.go();
  };
  return (
    <Dialog title="Find" onClose={close} wide>
      <div className="relative">
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="hits"
          aria-activedescendant={hits[chosen] ? `hit-${hits[chosen].key}` : undefined}
          aria-label="Find anyone by anything"
          className="field !py-2.5 text-base"
          placeholder="user name, name, address, NAS, page …"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, hits.length - 1));
            else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
            else if (event.key === "Enter") choose(hits[chosen]);
            else return;
            event.preventDefault();
          }}
        />
        {people.isFetching && (
          <span className="absolute top-3.5 right-3 text-faint">
            <Spinner />
          </span>
        )}
      </div>
      <div id="hits" role="listbox" aria-label="Found" className="mt-3 max-h-[55dvh] overflow-y-auto">
        {hits.map((hit, index) => (
          <div key={hit.key}>
            {hits[index - 1]?.group !== hit.group && (
              <div role="presentation" className="px-3 pt-3 pb-1 text-[11px] font-semibold tracking-wide text-faint uppercase">
                {hit.group}
              </div>
            )}
            <div
              id={`hit-${hit.key}`}
              role="option"
              aria-selected={index === chosen}
              onClick={() => choose(hit)}
              onPointerMove={() => setAt(index)}
              className={`cursor-pointer rounded-lg px-3 py-2 ${index === chosen ? "bg-raised" : ""}`}
            >
              <div className="text-sm font-medium">{hit.title}</div>
              {hit.sub && <div className="truncate text-xs text-dim">{hit.sub}</div>}
            </div>
          </div>
        ))}
        {hits.length === 0 && <p className="px-3 py-6 text-center text-sm text-dim">Nothing has that in its name.</p>}
      </div>
    </Dialog>
  );
}

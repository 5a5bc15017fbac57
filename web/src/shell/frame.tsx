// What stands around every page once somebody is signed in: the places at the left, the search and the person at the top.
import { useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import * as read from "../api/queries";
import { type Place, membership, places } from "../logic/permission";
import { Empty } from "../ui/fresh";
import { Outage } from "./outage";
import { Palette } from "./palette";
import { Person } from "./person";
import { ProofDialog } from "./proof";
import { Shortcuts } from "./shortcuts";
import { useKeys } from "./keys";

/** The partner in the address, or the first one. */
function usePartner(): string | null {
  const { data: me } = useSuspenseQuery(read.me);
  const { partner } = useParams({ strict: false });
  return partner ?? me.partners[0]?.slug ?? null;
}

export function Frame() {
  const { data: me } = useSuspenseQuery(read.me);
  const partner = usePartner();
  const [open, setOpen] = useState<"none" | "search" | "keys" | "places">("none");
  const navigate = useNavigate();
  const here = useRouterState({ select: (state) => state.location.pathname });
  const mine = partner ? places(me, partner) : [];
  useEffect(() => setOpen("none"), [here]);
  useKeys({
    search: () => setOpen("search"),
    help: () => setOpen("keys"),
    go: (key) => {
      const place = mine.find((each) => each.key === key);
      if (place && partner) void navigate({ to: `/p/$partner/${place.to}` as "/p/$partner/overview", params: { partner } });
    },
  });
  return (
    <div className="flex min-h-dvh">
      <a href="#page" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded focus:bg-panel focus:px-3 focus:py-2">
        Skip to the page
      </a>
      <aside
        className={`no-print fixed inset-y-0 left-0 z-30 w-56 shrink-0 overflow-y-auto border-r border-line bg-panel px-3 py-4 transition-transform lg:sticky lg:top-0 lg:h-dvh lg:translate-x-0 ${open === "places" ? "translate-x-0 shadow-[var(--shadow)]" : "invisible -translate-x-full lg:visible"}`}
      >
        <Link to="/" className="mb-4 flex items-center gap-2.5 px-2 font-semibold">
          <img src="/favicon.svg" alt="" className="size-7" />
          Headend
        </Link>
        <nav aria-label="Places">{partner && <Places all={mine} partner={partner} />}</nav>
        {me.platform_roles.length > 0 && (
          <nav aria-label="Platform" className="mt-4">
            <GroupName>Platform</GroupName>
            <PlaceLink to="/partners" label="Partners" />
          </nav>
        )}
      </aside>
      {open === "places" && (
        <button type="button" aria-label="Close the places" className="fixed inset-0 z-20 bg-[rgb(4_10_10/45%)] lg:hidden" onClick={() => setOpen("none")} />
      )}
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="no-print sticky top-0 z-10 flex h-13 items-center gap-3 border-b border-line bg-ground/90 px-4 backdrop-blur lg:px-6">
          <button type="button" aria-label="Places" className="rounded-md border border-line px-2.5 py-1 lg:hidden" onClick={() => setOpen("places")}>
            ☰
          </button>
          <PartnerChoice partner={partner} />
          <button
            type="button"
            onClick={() => setOpen("search")}
            className="flex w-full max-w-md items-center justify-between rounded-[7px] border border-line bg-panel px-3 py-1.5 text-left text-[13px] text-faint hover:border-faint"
          >
            <span className="truncate">Find anyone by anything</span>
            <kbd className="rounded border border-line px-1.5 text-[11px] max-sm:hidden">Ctrl K</kbd>
          </button>
          <div className="ml-auto" />
          <Person onKeys={() => setOpen("keys")} />
        </header>
        <Outage />
        <main id="page" tabIndex={-1} className="mx-auto w-full max-w-[1500px] flex-1 p-4 outline-none lg:p-6">
          <Outlet />
        </main>
      </div>
      {open === "search" && partner && <Palette partner={partner} close={() => setOpen("none")} />}
      {open === "keys" && <Shortcuts all={mine} close={() => setOpen("none")} />}
      <ProofDialog />
    </div>
  );
}

/** What stands where a partner is nothing to the person. */
export function Partner() {
  const { partner } = useParams({ from: "/signed/p/$partner" });
  const { data: me } = useSuspenseQuery(read.me);
  const known = membership(me, partner);
  useEffect(() => {
    document.title = known ? `${known.name} · Headend` : "Headend";
  }, [known]);
  if (!known) return <Empty title="There is no such partner, or it is nothing to you." />;
  return <Outlet />;
}

/** Which partner one looks at; a choice only for who has one. */
function PartnerChoice({ partner }: { partner: string | null }) {
  const { data: me } = useSuspenseQuery(read.me);
  const navigate = useNavigate();
  const current = partner ? membership(me, partner) : null;
  if (!current) return null;
  if (me.partners.length === 1) return <span className="max-w-48 truncate text-sm font-medium max-sm:hidden">{current.name}</span>;
  return (
    <select
      aria-label="Partner"
      className="field !w-auto max-w-52 !py-1 text-[13px]"
      value={current.slug}
      onChange={(event) => void navigate({ to: "/p/$partner", params: { partner: event.target.value } })}
    >
      {me.partners.map((each) => (
        <option key={each.id} value={each.slug}>
          {each.name}
        </option>
      ))}
    </select>
  );
}

function Places({ all, partner }: { all: Place[]; partner: string }) {
  const groups = [...new Set(all.map((place) => place.group))];
  return groups.map((group) => (
    <div key={group} className="mb-3">
      {group && <GroupName>{group}</GroupName>}
      {all
        .filter((place) => place.group === group)
        .map((place) => (
          <PlaceLink key={place.to} to={`/p/${partner}/${place.to}`} label={place.label} />
        ))}
    </div>
  ));
}

function GroupName({ children }: { children: string }) {
  return <div className="mt-4 mb-1 px-2 text-[11px] font-semibold tracking-wide text-faint uppercase">{children}</div>;
}

function PlaceLink({ to, label }: { to: string; label: string }) {
  return (
    <Link
      to={to as "/"}
      className="block rounded-md px-2 py-1.5 text-[13px] text-dim hover:bg-raised hover:text-text"
      activeProps={{ className: "!bg-raised !text-text font-medium", "aria-current": "page" }}
    >
      {label}
    </Link>
  );
}

// All addresses of the console. Every view has one, so that it can be sent to a colleague; what is filtered stands in it, too.
import type { QueryClient } from "@tanstack/react-query";
import {
  Outlet,
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { Failure } from "../api/client";
import * as read from "../api/queries";
import { places } from "../logic/permission";
import { Login } from "../pages/login";
import { Overview } from "../pages/overview";
import { Subscriber } from "../pages/subscriber/page";
import { Subscribers } from "../pages/subscribers";
import { Empty, Trouble, Waiting } from "../ui/fresh";
import { Toasts } from "../ui/toast";
import { Frame, Partner } from "./frame";

/** What every route has at hand. */
type Context = { queries: QueryClient };

const root = createRootRouteWithContext<Context>()({
  component: () => (
    <>
      <Outlet />
      <Toasts />
    </>
  ),
  notFoundComponent: () => (
    <main>
      <Empty title="There is nothing at this address.">It may have been moved, or be nothing to you.</Empty>
    </main>
  ),
});

/** A text of the address, or nothing. */
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined);
/** A page number of the address. */
const number = (value: unknown): number => (Number.isInteger(Number(value)) && Number(value) > 0 ? Number(value) : 1);

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { next?: string | undefined } => ({ next: text(search.next) }),
  component: Login,
});

const signed = createRoute({
  getParentRoute: () => root,
  id: "signed",
  beforeLoad: async ({ context, location }) => {
    try {
      return { me: await context.queries.ensureQueryData(read.me) };
    } catch (error) {
      if (error instanceof Failure && error.code === "unauthenticated") {
        throw redirect({ to: "/login", search: location.pathname === "/" ? {} : { next: location.href } });
      }
      throw error;
    }
  },
  component: Frame,
});

const home = createRoute({
  getParentRoute: () => signed,
  path: "/",
  beforeLoad: ({ context }) => {
    const first = context.me.partners[0];
    if (first) throw redirect({ to: "/p/$partner", params: { partner: first.slug } });
    if (context.me.platform_roles.length > 0) throw redirect({ to: "/partners" });
  },
  component: () => <Empty title="You belong to no partner.">Whoever made your account can give you a role.</Empty>,
});

const account = createRoute({
  getParentRoute: () => signed,
  path: "/account",
  component: lazyRouteComponent(() => import("../pages/account"), "Account"),
});

const partners = createRoute({
  getParentRoute: () => signed,
  path: "/partners",
  component: lazyRouteComponent(() => import("../pages/partners"), "Partners"),
});

const partner = createRoute({ getParentRoute: () => signed, path: "/p/$partner", component: Partner });

const first = createRoute({
  getParentRoute: () => partner,
  path: "/",
  beforeLoad: ({ context, params }) => {
    const place = places(context.me, params.partner)[0];
    if (place) throw redirect({ to: `/p/$partner/${place.to}` as "/p/$partner/overview", params });
  },
  component: () => (
    <Empty title="Your role opens no page of the console yet.">
      What it is for has no page here so far. The command line and the API have what there is.
    </Empty>
  ),
});

const overview = createRoute({ getParentRoute: () => partner, path: "overview", component: Overview });

const subscribers = createRoute({
  getParentRoute: () => partner,
  path: "subscribers",
  validateSearch: (search: Record<string, unknown>): { q?: string | undefined; status?: string | undefined; page?: number } => {
    const page = number(search.page);
    return { q: text(search.q), status: text(search.status), ...(page > 1 ? { page } : {}) };
  },
  component: Subscribers,
});

const subscriber = createRoute({ getParentRoute: () => partner, path: "subscribers/$id", component: Subscriber });

const logins = createRoute({
  getParentRoute: () => partner,
  path: "logins",
  validateSearch: (search: Record<string, unknown>) => ({ username: text(search.username) ?? "" }),
  component: lazyRouteComponent(() => import("../pages/logins"), "Logins"),
});

const sessions = createRoute({
  getParentRoute: () => partner,
  path: "sessions",
  validateSearch: (search: Record<string, unknown>): { username?: string | undefined; nas?: string | undefined; state?: "closed" } => ({
    username: text(search.username),
    nas: text(search.nas),
    ...(search.state === "closed" ? { state: "closed" as const } : {}),
  }),
  component: lazyRouteComponent(() => import("../pages/sessions/page"), "Sessions"),
});

const held = createRoute({
  getParentRoute: () => partner,
  path: "held",
  validateSearch: (search: Record<string, unknown>): { address?: string | undefined; at?: string | undefined } => ({
    address: text(search.address),
    at: text(search.at),
  }),
  component: lazyRouteComponent(() => import("../pages/held"), "Held"),
});

const nasList = createRoute({
  getParentRoute: () => partner,
  path: "nas",
  component: lazyRouteComponent(() => import("../pages/nas/list"), "NasList"),
});

const nas = createRoute({
  getParentRoute: () => partner,
  path: "nas/$id",
  component: lazyRouteComponent(() => import("../pages/nas/page"), "NasPage"),
});

const unknown = createRoute({
  getParentRoute: () => partner,
  path: "unknown",
  component: lazyRouteComponent(() => import("../pages/nas/unknown"), "Unknown"),
});

const pools = createRoute({
  getParentRoute: () => partner,
  path: "pools",
  component: lazyRouteComponent(() => import("../pages/pools"), "Pools"),
});

const plans = createRoute({
  getParentRoute: () => partner,
  path: "plans",
  component: lazyRouteComponent(() => import("../pages/plans"), "Plans"),
});

const users = createRoute({
  getParentRoute: () => partner,
  path: "users",
  component: lazyRouteComponent(() => import("../pages/admin/users"), "Users"),
});

const roles = createRoute({
  getParentRoute: () => partner,
  path: "roles",
  component: lazyRouteComponent(() => import("../pages/admin/roles"), "Roles"),
});

const keys = createRoute({
  getParentRoute: () => partner,
  path: "keys",
  component: lazyRouteComponent(() => import("../pages/admin/keys"), "Keys"),
});

const audit = createRoute({
  getParentRoute: () => partner,
  path: "audit",
  validateSearch: (
    search: Record<string, unknown>,
  ): { actor?: string | undefined; object?: string | undefined; action?: string | undefined; outcome?: string | undefined; page?: number } => {
    const page = number(search.page);
    return {
      actor: text(search.actor),
      object: text(search.object),
      action: text(search.action),
      outcome: text(search.outcome),
      ...(page > 1 ? { page } : {}),
    };
  },
  component: lazyRouteComponent(() => import("../pages/admin/audit"), "AuditPage"),
});

const tree = root.addChildren([
  login,
  signed.addChildren([
    home,
    account,
    partners,
    partner.addChildren([
      first,
      overview,
      subscribers,
      subscriber,
      logins,
      sessions,
      held,
      nasList,
      nas,
      unknown,
      pools,
      plans,
      users,
      roles,
      keys,
      audit,
    ]),
  ]),
]);

/** The router of the console. */
export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultPendingComponent: Waiting,
    defaultErrorComponent: ({ error, reset }) => <Trouble error={error} retry={reset} />,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

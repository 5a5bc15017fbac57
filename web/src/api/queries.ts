// What the console reads, each with its key, its pace and its path. Never writes; see `acts.ts`.
import { queryOptions } from "@tanstack/react-query";
import { Failure, type Schema, api, ask } from "./client";

/** How often what is live is read again, in milliseconds. */
export const LIVE_MS = 5_000;
/** How often what changes now and then is read again, in milliseconds. */
export const CALM_MS = 30_000;
/** Most rows the server gives at once. */
export const PAGE_ROWS_MAX = 200;

export type Me = Schema<"MeView">;
export type Subscriber = Schema<"SubscriberView">;
export type Session = Schema<"SessionView">;
export type Decision = Schema<"DecisionView">;
export type Nas = Schema<"NasView">;
export type Pool = Schema<"PoolView">;
export type Plan = Schema<"PlanView">;
export type Audit = Schema<"AuditView">;
export type Intent = Schema<"IntentView">;
export type User = Schema<"UserView">;
export type Role = Schema<"RoleView">;
export type ApiKey = Schema<"ApiKeyView">;
export type Site = Schema<"SiteView">;
export type Usage = Schema<"UsageView">;
export type Quota = Schema<"SubscriberQuotaView">;
export type Partner = Schema<"PartnerView">;
export type UnknownSource = Schema<"UnknownSourceView">;

/** Who is signed in, and what he may do where. */
export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => ask(api.GET("/me")).then((answer) => answer.data),
  staleTime: 60_000,
});

const path = (partner: string) => ({ partner_id: partner });

/** The filter of the list of subscribers. */
export type SubscriberFilter = { q?: string; status?: Subscriber["status"]; page: number };

export const subscribers = (partner: string, filter: SubscriberFilter) =>
  queryOptions({
    queryKey: [partner, "subscribers", filter],
    queryFn: () => {
      const { q, page, status } = filter;
      const query = { page, per_page: 50, ...(q ? { q } : {}), ...(status ? { status: status as Schema<"Status"> } : {}) };
      return ask(api.GET("/partners/{partner_id}/subscribers", { params: { path: path(partner), query } }));
    },
    refetchInterval: CALM_MS,
  });

export const subscriber = (partner: string, id: string) =>
  queryOptions({
    queryKey: [partner, "subscriber", id],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/subscribers/{subscriber_id}", {
          params: { path: { ...path(partner), subscriber_id: id } },
        }),
      ).then((answer) => answer.data),
    refetchInterval: CALM_MS,
  });

export const subscriberAdmission = (partner: string, id: string) =>
  queryOptions({
    queryKey: [partner, "subscriber", id, "admission"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/subscribers/{subscriber_id}/admission", {
          params: { path: { ...path(partner), subscriber_id: id } },
        }),
      ).then((answer) => answer.data),
    refetchInterval: CALM_MS,
  });

/** How he stands with his quota; nothing when his plan gives as much as anybody likes. */
export const quota = (partner: string, id: string) =>
  queryOptions({
    queryKey: [partner, "subscriber", id, "quota"],
    queryFn: async (): Promise<Quota | null> => {
      const path_ = { ...path(partner), subscriber_id: id };
      try {
        const answer = await ask(api.GET("/partners/{partner_id}/subscribers/{subscriber_id}/quota", { params: { path: path_ } }));
        return answer.data;
      } catch (error) {
        if (error instanceof Failure && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: CALM_MS,
  });

export const usage = (partner: string, id: string, by: "hour" | "day", since: string) =>
  queryOptions({
    queryKey: [partner, "subscriber", id, "usage", by, since],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/subscribers/{subscriber_id}/usage", {
          params: { path: { ...path(partner), subscriber_id: id }, query: { by, since, per_page: PAGE_ROWS_MAX } },
        }),
      ).then((answer) => answer.data),
    refetchInterval: CALM_MS,
  });

/** The filter of the list of sessions. */
export type SessionFilter = { username?: string; nas?: string; state: "open" | "closed" };

export const sessions = (partner: string, filter: SessionFilter, page: number, rows: number, pace = LIVE_MS) =>
  queryOptions({
    queryKey: [partner, "sessions", filter, page, rows],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/sessions", {
          params: { path: path(partner), query: { ...filter, page, per_page: rows } },
        }),
      ),
    refetchInterval: pace,
  });

export const sessionsAt = (partner: string, address: string, at: string) =>
  queryOptions({
    queryKey: [partner, "sessions-at", address, at],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/sessions/at", {
          params: { path: path(partner), query: { address, at, per_page: PAGE_ROWS_MAX } },
        }),
      ).then((answer) => answer.data),
    enabled: address !== "",
  });

/** The last decisions of a user name, and why they may not be all. */
export const explained = (partner: string, username: string, limit = 50) =>
  queryOptions({
    queryKey: [partner, "explain", username, limit],
    queryFn: async () => {
      const answer = await ask(
        api.GET("/partners/{partner_id}/radius/explain", {
          params: { path: path(partner), query: { username, limit } },
        }),
      );
      const meta = answer.meta as { incomplete?: string };
      return { decisions: answer.data, incomplete: meta.incomplete ?? null };
    },
    refetchInterval: LIVE_MS,
    enabled: username !== "",
  });

export const intent = (partner: string, id: string) =>
  queryOptions({
    queryKey: [partner, "intent", id],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/intents/{intent_id}", {
          params: { path: { ...path(partner), intent_id: id } },
        }),
      ).then((answer) => answer.data),
  });

export const nasList = (partner: string) =>
  queryOptions({
    queryKey: [partner, "nas"],
    queryFn: () =>
      ask(api.GET("/partners/{partner_id}/nas", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } })),
    refetchInterval: LIVE_MS,
  });

export const nas = (partner: string, id: string) =>
  queryOptions({
    queryKey: [partner, "nas", id],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/nas/{nas_id}", { params: { path: { ...path(partner), nas_id: id } } }),
      ).then((answer) => answer.data),
    refetchInterval: LIVE_MS,
  });

export const unknownSources = queryOptions({
  queryKey: ["unknown-sources"],
  queryFn: () => ask(api.GET("/radius/unknown-sources")).then((answer) => answer.data),
  refetchInterval: LIVE_MS,
});

export const pools = (partner: string) =>
  queryOptions({
    queryKey: [partner, "pools"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/pools", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } }),
      ).then((answer) => answer.data),
    refetchInterval: CALM_MS,
  });

export const plans = (partner: string) =>
  queryOptions({
    queryKey: [partner, "plans"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/plans", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } }),
      ).then((answer) => answer.data),
    staleTime: CALM_MS,
  });

export const clients = (partner: string) =>
  queryOptions({
    queryKey: [partner, "clients"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/clients", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } }),
      ).then((answer) => answer.data),
    staleTime: CALM_MS,
  });

export const sites = (partner: string, client: string) =>
  queryOptions({
    queryKey: [partner, "sites", client],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/clients/{client_id}/sites", {
          params: { path: { ...path(partner), client_id: client }, query: { per_page: PAGE_ROWS_MAX } },
        }),
      ).then((answer) => answer.data),
    staleTime: CALM_MS,
    enabled: client !== "",
  });

export const preview = (partner: string, username: string, nasName: string) =>
  queryOptions({
    queryKey: [partner, "preview", username, nasName],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/radius/preview", {
          params: { path: path(partner), query: { username, nas: nasName } },
        }),
      ).then((answer) => answer.data),
    enabled: nasName !== "",
  });

/** The filter of the audit. */
export type AuditFilter = { actor?: string; action?: string; object?: string; outcome?: string; page: number };

export const audit = (partner: string | null, filter: AuditFilter) =>
  queryOptions({
    queryKey: [partner ?? "platform", "audit", filter],
    queryFn: () => {
      const query = { per_page: 50, ...filter };
      return partner === null
        ? ask(api.GET("/audit", { params: { query } }))
        : ask(api.GET("/partners/{partner_id}/audit", { params: { path: path(partner), query } }));
    },
    refetchInterval: CALM_MS,
  });

export const users = (partner: string) =>
  queryOptions({
    queryKey: [partner, "users"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/users", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } }),
      ).then((answer) => answer.data),
  });

export const roles = (partner: string) =>
  queryOptions({
    queryKey: [partner, "roles"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/roles", { params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } } }),
      ).then((answer) => answer.data),
  });

export const apiKeys = (partner: string) =>
  queryOptions({
    queryKey: [partner, "api-keys"],
    queryFn: () =>
      ask(
        api.GET("/partners/{partner_id}/api-keys", {
          params: { path: path(partner), query: { per_page: PAGE_ROWS_MAX } },
        }),
      ).then((answer) => answer.data),
  });

export const partners = queryOptions({
  queryKey: ["partners"],
  queryFn: () =>
    ask(api.GET("/partners", { params: { query: { per_page: PAGE_ROWS_MAX } } })).then((answer) => answer.data),
});

export const secondFactor = queryOptions({
  queryKey: ["second-factor"],
  queryFn: () => ask(api.GET("/me/second-factor")).then((answer) => answer.data),
});

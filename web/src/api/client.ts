// The one way to the server: typed by its OpenAPI document, cookie-borne, every failure a `Failure`.
// Never decides what to show, and never keeps a token: the session is a cookie that no script can read.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

/** A named schema of the API. */
export type Schema<K extends keyof components["schemas"]> = components["schemas"][K];
/** A problem document (RFC 9457). */
export type Problem = Schema<"Problem">;

/** What a request came to when it did not come to an answer. */
export class Failure extends Error {
  constructor(
    /** The stable name: a problem's code, or `unreachable` when the server did not answer at all. */
    readonly code: string,
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** What is wrong with single fields, by JSON pointer. */
    readonly fields: { pointer: string; message: string }[] = [],
    /** The id under which log and audit know the request. */
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "Failure";
  }

  /** Whether trying again may help without anybody changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 503 || this.status === 502 || this.status === 504;
  }
}

/** Asks the person to prove again who he is; gives whether he did. Set by the shell. */
type Prove = () => Promise<boolean>;
let prove: Prove = () => Promise.resolve(false);
/** Sets who asks for a proof. */
export function onProofRequired(ask: Prove): void {
  prove = ask;
}

/** Told when the session is over. Set by the shell. */
let over: () => void = () => {};
/** Sets who is told when the session is over. */
export function onSessionOver(tell: () => void): void {
  over = tell;
}

/** How long an answer may take, in milliseconds; the server gives up after a minute itself. */
const ANSWER_MS_MAX = 20_000;

/** Sends a request once. */
function once(request: Request): Promise<Response> {
  return fetch(request, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
}

/** Sends a request; a critical act that wants a recent proof is sent once more after the person has given it. */
async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await once(request);
  if (response.status !== 403) return response;
  const problem = (await response.clone().json().catch(() => null)) as Problem | null;
  if (problem?.code !== "proof_required" || !(await prove())) return response;
  return once(again);
}

/** The API below `/api/v1`. The header is what the server wants beside the cookie for every write. */
export const api = createClient<paths>({
  baseUrl: "/api/v1",
  headers: { "X-Requested-With": "headend-console" },
  fetch: send,
});

/** What openapi-fetch resolves to. */
type Answered<T> = { data?: T; error?: unknown; response: Response };

/** The answer, or a thrown {@link Failure}. */
export async function ask<T>(request: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>;
  try {
    answered = await request;
  } catch {
    throw new Failure("unreachable", "The server does not answer.", 0);
  }
  const { data, error, response } = answered;
  if (response.ok) return data as T;
  const failed = failure(response.status, error);
  if (failed.code === "unauthenticated") over();
  throw failed;
}

/** A failure out of a problem document, or out of what stood in its place. */
export function failure(status: number, error: unknown): Failure {
  const problem = typeof error === "object" && error !== null ? (error as Partial<Problem>) : {};
  const text = problem.detail ?? problem.title ?? `The server answered ${status}.`;
  return new Failure(problem.code ?? `http_${status}`, text, status, problem.errors ?? [], problem.request_id ?? null);
}

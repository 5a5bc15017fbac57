// Takes sessions down: says which, asks why, and then shows for each what the NAS said and whether it is proven.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "../../api/client";
import type * as read from "../../api/queries";
import { duration, plural } from "../../logic/words";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Field } from "../../ui/field";
import { Form, text } from "../../ui/form";
import { IntentProgress } from "../../ui/intent";

/** How many sessions are asked at once; the rest wait for them. */
const AT_ONCE = 4;

type Asked = { session: read.Session; intent: read.Intent | null; error: string | null };

export function Disconnect({ partner, sessions, close }: { partner: string; sessions: read.Session[]; close: () => void }) {
  const queries = useQueryClient();
  // What is asked for is what was shown when it was opened, whatever comes and goes behind it.
  const [chosen] = useState(sessions);
  const [asked, setAsked] = useState<Asked[]>([]);
  const send = async (data: FormData) => {
    const reason = text(data, "reason");
    const one = async (session: read.Session): Promise<Asked> => {
      try {
        const answer = await ask(
          api.POST("/partners/{partner_id}/sessions/{session_id}/disconnect", {
            params: { path: { partner_id: partner, session_id: session.id } },
            body: { reason },
          }),
        );
        return { session, intent: answer.data, error: null };
      } catch (error) {
        return { session, intent: null, error: error instanceof Error ? error.message : String(error) };
      }
    };
    // The first alone: it may have to ask for a proof, and that once.
    const [first, ...rest] = chosen;
    if (!first) return;
    const done = [await one(first)];
    setAsked(done);
    for (let at = 0; at < rest.length; at += AT_ONCE) {
      done.push(...(await Promise.all(rest.slice(at, at + AT_ONCE).map(one))));
      setAsked([...done]);
    }
  };
  const finish = () => {
    void queries.invalidateQueries({ queryKey: [partner] });
    close();
  };
  const title = chosen.length === 1 ? `Disconnect ${chosen[0]?.username ?? "a session"}` : `Disconnect ${chosen.length} sessions`;
  return (
    <Dialog title={title} onClose={asked.length > 0 ? finish : close} wide={chosen.length > 1}>
      {asked.length === 0 ? (
        <Form label={chosen.length === 1 ? "Disconnect" : `Disconnect ${chosen.length}`} danger send={send} done={() => {}}>
          {() => (
            <>
              <p className="mb-2 text-sm text-dim">{plural(chosen.length, "session")} will be ended. Who is in it may log in again at once.</p>
              <ul className="mb-4 max-h-56 overflow-y-auto rounded-lg bg-raised p-3 text-sm">
                {chosen.map((session) => (
                  <li key={session.id} className="flex flex-wrap justify-between gap-x-4">
                    <span className="font-medium">{session.username ?? "no name"}</span>
                    <span className="num text-dim">
                      {[session.framed_ip, session.nas, session.nas_port].filter(Boolean).join(" · ")} · {duration(session.session_time_s)}
                    </span>
                  </li>
                ))}
              </ul>
              <Field label="Reason" name="reason" required autoFocus maxLength={200} hint="It goes into the audit beside your name." />
            </>
          )}
        </Form>
      ) : (
        <>
          <ul className="max-h-[60dvh] space-y-5 overflow-y-auto">
            {asked.map(({ session, intent, error }) => (
              <li key={session.id}>
                {chosen.length > 1 && <p className="mb-2 text-sm font-semibold">{session.username ?? session.id}</p>}
                {intent ? (
                  <IntentProgress partner={partner} first={intent} nas={session.nas ?? "the NAS"} />
                ) : (
                  <p className="text-sm text-bad">{error}</p>
                )}
              </li>
            ))}
          </ul>
          <div className="mt-5 flex items-center justify-end gap-3">
            {asked.length < chosen.length && (
              <span className="text-sm text-dim">
                {asked.length} of {chosen.length} asked
              </span>
            )}
            <Button look="main" onClick={finish}>
              Close
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}

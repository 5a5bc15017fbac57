// What a login of his would get on one NAS, without a login: whether he gets in, by which steps, with which attributes, and
// what that make cannot be told.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Schema, api, ask } from "../../api/client";
import * as read from "../../api/queries";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Choice } from "../../ui/field";
import { Read, Trouble } from "../../ui/fresh";
import { State, outcomeTone } from "../../ui/state";
import { Table } from "../../ui/table";
import { Steps } from "./timeline";

export function Preview({ partner, of, close }: { partner: string; of: read.Subscriber; close: () => void }) {
  const nas = useQuery({ ...read.nasList(partner), refetchInterval: false });
  return (
    <Dialog title={`What ${of.username} gets`} onClose={close} wide>
      <Read query={nas}>
        {({ data }) => (data.length === 0 ? <p className="text-sm text-dim">There is no NAS yet.</p> : <On partner={partner} of={of} all={data} />)}
      </Read>
    </Dialog>
  );
}

function On({ partner, of, all }: { partner: string; of: read.Subscriber; all: read.Nas[] }) {
  const [chosen, setChosen] = useState(all[0]?.name ?? "");
  const preview = useQuery(read.preview(partner, of.username, chosen));
  const [simulated, setSimulated] = useState<Schema<"SimulateView"> | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  const simulate = async () => {
    const nas = all.find((each) => each.name === chosen);
    if (!nas) return;
    setFailed(null);
    try {
      const answer = await ask(
        api.POST("/partners/{partner_id}/radius/simulate", {
          params: { path: { partner_id: partner } },
          body: { subscriber_id: of.id, nas_id: nas.id },
        }),
      );
      setSimulated(answer.data);
    } catch (error) {
      setFailed(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return (
    <>
      <div className="flex items-end gap-3">
        <div className="flex-1">
          <Choice
            label="On"
            value={chosen}
            onChange={(event) => {
              setChosen(event.target.value);
              setSimulated(null);
            }}
          >
            {all.map((each) => (
              <option key={each.id} value={each.name}>
                {each.name} ({each.type})
              </option>
            ))}
          </Choice>
        </div>
        <Button className="mb-4" onClick={() => void simulate()}>
          Think a login through
        </Button>
      </div>
      {failed && <Trouble error={failed} />}
      {simulated && (
        <section aria-label="Simulated login" className="mb-4">
          <p className="mb-2 flex items-center gap-2 text-sm">
            <State tone={outcomeTone(simulated.outcome)}>{simulated.outcome}</State> {simulated.words}
          </p>
          <Steps of={simulated} />
        </section>
      )}
      <Read query={preview}>
        {(found) => (
          <>
            <p className="mb-2 text-sm">
              <State tone={outcomeTone(found.outcome)}>{found.outcome}</State> <span className="text-dim">{found.found}</span>
            </p>
            <div className="panel overflow-hidden">
              <Table
                label="Attributes"
                rows={found.attributes}
                id={(row) => row.attribute + row.octets}
                columns={[
                  { title: "Attribute", cell: (row) => <span className="font-medium">{row.attribute}</span> },
                  { title: "Value", cell: (row) => row.words },
                  { title: "By", cell: (row) => <span className="text-dim">{row.origin}</span> },
                ]}
              />
            </div>
            {found.unsaid.length > 0 && (
              <div className="mt-3 rounded-lg bg-warn-ground p-3 text-sm text-warn">
                <p className="font-medium">What this make cannot be told</p>
                <ul className="mt-1 list-disc pl-5">
                  {found.unsaid.map((each) => (
                    <li key={each.term}>
                      {each.term}: {each.why}
                    </li>
                  ))}
                </ul>
              </div>
            )}
          </>
        )}
      </Read>
    </>
  );
}

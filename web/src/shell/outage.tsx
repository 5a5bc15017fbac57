// Says at once when the server does not answer, and that it does again. What was read stays on the screen meanwhile.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Failure } from "../api/client";
import { say } from "../ui/toast";

export function Outage() {
  const queries = useQueryClient();
  const [away, setAway] = useState(false);
  useEffect(
    () =>
      queries.getQueryCache().subscribe((event) => {
        if (event.type !== "updated") return;
        const { error, status } = event.query.state;
        if (status === "error" && error instanceof Failure && error.passing) setAway(true);
        if (event.action.type === "success") {
          setAway((was) => {
            if (was) queueMicrotask(() => say("The server answers again."));
            return false;
          });
        }
      }),
    [queries],
  );
  if (!away) return null;
  return (
    <div role="alert" className="no-print border-b border-line bg-warn-ground px-6 py-2 text-sm text-warn">
      The server does not answer. What you see was read before that; it is tried again by itself.
    </div>
  );
}

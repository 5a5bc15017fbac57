// Where the console begins: one query cache, one router, and what both do when the session is over.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Failure, onSessionOver } from "./api/client";
import { makeRouter } from "./shell/router";
import "./style.css";

/** How often something that may pass is tried again before it is shown, for reads only. */
const RETRIES_MAX = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failed, error) => failed < RETRIES_MAX && error instanceof Failure && error.passing,
      refetchOnWindowFocus: true,
    },
  },
});
const router = makeRouter(queries);

onSessionOver(() => {
  const here = router.state.location;
  if (here.pathname === "/login") return;
  queries.clear();
  void router.navigate({ to: "/login", search: { next: here.href } });
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}

// The set-up form. The token stands behind '#' in the link; it is taken out of the address bar at once and sent only in the
// body of the one request that uses it.
"use strict";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.getElementById("form");
const message = document.getElementById("message");

/** What a problem document says, in lines for people. */
function words(problem) {
  const fields = (problem.errors || []).map((error) => `${error.pointer.split("/").pop()}: ${error.message}`);
  return fields.length > 0 ? fields.join("\n") : problem.detail || problem.title || "something went wrong";
}

async function begin() {
  const answer = await fetch("/api/v1/setup");
  const open = answer.ok && (await answer.json()).data.open;
  if (!open) {
    message.textContent = "Set-up is complete. This page will not open again; sign in at the console.";
  } else if (!token) {
    message.textContent = "Open the whole link that the server printed at its first start; it ends with #hst_…";
  } else {
    form.hidden = false;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const said = new FormData(form);
  const body = { token, admin: { email: said.get("email"), name: said.get("name"), password: said.get("password") } };
  if (said.get("slug")) {
    body.partner = { slug: said.get("slug"), name: said.get("partner") || said.get("slug") };
  }
  button.disabled = true;
  try {
    const headers = { "content-type": "application/json" };
    const answer = await fetch("/api/v1/setup", { method: "POST", headers, body: JSON.stringify(body) });
    if (answer.ok) {
      form.remove();
      const link = document.createElement("a");
      link.href = "/";
      link.textContent = "Sign in to the console";
      message.replaceChildren("Done. ", link, `\nOr on the command line: headend login --url ${location.origin} --email ${body.admin.email}`);
    } else {
      message.textContent = words(await answer.json());
    }
  } catch {
    message.textContent = "The server does not answer.";
  } finally {
    button.disabled = false;
  }
});

begin().catch(() => { message.textContent = "The server does not answer."; });

// The token, and what it lets a person do.

import { byId, setText } from "./dom.js";

export async function ask(method, path, body = {}) {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: method === "GET" ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export class Session {
  // `changed(session)` when it is known who looks.
  constructor(changed) {
    this.changed = changed;
    this.dialog = byId("token-dialog");
    this.lock = byId("lock");
    byId("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.enter(byId("token").value);
    });
    byId("token-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("cancel", (event) => this.session.look || event.preventDefault());
    this.lock.addEventListener("click", () => (this.session.act ? this.leave() : this.demand("It lets you trigger parts and change what judges.")));
  }

  async begin() {
    this.take(await ask("GET", "session"));
  }

  take(session) {
    this.session = session;
    this.lock.hidden = !session.token;
    setText(this.lock, session.act ? "Lock" : "Unlock");
    byId("token-cancel").hidden = !session.look;
    if (!session.look) this.demand("This page is shown to those who know it.");
    this.changed(session);
  }

  demand(why) {
    setText(byId("token-why"), why);
    setText(byId("token-problem"), "");
    if (!this.dialog.open) this.dialog.showModal();
  }

  async enter(token) {
    try {
      const session = await ask("POST", "session", { token });
      byId("token").value = "";
      this.dialog.close();
      this.take(session);
    } catch (error) {
      setText(byId("token-problem"), error.message);
    }
  }

  async leave() {
    this.take(await ask("DELETE", "session"));
  }
}

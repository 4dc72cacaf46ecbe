// What a person with the token can ask of the daemon, as far as this daemon does it.

import { byId, make, setText } from "./dom.js";
import { ask } from "./session.js";
import { number } from "./words.js";

export class Actions {
  constructor() {
    this.area = byId("actions");
    this.open = false;
  }

  // Whether the person may.
  async show(may) {
    this.open = may;
    if (!may) {
      this.area.replaceChildren();
      this.area.hidden = true;
      return;
    }
    await this.build();
  }

  // Anew, for what judges may have changed.
  async build() {
    let model = null;
    try {
      ({ model } = await ask("GET", "orders"));
    } catch (error) {
      this.area.replaceChildren(make("h3", { text: "Actions" }), make("p", { text: `Not just now: ${error.message}` }));
      this.area.hidden = false;
      return;
    }
    if (!this.open) return;
    const forms = [make("h3", { text: "Actions" }), triggerForm()];
    if (model?.live) forms.push(...this.modelForms(model));
    this.area.replaceChildren(...forms);
    this.area.hidden = false;
  }

  modelForms(model) {
    const value = field("Threshold", "threshold-value", { type: "number", step: "any", min: model.least_threshold, max: model.most_threshold, value: model.threshold });
    const who = field("Your name", "who", { maxlength: "128", autocomplete: "name" });
    const why = field("Why", "why", { maxlength: "500" });
    const by = () => ({ who: who.input.value, why: why.input.value });
    const move = form([value.root, who.root, why.root], "Move threshold", async () => {
      await ask("POST", "orders/threshold", { value: Number(value.input.value), ...by() });
      return "The threshold is moved.";
    });
    const range = make("p", { class: "legend", text: `From ${number(model.least_threshold)} to ${number(model.most_threshold)}; the model's own is ${number(model.own_threshold)}.` });
    move.root.insertBefore(range, move.answer);
    move.root.insertBefore(this.button("Undo last move", move, () => ask("POST", "orders/undo", by()), "The threshold is back."), move.answer);
    move.root.insertBefore(this.button("Roll model back", move, () => ask("POST", "orders/rollback", by()), "The model before judges again."), move.answer);
    return [move.root];
  }

  // A second thing that a form can do, with the same name and reason.
  button(name, { root, answer }, carryOut, done) {
    const button = make("button", { type: "button", text: name });
    button.addEventListener("click", () => {
      if (root.reportValidity() && window.confirm(`${name}?`)) tell(button, answer, async () => (await carryOut(), done));
    });
    return button;
  }
}

function triggerForm() {
  const part = field("Part", "part", { maxlength: "128", autocomplete: "off" });
  return form([part.root], "Trigger", async () => {
    const answer = await ask("POST", "orders/trigger", { part: part.input.value });
    part.input.value = "";
    return `Part ${answer.part}: its verdict follows within ${Math.round(answer.deadline_ms)} ms.`;
  }).root;
}

function field(name, id, attributes) {
  const input = make("input", { id, required: "", ...attributes });
  return { input, root: make("div", {}, make("label", { for: id, text: name }), input) };
}

function form(fields, name, carryOut) {
  const answer = make("p", { class: "answer", role: "status" });
  const button = make("button", { type: "submit", class: "main", text: name });
  const root = make("form", {}, ...fields, button, answer);
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    tell(button, answer, carryOut);
  });
  return { root, answer };
}

async function tell(button, answer, carryOut) {
  button.disabled = true;
  setText(answer, "…");
  try {
    setText(answer, await carryOut());
  } catch (error) {
    setText(answer, `Not done: ${error.message}`);
  } finally {
    button.disabled = false;
  }
}

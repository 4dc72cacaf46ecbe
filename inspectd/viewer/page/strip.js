// The last verdicts, a lane for each camera and one for parts. A verdict keeps its place until the lane has gone round:
// nothing moves away under a finger.

import { byId, make } from "./dom.js";

const CELL = 19; // px, at least
const ROWS = 8; // of all lanes together, so that the strip is as high for one camera as for eight
const REACH = 22; // px around a finger in which a defect is meant rather than what passed
const PARTS = "\u0000parts";
const LETTERS = { PASS: "", FAIL: "F", ERROR: "E" };

export class Strip {
  constructor(store, select) {
    this.store = store;
    this.select = select;
    this.area = byId("lanes");
    this.lanes = new Map();
    this.current = null;
    this.width = 0;
    new ResizeObserver(() => this.resized()).observe(this.area);
  }

  clear() {
    this.lanes.clear();
    this.area.replaceChildren();
  }

  // What is new; `names` are the cameras'.
  update(verdicts, names) {
    const lanes = [...names, ...(this.store.verdicts.some((verdict) => verdict.kind === "part") ? [PARTS] : [])];
    if (lanes.join("|") !== [...this.lanes.keys()].join("|")) {
      this.build(lanes);
      return;
    }
    for (const verdict of verdicts) this.lanes.get(laneOf(verdict))?.add(verdict);
  }

  resized() {
    if (Math.abs(this.area.clientWidth - this.width) > CELL) this.build([...this.lanes.keys()]);
  }

  build(names) {
    this.clear();
    this.width = this.area.clientWidth;
    const label = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--lane-label"));
    const columns = Math.max(10, Math.floor((this.width - label) / CELL));
    const rows = Math.max(1, Math.floor(ROWS / Math.max(1, names.length)));
    for (const name of names) {
      const lane = new Lane(name, columns, rows, (verdict) => this.select(verdict));
      this.lanes.set(name, lane);
      this.area.append(lane.root);
    }
    for (const verdict of this.store.verdicts) this.lanes.get(laneOf(verdict))?.add(verdict);
    this.mark(this.current);
  }

  mark(number) {
    this.current = number;
    for (const lane of this.lanes.values()) lane.mark(number);
  }
}

const laneOf = (verdict) => (verdict.kind === "part" ? PARTS : verdict.camera);

class Lane {
  constructor(name, columns, rows, select) {
    const title = name === PARTS ? "Parts" : name;
    this.verdicts = new Array(columns * rows).fill(null);
    this.place = 0;
    this.marked = null;
    this.entered = false; // whether a cell can be reached by Tab
    this.select = select;
    this.cells = this.verdicts.map(() => make("button", { class: "cell", type: "button", tabindex: "-1", "aria-label": "no verdict", disabled: "" }));
    this.box = make(
      "div",
      { class: "cells", role: "group", "aria-label": name === PARTS ? "Verdicts on parts" : `Verdicts of camera ${name}`, style: { "--cells": String(columns) } },
      ...this.cells,
    );
    this.root = make("div", { class: "lane" }, make("span", { text: title, title }), this.box);
    this.box.addEventListener("click", (event) => this.clicked(event));
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  add(verdict) {
    const place = this.place;
    this.place = (place + 1) % this.cells.length;
    this.verdicts[place] = verdict;
    const cell = this.cells[place];
    cell.className = `cell ${verdict.outcome}`;
    cell.dataset.letter = LETTERS[verdict.outcome];
    cell.disabled = false;
    cell.setAttribute("aria-label", `${verdict.outcome}, verdict ${verdict.sequence}`);
    cell.removeAttribute("aria-current");
    if (!this.entered) cell.tabIndex = 0;
    this.entered = true;
    this.blank(this.place);
  }

  // The place that is next, before the oldest verdicts that are still there.
  blank(place) {
    const cell = this.cells[place];
    if (cell.tabIndex === 0) {
      cell.tabIndex = -1;
      this.cells[(place || this.cells.length) - 1].tabIndex = 0;
    }
    this.verdicts[place] = null;
    cell.className = "cell next";
    cell.dataset.letter = "";
    cell.disabled = true;
    cell.setAttribute("aria-label", "no verdict");
    cell.removeAttribute("aria-current");
  }

  mark(number) {
    if (this.marked !== null) this.cells[this.marked].removeAttribute("aria-current");
    const place = number === null ? -1 : this.verdicts.findIndex((verdict) => verdict?.sequence === number);
    this.marked = place < 0 ? null : place;
    if (place >= 0) this.cells[place].setAttribute("aria-current", "true");
  }

  clicked(event) {
    const at = this.cells.indexOf(event.target);
    const exact = at < 0 ? null : this.verdicts[at];
    const chosen = event.pointerType === "touch" && exact?.outcome !== "FAIL" ? this.near(event) ?? exact : exact;
    if (chosen) this.select(chosen);
  }

  // The nearest defect within reach of a finger.
  near({ clientX, clientY }) {
    let best = [REACH, null];
    this.verdicts.forEach((verdict, index) => {
      if (!verdict || verdict.outcome === "PASS") return;
      const box = this.cells[index].getBoundingClientRect();
      const distance = Math.hypot(clientX - box.left - box.width / 2, clientY - box.top - box.height / 2);
      if (distance < best[0]) best = [distance, verdict];
    });
    return best[1];
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = this.cells.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    const to = this.cells[at + step];
    if (!to || to.disabled) return;
    this.cells[at].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    this.select(this.verdicts[at + step]);
  }
}

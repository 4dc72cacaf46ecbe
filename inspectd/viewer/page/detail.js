// One verdict in full: the last defect, or the one that was chosen.

import { byId, make, setText } from "./dom.js";
import { Picture, keyOf } from "./picture.js";
import { area, clock, count, metres, milliseconds, number, place, size, spoken } from "./words.js";

const REGIONS = 12;

export class Detail {
  constructor(store, picked) {
    this.store = store;
    this.picked = picked;
    this.chosen = null; // null: the last defect is followed
    this.shown = null;
    this.body = byId("detail-body");
    this.follow = byId("follow");
    this.stage = make("div", { class: "stage" });
    this.told = make("div", { class: "told" });
    this.body.append(this.stage, this.told);
    this.body.classList.add("whole");
    this.picture = new Picture(this.stage, { labels: 6 });
    this.follow.addEventListener("click", () => this.choose(null));
    this.nothing();
  }

  choose(verdict) {
    this.chosen = verdict;
    this.follow.setAttribute("aria-pressed", String(verdict === null));
    this.update();
  }

  clear() {
    this.shown = null;
    this.picture.clear();
    this.nothing();
    this.choose(null);
  }

  update(cameras = this.cameras ?? []) {
    this.cameras = cameras;
    const verdict = this.wanted();
    if (verdict) this.present(verdict);
  }

  wanted() {
    return this.chosen ?? this.lastDefect();
  }

  // Words and picture change together, once the picture is there.
  async present(verdict) {
    const picture = this.pictureOf(verdict);
    const shown = picture ? await this.picture.show(verdict, picture.heat) : this.picture.key === keyOf(verdict);
    if (this.wanted() !== verdict || (picture && !shown && this.pictureOf(verdict))) return; // not yet, or no more
    this.sayInstead(verdict, shown);
    setText(byId("detail-title"), this.chosen ? "Chosen verdict" : verdict.outcome === "ERROR" ? "Last error" : "Last defect");
    if (verdict === this.shown) return;
    this.shown = verdict;
    this.tell(verdict);
    this.picked(verdict.sequence);
  }

  pictureOf(verdict) {
    const camera = this.cameras.find((one) => one.camera === verdict.camera);
    return [camera?.shown, ...(camera?.kept ?? [])].find((one) => one?.sequence === verdict.sequence);
  }

  // What is said where there is no picture.
  sayInstead(verdict, shown) {
    if (shown) {
      this.picture.say("");
      return;
    }
    this.picture.clear();
    if (verdict.kind === "part") this.picture.say("A part", "Its frames have verdicts of their own.");
    else this.picture.say("No picture", "Only some frames are shown, and kept for a while.");
  }

  // The last defect of which there is a picture, or the last ERROR or part where that is newer still and has none.
  lastDefect() {
    const kept = new Set(this.cameras.flatMap((camera) => camera.kept ?? []).map((picture) => picture.sequence));
    return (
      this.store.verdicts.findLast((verdict) => verdict.outcome === "ERROR" || kept.has(verdict.sequence)) ??
      this.store.verdicts.findLast((verdict) => verdict.outcome !== "PASS")
    );
  }

  nothing() {
    this.picture.say("No defect yet");
    this.told.replaceChildren(make("p", { class: "legend", text: "The last frame that did not pass appears here. Touch a verdict, a score or a picture to see another." }));
  }

  tell(verdict) {
    const parts = [said(verdict)];
    if (verdict.score !== undefined) parts.push(scoreBar(verdict));
    if (verdict.detail || verdict.reason) parts.push(make("p", { class: "why", text: [spoken(verdict.reason ?? ""), verdict.detail].filter(Boolean).join(": ") }));
    if (verdict.regions?.length) parts.push(regions(verdict));
    if (verdict.kind === "part") parts.push(frames(verdict));
    parts.push(facts(verdict));
    this.told.replaceChildren(...parts);
  }
}

function said(verdict) {
  const what = verdict.kind === "part" ? `Part ${verdict.part}` : `${verdict.camera}${verdict.frame === undefined ? "" : ` #${verdict.frame}`}`;
  return make("p", { class: "said" }, make("span", { class: `badge ${verdict.outcome}`, text: verdict.outcome }), make("strong", { text: what }), make("span", { text: clock(verdict.captured_utc ?? verdict.triggered_utc) }));
}

function scoreBar(verdict) {
  const times = verdict.score / verdict.threshold;
  const share = Math.min(100, 50 * times);
  const words = `Score ${number(verdict.score)}, ${times.toFixed(2)} × the threshold of ${number(verdict.threshold)}`;
  return make("div", {}, make("p", { text: words }), make("div", { class: `score ${verdict.outcome}`, "aria-hidden": "true" }, make("i", { style: { width: `${share}%` } }), make("b")));
}

function regions(verdict) {
  const rows = verdict.regions.slice(0, REGIONS).map((region) =>
    make("tr", {}, ...[size(region), area(region), `${(region.peak / verdict.threshold).toFixed(2)} ×`, place(region)].map((text) => make("td", { text }))),
  );
  const left = verdict.regions.length - rows.length + (verdict.regions_omitted ?? 0);
  if (left > 0) rows.push(make("tr", {}, make("td", { colspan: "4", text: `and ${count(left)} more` })));
  const head = make("tr", {}, ...["Size", "Area", "Peak", "Place"].map((text) => make("th", { scope: "col", text })));
  return make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Defects of this frame" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function frames(verdict) {
  const rows = verdict.frames.map((frame) =>
    make("tr", {}, make("td", { text: frame.camera }), make("td", { text: frame.outcome }), make("td", { text: frame.reason ? spoken(frame.reason) : number(frame.score) })),
  );
  return make("table", {}, make("tbody", {}, ...rows));
}

function facts(verdict) {
  const told = [
    ["Number", count(verdict.sequence)],
    ["Latency", `${milliseconds(verdict.latency_ms)} of ${milliseconds(verdict.deadline_ms)}`],
    ["Part", verdict.kind === "part" ? undefined : verdict.part],
    ["Trigger", verdict.untriggered ? "came without one" : undefined],
    ["Web", verdict.along_mm === undefined ? undefined : `at ${metres(verdict.along_mm)}`],
    ["Source", verdict.source?.split("/").at(-1)],
    ["Model", verdict.bundle],
  ].filter(([, value]) => value !== undefined);
  return make("dl", { class: "facts" }, ...told.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
}

// Puts the page together.

import { Actions } from "./actions.js";
import { Cameras } from "./cameras.js";
import { Chart } from "./chart.js";
import { Detail } from "./detail.js";
import { byId, make, makeSwitch, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { Rolls } from "./roll.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { Strip } from "./strip.js";
import { ago, clock, count, number, percent, rate, spoken } from "./words.js";

const store = new Store();
const choose = (verdict) => detail.choose(verdict);
const cameras = new Cameras(store, choose);
const strip = new Strip(store, choose);
const chart = new Chart(store, choose);
const rolls = new Rolls((sequence) => store.get(sequence) && choose(store.get(sequence)));
const detail = new Detail(store, (sequence) => {
  strip.mark(sequence);
  chart.mark(sequence);
});

makeSwitch("show-map", (on) => document.body.classList.toggle("without-map", !on));
makeSwitch("show-regions", (on) => document.body.classList.toggle("without-regions", !on));
makeSwitch("hold", (on) => { cameras.hold = on; });
for (const [id, step] of [["defect-before", -1], ["defect-after", 1]]) {
  byId(id).addEventListener("click", () => {
    const verdict = store.defect(detail.shown?.sequence, step);
    if (verdict) choose(verdict);
  });
}

const feed = new Feed({ told, lost, refused: () => session.begin() });
const actions = new Actions();
const session = new Session(({ look, orders }) => {
  actions.show(orders);
  if (look) feed.open();
  else feed.close();
});

function told(update) {
  if (update.whole) {
    store.clear();
    cameras.clear();
    strip.clear();
    detail.clear();
  }
  store.add(update.verdicts);
  tellCondition(update.line.condition, update.line.silent_s);
  tellLine(update.line, update.cameras);
  if (update.changes) {
    tellChanges(update.changes);
    if (actions.open && !update.whole) actions.build();
  }
  cameras.update(update.cameras);
  strip.update(update.verdicts, update.cameras.map((camera) => camera.camera));
  rolls.update(update.cameras);
  detail.update(update.cameras);
  if (update.verdicts.length) chart.update();
}

function lost(seconds) {
  tellCondition({ level: "alarm", headline: "No connection", detail: "The viewer does not answer; what is shown is old. It is tried again by itself." }, seconds);
}

function tellCondition({ level, headline, detail: words }, silent) {
  const bar = byId("condition");
  if (bar.className !== level) bar.className = level;
  document.body.classList.toggle("alarm", level === "alarm");
  document.body.classList.toggle("stale", level === "alarm" && (silent === null || silent > 2.5));
  setText(byId("headline"), spoken(headline));
  setText(byId("condition-detail"), words);
  setText(byId("heard"), silent === null ? "" : silent < 2.5 ? "heard just now" : `last word ${ago(silent)} ago`);
}

function tellLine({ beat, missing }, all) {
  const hz = all.map((camera) => camera.rate?.frames_hz ?? 0);
  const total = hz.reduce((sum, each) => sum + each, 0);
  const share = (kind) => (total ? all.reduce((sum, camera, index) => sum + (camera.rate?.[kind] ?? 0) * hz[index], 0) / total : 0);
  setText(byId("surface"), beat?.surface ?? "–");
  setText(byId("bundle"), beat?.bundle ?? "–");
  byId("bundle").title = beat?.bundle ?? "";
  setText(byId("threshold"), number(beat?.threshold));
  setText(byId("frames-rate"), rate(total));
  setText(byId("fail-rate"), percent(share("failed")));
  setText(byId("error-rate"), percent(share("errors")));
  if (!beat) return;
  setText(byId("publisher"), beat.publisher);
  if (document.title !== beat.publisher) document.title = beat.publisher;
  const counts = [["Passed", beat.passed], ["Failed", beat.failed], ["Errors", beat.errors], ["Open", beat.open_frames]];
  if (missing) counts.push(["Not seen here", missing]);
  tellCounts(counts);
}

function tellCounts(counts) {
  const area = byId("counts");
  if (area.childElementCount !== counts.length) {
    area.replaceChildren(...counts.map(([name]) => make("div", {}, make("dt", { text: name }), make("dd"))));
  }
  counts.forEach(([, value], index) => setText(area.children[index].lastElementChild, count(value)));
}

function tellChanges(changes) {
  if (!changes.length) return;
  byId("changes").replaceChildren(...changes.toReversed().map((change) => {
    const what = change.bundle === change.bundle_before ? `threshold ${number(change.threshold_before)} → ${number(change.threshold)}` : `${change.bundle_before} → ${change.bundle}`;
    return make("li", {}, make("strong", { text: `${change.action}: ` }), `${what} `, make("span", { text: `${clock(change.changed_utc)}, ${change.who}${change.why ? `: ${change.why}` : ""}` }));
  }));
}

session.begin().catch(() => feed.open());

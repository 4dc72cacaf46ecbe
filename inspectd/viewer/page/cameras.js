// A tile for each camera: its last frame, what was said of it, how fast frames come, how it is.

import { byId, make, setText } from "./dom.js";
import { Picture } from "./picture.js";
import { ago, number, percent, rate, spoken } from "./words.js";

const HOLD_MS = 1500;
const OLD_S = 5; // age of a verdict that is shown: from then on it says nothing of what goes past now
const AROUND = 70; // px of a tile that are not picture
const GAP = 10;
const WELL = new Set(["running", "ended"]);

export class Cameras {
  constructor(store, select) {
    this.store = store;
    this.select = select;
    this.tiles = new Map();
    this.area = byId("tiles");
    this.hold = true;
    this.layout = "";
    new ResizeObserver(() => this.arrange()).observe(this.area);
    window.addEventListener("resize", () => this.arrange());
  }

  clear() {
    for (const tile of this.tiles.values()) tile.clear();
  }

  update(cameras) {
    const names = cameras.map((camera) => camera.camera);
    for (const [name, tile] of this.tiles) {
      if (!names.includes(name)) {
        tile.root.remove();
        this.tiles.delete(name);
      }
    }
    for (const camera of cameras) this.tile(camera.camera).update(camera, this.store, this.hold);
    this.arrange();
  }

  tile(name) {
    if (!this.tiles.has(name)) {
      const tile = new Tile(name, this.select);
      this.tiles.set(name, tile);
      this.area.append(tile.root);
    }
    return this.tiles.get(name);
  }

  // As many columns as make the pictures largest.
  arrange() {
    const tiles = [...this.tiles.values()];
    const { clientWidth: width } = this.area;
    this.area.classList.toggle("single", tiles.length === 1);
    const height = parseFloat(getComputedStyle(this.area).maxHeight);
    const ratio = tiles[0]?.ratio ?? 1;
    const layout = `${tiles.length} ${width} ${height} ${ratio}`;
    if (!tiles.length || layout === this.layout) return;
    this.layout = layout;
    let best = [0, 1];
    for (let columns = 1; columns <= tiles.length; columns += 1) {
      const wide = (width + GAP) / columns - GAP;
      const high = (height + GAP) / Math.ceil(tiles.length / columns) - GAP - AROUND;
      const shown = Math.min(wide, high * ratio);
      if (shown > best[0]) best = [shown, columns];
    }
    const rows = Math.ceil(tiles.length / best[1]);
    this.area.style.setProperty("--columns", String(best[1]));
    this.area.style.setProperty("--height", `${Math.round(rows * (best[0] / ratio + AROUND + GAP) - GAP)}px`);
  }
}

class Tile {
  constructor(name, select) {
    this.ratio = 1;
    this.heldUntil = 0;
    this.verdict = null;
    this.name = make("span", { class: "name", text: name });
    this.state = make("span", { class: "state" });
    this.badge = make("span", { class: "badge NONE", text: "–" });
    this.stage = make("button", { class: "stage", type: "button", "aria-label": `Camera ${name}: show this frame's verdict` });
    this.score = make("span");
    this.rates = make("span");
    this.root = make(
      "figure",
      { class: "tile" },
      make("figcaption", {}, this.name, this.state, this.badge),
      this.stage,
      make("div", { class: "foot" }, this.score, this.rates),
    );
    this.picture = new Picture(this.stage);
    this.stage.addEventListener("click", () => this.verdict && select(this.verdict));
  }

  // Nothing of before is known any more.
  clear() {
    this.verdict = null;
    this.heldUntil = 0;
    this.picture.clear();
    this.say("–", "NONE");
    setText(this.score, "");
  }

  update(camera, store, hold) {
    const ill = camera.state !== undefined && !WELL.has(camera.state);
    this.root.classList.toggle("ill", ill);
    const { frames_hz: hz = 0, failed = 0, errors = 0 } = camera.rate ?? {};
    setText(this.rates, `${rate(hz)} · F ${percent(failed)} · E ${percent(errors)}`);
    this.rates.title = `${camera.frames ?? 0} frames, ${camera.restarts ?? 0} restarts`;
    const verdict = camera.shown ? store.get(camera.shown.sequence) : undefined;
    if (verdict) this.offer(verdict, camera.shown.heat, hold);
    this.told = { camera, ill, store };
    this.tell();
  }

  // A defect stays for a moment, unless another one comes.
  offer(verdict, heat, hold) {
    const now = performance.now();
    const same = this.verdict?.sequence === verdict.sequence;
    if (hold && !same && verdict.outcome === "PASS" && now < this.heldUntil) return;
    if (!same && verdict.outcome !== "PASS") this.heldUntil = now + HOLD_MS;
    this.picture.show(verdict, heat).then((shown) => shown && this.shown(verdict));
  }

  shown(verdict) {
    if (this.verdict === verdict) return;
    this.verdict = verdict;
    this.ratio = verdict.width / verdict.height;
    setText(this.score, verdict.score === undefined ? `#${verdict.frame}` : `#${verdict.frame} · ${number(verdict.score)} / ${number(verdict.threshold)}`);
    this.tell();
  }

  say(text, outcome) {
    setText(this.badge, text);
    this.badge.className = `badge ${outcome}`;
    for (const other of ["PASS", "FAIL", "ERROR"]) this.root.classList.toggle(other, other === outcome);
  }

  // In words: what the picture cannot show, for it is of an earlier frame or there is none.
  tell() {
    const { camera, ill, store } = this.told;
    const last = store.verdicts.findLast((verdict) => verdict.camera === camera.camera);
    this.tellAge(camera, ill, last);
    if (last?.outcome === "ERROR") {
      this.say("ERROR", "ERROR");
      this.picture.say(spoken(last.reason).toUpperCase(), last.detail ?? "", "ERROR");
    } else if (ill) {
      this.say("–", "NONE"); // a PASS beside it would be of a frame before
      this.picture.say(spoken(camera.state).toUpperCase(), camera.detail ?? "", "ERROR");
    } else {
      if (this.verdict) this.say(this.verdict.outcome, this.verdict.outcome);
      this.picture.say(this.verdict ? "" : "No picture yet");
    }
  }

  // Of the verdict that is shown: pictures may have stopped coming while verdicts go on.
  tellAge(camera, ill, last) {
    const behind = last && this.verdict && last.outcome !== "ERROR" ? Date.parse(last.captured_utc) - Date.parse(this.verdict.captured_utc) : 0;
    const age = camera.quiet_s + Math.max(0, behind) / 1000;
    const old = !ill && age >= OLD_S;
    setText(this.state, ill || camera.state === "ended" ? spoken(camera.state) : old ? `${ago(age)} ago` : "");
    this.root.classList.toggle("old", old);
  }
}

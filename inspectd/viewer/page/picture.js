// A frame with its map and outlined defects: in a camera's tile, and beside one verdict.

import { make } from "./dom.js";
import { size } from "./words.js";

const LABELS = 3;
const EDGE = 0.03; // share of the width beside which a label would be cut off
const APART = [0.6, 0.2]; // shares of width and height between two labels

export class Picture {
  constructor(stage, { labels = LABELS } = {}) {
    this.stage = stage;
    this.labels = labels;
    this.frame = make("div", { class: "frame" });
    this.words = make("div", { class: "words" });
    this.stage.append(this.frame, this.words);
    this.key = "";
    this.wanted = "";
    this.say("");
  }

  // Show the picture of a verdict on a frame, once it is there; until then the one before stays. Resolves to whether it is
  // shown now.
  async show(verdict, heat) {
    const key = keyOf(verdict);
    if (this.wanted === `${key}/${heat}`) return this.key === key;
    this.wanted = `${key}/${heat}`;
    const name = `${verdict.boot}/${encodeURIComponent(verdict.camera)}/${verdict.sequence}`;
    const picture = loaded(`pictures/${name}.jpg`);
    const map = heat ? loaded(`maps/${name}.png`) : null;
    let parts;
    try {
      parts = await Promise.all([picture, map]);
    } catch {
      return false; // no longer kept
    }
    if (this.wanted !== `${key}/${heat}`) return false; // another one is wanted by now
    this.key = key;
    this.place(verdict, ...parts);
    return true;
  }

  place(verdict, picture, map) {
    this.frame.style.setProperty("--ratio", String(verdict.width / verdict.height));
    picture.alt = `Frame ${verdict.frame} of camera ${verdict.camera}: ${verdict.outcome}`;
    if (map) {
      map.className = "heat";
      map.alt = "";
    }
    const labelled = this.labelled(verdict);
    const regions = (verdict.regions ?? []).map((region) => this.outline(verdict, region, labelled.includes(region)));
    this.frame.replaceChildren(picture, ...(map ? [map] : []), ...regions);
  }

  // The largest whose labels do not cover each other.
  labelled(verdict) {
    const chosen = [];
    for (const region of verdict.regions ?? []) {
      const near = (other) => Math.abs(other.x - region.x) < APART[0] * verdict.width && Math.abs(other.y - region.y) < APART[1] * verdict.height;
      if (chosen.length < this.labels && !chosen.some(near)) chosen.push(region);
    }
    return chosen;
  }

  outline(verdict, region, labelled) {
    const of = (value, whole) => `${(100 * value) / whole}%`;
    const low = region.y + region.height > 0.86 * verdict.height ? " low" : "";
    const right = region.x > 0.45 * verdict.width ? " right" : "";
    const first = region.x < EDGE * verdict.width ? " first" : "";
    const last = region.x + region.width > (1 - EDGE) * verdict.width ? " last" : "";
    const box = make("div", {
      class: `region${low}${right || first}${right && last}`,
      style: {
        left: of(region.x, verdict.width),
        top: of(region.y, verdict.height),
        width: of(region.width, verdict.width),
        height: of(region.height, verdict.height),
      },
    });
    if (labelled) box.append(make("span", { text: size(region) }));
    return box;
  }

  // Words over the picture; none where there is nothing to say.
  say(headline, detail = "", kind = "") {
    const said = `${kind}|${headline}|${detail}`;
    if (this.said === said) return;
    this.said = said;
    this.words.hidden = !headline;
    this.words.className = `words ${kind}`;
    this.words.replaceChildren(make("strong", { text: headline }), make("span", { text: detail }));
  }

  clear() {
    this.key = this.wanted = "";
    this.frame.replaceChildren();
  }
}

export const keyOf = (verdict) => `${verdict.boot}/${verdict.camera}/${verdict.sequence}`;

async function loaded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

// The piece of web that went past last: seen from above, the newest at the right, each defect once.

import { byId, colours, make, setText, sized } from "./dom.js";
import { metres } from "./words.js";

const REACH = 24;
const SMALLEST = 7; // px: a defect is seen, however small it is

export class Rolls {
  constructor(choose) {
    this.choose = choose;
    this.section = byId("rolls");
    this.lanes = new Map();
    this.length = 10_000;
    for (const button of this.section.querySelectorAll("[data-metres]")) {
      button.addEventListener("click", () => this.show(Number(button.dataset.metres)));
    }
  }

  show(length) {
    this.length = length * 1000;
    for (const button of this.section.querySelectorAll("[data-metres]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.metres) === length));
    }
    for (const lane of this.lanes.values()) lane.draw(this.length);
  }

  update(cameras) {
    const webs = cameras.filter((camera) => camera.roll);
    this.section.hidden = webs.length === 0;
    for (const name of this.lanes.keys()) {
      if (!webs.some((camera) => camera.camera === name)) {
        this.lanes.get(name).root.remove();
        this.lanes.delete(name);
      }
    }
    for (const camera of webs) {
      if (!this.lanes.has(camera.camera)) {
        const lane = new Lane(camera.camera, this.choose);
        this.lanes.set(camera.camera, lane);
        byId("roll-lanes").append(lane.root);
      }
      this.lanes.get(camera.camera).update(camera, this.length);
    }
  }
}

class Lane {
  constructor(name, choose) {
    this.name = name;
    this.spots = [];
    this.marks = [];
    this.title = make("span", { text: name });
    this.canvas = make("canvas", { role: "img", "aria-label": `Web under camera ${name}` });
    this.root = make("div", { class: "roll" }, this.title, this.canvas);
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect();
      const nearest = this.marks
        .map(({ x, y, spot }) => ({ spot, distance: Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y) }))
        .sort((one, other) => one.distance - other.distance)[0];
      if (nearest && nearest.distance < REACH) choose(nearest.spot.sequence);
    });
  }

  update({ roll, spots }, length) {
    this.roll = roll;
    this.spots = spots ?? this.spots;
    this.draw(length);
  }

  draw(length) {
    const area = sized(this.canvas);
    if (!area) return;
    const { context, width, height } = area;
    const { begin, end, left, right } = this.roll;
    const look = colours();
    const from = end - length;
    const x = (mm) => ((mm - from) / length) * width;
    const y = (mm) => 4 + ((mm - left) / Math.max(1, right - left)) * (height - 26);
    context.fillStyle = look.raised;
    context.fillRect(Math.max(0, x(begin)), 4, width - Math.max(0, x(begin)), height - 26);
    this.drawScale(context, { from, end, length, x, height }, look);
    this.marks = [];
    for (const spot of this.spots.filter((one) => one.end > from)) this.drawSpot(context, spot, x, y, look);
    const label = `Web under camera ${this.name}: ${this.marks.length} defects on the last ${Math.round(length / 1000)} m, now at ${metres(end)}`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
    setText(this.title, `${this.name} ${this.marks.length}`);
  }

  drawSpot(context, spot, x, y, look) {
    const wide = Math.max(SMALLEST, x(spot.end) - x(spot.begin));
    const high = Math.max(SMALLEST, y(spot.right) - y(spot.left));
    const middle = { x: (x(spot.begin) + x(spot.end)) / 2, y: (y(spot.left) + y(spot.right)) / 2, spot };
    context.fillStyle = look.FAIL;
    context.fillRect(middle.x - wide / 2, middle.y - high / 2, wide, high);
    context.strokeStyle = look.text;
    context.lineWidth = spot.severity > 1.5 ? 2 : 0.75;
    context.strokeRect(middle.x - wide / 2, middle.y - high / 2, wide, high);
    this.marks.push(middle);
  }

  drawScale(context, { from, end, length, x, height }, look) {
    const step = length / 5;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "bottom";
    context.textAlign = "left";
    for (let mm = Math.ceil(from / step) * step; mm < end; mm += step) {
      if (mm < 0) continue;
      context.fillStyle = look.edge;
      context.fillRect(x(mm), 4, 1, height - 8);
      context.fillStyle = look.quiet;
      context.fillText(metres(mm), x(mm) + 4, height - 2);
    }
  }
}

// Scores of the last frames against the threshold. What passed is a dot, what failed a triangle, an ERROR, which has no
// score, a cross at the lower border.

import { byId, colours, makeSwitch, sized } from "./dom.js";
import { clock, number } from "./words.js";

const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;
const APART = 1.5; // px from one frame to the next, at least
const REACH = 30; // px around a finger

export class Chart {
  constructor(store, select) {
    this.store = store;
    this.select = select;
    this.canvas = byId("chart");
    this.logarithmic = false;
    this.current = null;
    this.points = [];
    this.due = false;
    makeSwitch("logarithmic", (on) => {
      this.logarithmic = on;
      this.update();
    });
    this.canvas.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.update()).observe(this.canvas);
    window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.update());
  }

  mark(sequence) {
    this.current = sequence;
    this.update();
  }

  update() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const area = sized(this.canvas);
    if (!area) return;
    const most = Math.round((area.width - LEFT - RIGHT) / APART);
    const frames = this.store.verdicts.filter((verdict) => verdict.kind === "verdict").slice(-most);
    const scores = frames.filter((frame) => frame.score !== undefined);
    this.points = [];
    if (!frames.length) return;
    const axis = this.axis(scores, area.height);
    const look = colours();
    const x = (index) => LEFT + ((index + 0.5) / Math.max(frames.length, 60)) * (area.width - LEFT - RIGHT);
    this.drawAxis(area, axis, look);
    this.drawTimes(area, frames, x, look);
    frames.forEach((frame, index) => {
      const y = frame.score === undefined ? area.height - BOTTOM - 6 : axis.y(frame.score);
      this.points.push({ x: x(index), y, frame });
      this.drawPoint(area.context, x(index), y, frame, look);
    });
    this.drawThreshold(area.context, frames, x, axis, look);
    const failed = frames.filter((frame) => frame.outcome === "FAIL").length;
    const label = `Scores of the last ${frames.length} frames against the threshold ${number(frames.at(-1).threshold)}; ${failed} failed`;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }

  axis(scores, height) {
    const values = scores.flatMap((frame) => [frame.score, frame.threshold]);
    const most = Math.max(1e-6, ...values);
    const least = Math.max(1e-6, Math.min(most / 3, ...values));
    const low = this.logarithmic ? Math.log10(least / 1.15) : 0;
    const high = this.logarithmic ? Math.log10(most * 1.2) : most * 1.08;
    const span = height - TOP - BOTTOM;
    const of = (value) => (this.logarithmic ? Math.log10(Math.max(value, least / 1.15)) : value);
    return { y: (value) => TOP + span * (1 - (of(value) - low) / (high - low)), ticks: this.logarithmic ? decades(low, high) : steps(high) };
  }

  drawAxis({ context, width }, axis, look) {
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.lineWidth = 1;
    for (const tick of axis.ticks) {
      context.strokeStyle = look.edge;
      line(context, LEFT, axis.y(tick), width - RIGHT, axis.y(tick));
      context.fillStyle = look.quiet;
      context.fillText(number(tick), LEFT - 8, axis.y(tick));
    }
  }

  drawTimes({ context, width, height }, frames, x, look) {
    context.fillStyle = look.quiet;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.fillText(clock(frames[0].captured_utc), LEFT, height - 4);
    const end = x(frames.length - 1);
    context.textAlign = end > width - 60 ? "right" : "center";
    if (end > LEFT + 170) context.fillText(clock(frames.at(-1).captured_utc), Math.min(end + (end > width - 60 ? RIGHT : 0), width - 2), height - 4);
  }

  drawPoint(context, x, y, frame, look) {
    context.fillStyle = context.strokeStyle = look[frame.outcome];
    context.beginPath();
    if (frame.outcome === "PASS") {
      context.arc(x, y, 2.5, 0, 7);
      context.fill();
    } else if (frame.outcome === "FAIL") {
      context.moveTo(x, y - 7);
      context.lineTo(x + 6, y + 5);
      context.lineTo(x - 6, y + 5);
      context.fill();
    } else {
      context.lineWidth = 2.5;
      line(context, x - 5, y - 5, x + 5, y + 5);
      line(context, x - 5, y + 5, x + 5, y - 5);
    }
    if (frame.sequence === this.current) {
      context.strokeStyle = look.accent;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 11, 0, 7);
      context.stroke();
    }
  }

  // As it was for each frame: it may have been moved.
  drawThreshold(context, frames, x, axis, look) {
    context.strokeStyle = look.text;
    context.lineWidth = 1.5;
    context.setLineDash([7, 4]);
    context.beginPath();
    const half = (x(1) - x(0)) / 2;
    frames.forEach((frame, index) => {
      const y = axis.y(frame.threshold);
      if (index === 0) context.moveTo(LEFT, y);
      context.lineTo(x(index) - half, y);
      context.lineTo(x(index) + half, y);
    });
    context.lineTo(this.canvas.clientWidth - RIGHT, axis.y(frames.at(-1).threshold));
    context.stroke();
    context.setLineDash([]);
  }

  clicked(event) {
    const box = this.canvas.getBoundingClientRect();
    let best = [REACH, null];
    for (const point of this.points) {
      const distance = Math.hypot(event.clientX - box.left - point.x, event.clientY - box.top - point.y);
      const nearer = point.frame.outcome === "PASS" ? distance + 8 : distance;
      if (nearer < best[0]) best = [nearer, point.frame];
    }
    if (best[1]) this.select(best[1]);
  }
}

function line(context, ...[x0, y0, x1, y1]) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function steps(high) {
  const raw = high / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, index) => index * step);
}

function decades(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const factor of high - low > 2 ? [1] : [1, 2, 5]) {
      const at = power + Math.log10(factor);
      if (at >= low && at <= high) ticks.push(factor * 10 ** power);
    }
  }
  return ticks;
}

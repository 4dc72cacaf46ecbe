// Numbers and times as people read them.

const few = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat("en-GB");

export const number = (value) => (value === null || value === undefined ? "–" : few.format(value));
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));
export const rate = (hz) => `${hz >= 100 ? Math.round(hz) : hz.toFixed(1)}/s`;
export const percent = (share) => `${share > 0 && share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
export const milliseconds = (ms) => `${ms >= 100 ? Math.round(ms) : ms.toFixed(1)} ms`;
export const metres = (mm) => `${(mm / 1000).toFixed(2)} m`;
export const spoken = (text) => text.replaceAll("_", " ");
export const clock = (utc) => new Date(utc).toLocaleTimeString("en-GB", { hour12: false }) + "." + utc.slice(20, 21);

export function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const millimetres = (mm) => (mm >= 100 ? mm.toFixed(0) : mm >= 10 ? mm.toFixed(1) : mm.toFixed(2));

export function size(region) {
  if (region.width_mm !== undefined && region.height_mm !== undefined) {
    return `${millimetres(region.width_mm)} × ${millimetres(region.height_mm)} mm`;
  }
  return `${Math.round(region.width)} × ${Math.round(region.height)} px`;
}

export const area = (region) => (region.area_mm2 === undefined ? `${count(Math.round(region.area))} px²` : `${number(region.area_mm2)} mm²`);

export function place(region) {
  if (region.along_mm !== undefined) return `${metres(region.along_mm)}, ${Math.round(region.across_mm ?? 0)} mm`;
  if (region.centroid_x_mm !== undefined) return `${region.centroid_x_mm.toFixed(0)}, ${region.centroid_y_mm.toFixed(0)} mm`;
  return `${Math.round(region.centroid_x)}, ${Math.round(region.centroid_y)} px`;
}

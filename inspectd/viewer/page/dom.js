// Making elements. Text is always set as text, so nothing that the daemon tells becomes markup.

export const byId = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key === "text") element.textContent = value;
    else if (key === "style") for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A button that is on or off, remembered by this browser.
export function makeSwitch(id, changed) {
  const button = byId(id);
  const set = (on) => {
    button.setAttribute("aria-pressed", String(on));
    changed(on);
  };
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    remember(id, on);
    set(on);
  });
  const remembered = recall(id);
  set(remembered === null ? button.getAttribute("aria-pressed") === "true" : remembered === "true");
}

function remember(id, on) {
  try {
    localStorage.setItem(`inspectd.${id}`, String(on));
  } catch { /* the browser keeps nothing; so be it */ }
}

function recall(id) {
  try {
    return localStorage.getItem(`inspectd.${id}`);
  } catch {
    return null;
  }
}

// A canvas in the pixels of the screen; returns its context, to be drawn on in CSS pixels, or null where it has no size.
export function sized(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: of("text"), quiet: of("quiet"), edge: of("edge"), raised: of("raised"), accent: of("accent"), PASS: of("pass"), FAIL: of("fail"), ERROR: of("error") };
}

// Builds elements; text is always text, never markup.

export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// A small button with an icon; without a visible text the text is its name.
export function tool(name, text, onclick, { bare = false, ...props } = {}) {
  return h("button", { class: "tool", type: "button", onclick, "aria-label": bare ? text : null, title: bare ? text : null, ...props },
    icon(name), bare ? null : h("span", {}, text));
}

let toastTimer;
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const element = h("p", { class: "toast", role: "status" }, text);
  document.body.append(element);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => element.remove(), Math.max(5000, 80 * text.length)); // time to read it
}

// Replaces what an element shows, and keeps the focus on what had it, or on what has its data-key now.
// A function gives children that take an element of before along, which loses the focus on the way.
export function fill(element, ...children) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children.map((child) => typeof child === "function" ? child() : child).flat(3).filter(Boolean));
  if (!active || document.activeElement === active) return;
  const now = element.contains(active) ? active : active.dataset.key && element.querySelector(`[data-key="${CSS.escape(active.dataset.key)}"]`);
  now?.focus({ preventScroll: true });
}

export function requestId() {
  // randomUUID() is missing on plain http:// pages other than localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

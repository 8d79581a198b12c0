// The frame: bar, banner, pages; who is logged in.

import { showCalls } from "./calls.js";
import { showNow } from "./cards.js";
import { dialField, fillDial } from "./dial.js";
import { fill, h, icon, toast } from "./dom.js";
import { start, stop, tellTabs } from "./feed.js";
import { post, settings } from "./net.js";
import { changed, isUndisturbed, on, store } from "./store.js";
import { loadTexts, say, t, when } from "./texts.js";
import { startWorker } from "./workstation.js";

const root = document.getElementById("app");
const PAGES = ["", "contacts", "colleagues", "settings", "status"];
let main;
let shown = false;

window.addEventListener("logged-out", () => { stop(); begin(); });
window.addEventListener("hashchange", route);

begin();

async function begin() {
  const answer = await fetch("session", { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return setTimeout(begin, 1000); // the panel is only just starting
  const me = await answer.json();
  await loadTexts(me.language);
  if (me.user) return frame();
  const { showLogin } = await import("./login.js");
  shown = false;
  return showLogin(root, () => location.reload());
}

function frame() {
  if (shown) return;
  shown = true;
  main = h("section", { class: "view", id: "view" });
  const now = h("section", { class: "now", "aria-label": t("now") });
  fill(root,
    h("a", { class: "unseen", href: "#view" }, t("skip")),
    h("header", { class: "top" },
      h("div", { class: "bar" }, switchButton(), dialField(), h("div", { class: "who", id: "who" })),
      h("nav", { class: "nav", "aria-label": t("pages") }, PAGES.map((name) => h("a", { href: `#/${name}`, "data-page": name }, t(`page.${name || "calls"}`)))),
      h("div", { id: "banner" })),
    h("main", { class: "page" }, h("h1", { class: "unseen", id: "title" }), now, main));
  showNow(now);
  route();
  start();
  startWorker();
  const number = new URLSearchParams(location.search).get("number");
  if (number) fillDial(number.replace(/^tel:/i, ""));
  settings({ action: "get" }).then(({ settings: own }) => { store.control = own.control; if (store.me) store.me.control = own.control; changed("cards"); }, () => {});
}

async function route() {
  if (!shown) return;
  const [page = "", detail = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/[/?]/);
  const name = page === "contact" ? "contacts" : PAGES.includes(page) ? page : "";
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("title").textContent = t(`page.${name || "calls"}`);
  main.parentElement.classList.toggle("elsewhere", Boolean(name));
  title();
  if (!name) return showCalls(main);
  const module = await import(`./${name}.js`);
  return module.show(main, { page, detail: decodeURIComponent(detail), query: new URLSearchParams(query || (detail.includes("=") ? detail : "")) });
}

// ---- the telephone icon

let button;

function switchButton() {
  button = h("button", { class: "switch", type: "button", id: "switch", onclick: press });
  drawSwitch();
  return button;
}

// What is wrong and since when, in words of an office; an administrator reads what to mend. Null when nothing is.
export function failure() {
  const { state, links, connected, lostAt, me } = store;
  const since = (at, text) => t("since", { time: when(at), text });
  if (!connected) return since(lostAt, t("fault.panel"));
  if (!links.broker) return since(links.since, t("fault.broker"));
  const missing = links.missing.filter((name) => ["gateway", "sessions", "caller"].includes(name));
  if (missing.length) return since(links.since, t("fault.process", { process: missing.map((name) => t(`process.${name}`)).join(", ") }));
  if (state?.state === "failing") return since(state.since, say(me?.admin ? state.detail : state.sentence));
  return null;
}

const isOff = () => !failure() && store.state?.state === "inactive";

function drawSwitch() {
  const look = !store.me ? "off" : failure() ? "failing" : isOff() ? "off" : "active";
  button.className = `switch ${look}`;
  button.setAttribute("aria-pressed", String(look !== "off"));
  button.removeAttribute("aria-busy");
  button.title = t(look === "off" ? "switch-on" : "switch-off");
  button.replaceChildren(icon({ active: "phone", off: "slash", failing: "broken" }[look]), t(store.me ? `icon.${look}` : "icon.wait"));
}

async function press() {
  const wanted = store.state?.state === "inactive";
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.removeAttribute("aria-busy"), 5000);
  try {
    await post("switch", { on: wanted });
  } catch (error) {
    if (error.message) toast(error.message);
    drawSwitch();
  }
}

on("icon", () => {
  if (!shown) return; // the login
  drawSwitch();
  drawBanner();
});

// Drawn only when it changes: it is read out each time.
function drawBanner() {
  const place = document.getElementById("banner");
  const text = failure() || "";
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  fill(place, text ? h("div", { class: "banner", role: "alert" }, icon("warn"), h("span", {}, text), h("a", { href: "#/status" }, t("what-to-do"))) : "");
}

setInterval(drawWho, 30_000); // do not disturb has an end
on("me", () => {
  if (!shown) return;
  if (store.control !== undefined) store.me.control = store.control;
  drawWho();
  drawSwitch();
  changed("reconnected");
});
on("missed", drawWho);

function drawWho() {
  const who = document.getElementById("who");
  if (!who || !store.me) return;
  const { open } = store.missed;
  const until = store.me.undisturbed;
  const peace = until === true ? t("set.peace") : t("peace.shown", { time: when(until) });
  fill(who, open ? h("a", { href: "#/" }, t("missed"), " ", h("span", { class: "count" }, String(open))) : "",
    isUndisturbed(until) ? h("a", { class: "peace", href: "#/settings", title: peace }, icon("moon"), h("span", {}, peace)) : "",
    h("span", { class: "user" }, store.me.name),
    h("button", { class: "tool", type: "button", onclick: logOut, "data-key": "log-out" }, t("log-out")));
  title();
}

function title() {
  const open = store.missed.open;
  document.title = `${open ? `(${open}) ` : ""}${document.getElementById("title")?.textContent || ""}${store.me ? ` · ${store.me.name}` : ""}`;
}

async function logOut() {
  await post("session", null, "DELETE").catch(() => {});
  tellTabs("logged-out");
  location.reload();
}

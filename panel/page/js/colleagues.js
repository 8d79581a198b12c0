// Who is on the phone, free, not to be disturbed, off: for those who may see it.

import { plainRow } from "./calls.js";
import { fill, h, toast, tool } from "./dom.js";
import { journal } from "./net.js";
import { changed, isUndisturbed, on, store } from "./store.js";
import { t } from "./texts.js";
import { messageForm } from "./write.js";

let place;
let timer;
const forms = new Map(); // of messages being written, by login
let calls = null; // of the colleague whose calls are shown: { login, records }

export function show(element) {
  place = element;
  draw();
}

on("colleagues", draw);

function lookOf(one) {
  const state = store.states.get(one.login) || {};
  if (state.busy) return "busy";
  if (isUndisturbed(state.undisturbed)) return "quiet";
  if (state.state === "failing") return "failing";
  return state.state === "active" ? "free" : "off";
}

function draw() {
  clearTimeout(timer);
  if (!place?.isConnected || !location.hash.startsWith("#/colleagues")) return;
  const list = store.colleagues;
  fill(place, h("h2", {}, t("page.colleagues")), () => list.length ? h("div", { class: "list" }, list.map(row)) : h("p", { class: "empty" }, h("b", {}, t("no-colleagues")), t("no-colleagues-more")));
  const untilEnds = [...store.states.values()].map((one) => Date.parse(one.undisturbed) - Date.now()).filter((left) => left > 0);
  if (untilEnds.length) timer = setTimeout(draw, Math.min(...untilEnds, 3_600_000)); // do not disturb has an end
}

// For who was given the right to read them.
async function showCallsOf(login) {
  if (calls?.login === login) calls = null;
  else {
    try {
      const { records } = await journal({ action: "list", of: login, limit: 20 });
      calls = { login, records };
    } catch (error) { if (error.message) toast(error.message); }
  }
  draw();
}

function write(login) {
  if (!forms.has(login)) forms.set(login, messageForm({ name: "", number: "", to: login }, () => { forms.delete(login); draw(); }));
  draw();
  forms.get(login).querySelector("textarea").focus();
}

function row(one) {
  const look = lookOf(one);
  return h("div", { class: "row", "data-login": one.login }, h("span", { class: `dot ${look === "free" ? "" : look}` }),
    h("div", {}, h("b", {}, one.name), h("p", { class: "sub" }, one.extension)), h("span", { class: "about" }, t(`look.${look}`)),
    h("span", { class: "end" },
      one.extension ? tool("phone", t("call"), () => changed("dial-number", one.extension), { "data-key": `call ${one.login}` }) : null,
      one.reads?.includes("records") ? tool("down", t("calls"), () => showCallsOf(one.login), { "aria-expanded": String(calls?.login === one.login), "data-key": `calls ${one.login}` }) : null,
      tool("mail", t("message"), () => write(one.login), { bare: true, "data-key": `message ${one.login}` })),
    calls?.login === one.login ? h("div", { class: "write" }, calls.records.length ? calls.records.map(plainRow) : h("p", { class: "quiet" }, t("nothing-found"))) : null,
    forms.get(one.login));
}

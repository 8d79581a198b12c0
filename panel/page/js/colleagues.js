// Who is on the phone, free, not to be disturbed, off: for those who may see it.

import { fill, h, tool } from "./dom.js";
import { changed, isUndisturbed, on, store } from "./store.js";
import { t } from "./texts.js";
import { messageForm } from "./write.js";

let place;
let writing = null;

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
  if (!place?.isConnected || !location.hash.startsWith("#/colleagues")) return;
  const list = store.colleagues;
  fill(place, h("h2", {}, t("page.colleagues")), list.length ? h("div", { class: "list" }, list.map(row)) : h("p", { class: "empty" }, h("b", {}, t("no-colleagues")), t("no-colleagues-more")));
}

function row(one) {
  const look = lookOf(one);
  return h("div", { class: "row", "data-login": one.login }, h("span", { class: `dot ${look === "free" ? "" : look}` }),
    h("div", {}, h("b", {}, one.name), h("p", { class: "sub" }, one.extension)), h("span", { class: "about" }, t(`look.${look}`)),
    h("span", { class: "end" },
      one.extension ? tool("phone", t("call"), () => changed("dial-number", one.extension), { "data-key": `call ${one.login}` }) : null,
      tool("mail", t("message"), () => { writing = one.login; draw(); }, { bare: true, "data-key": `message ${one.login}` })),
    writing === one.login ? messageForm({ name: "", number: "", to: one.login }, () => { writing = null; draw(); }) : null);
}

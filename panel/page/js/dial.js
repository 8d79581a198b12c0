// One field for numbers and names: suggestions as one types, the keyboard is enough.

import { fill, h, icon, requestId, toast } from "./dom.js";
import { directory, LoggedOut, post } from "./net.js";
import { applyDial, on, store } from "./store.js";
import { has, labelOf, say, spaced, t } from "./texts.js";

const hits = { list: [], at: -1, asked: 0 };
let input;
let box;

export function dialField() {
  input = h("input", { type: "text", inputmode: "tel", placeholder: t("dial-hint"), "aria-label": t("dial"), autocomplete: "off", maxLength: 256, role: "combobox", "aria-expanded": "false", "aria-controls": "hits", "aria-autocomplete": "list", "data-key": "dial",
    oninput: () => { hits.at = -1; suggest(); }, onkeydown: keys, onblur: () => setTimeout(hide, 150) });
  box = h("ul", { class: "hits", id: "hits", role: "listbox", "aria-label": t("suggestions"), hidden: true });
  return h("div", { class: "dial" }, h("form", { role: "search", "aria-label": t("dial"), onsubmit: (event) => { event.preventDefault(); submit(); } },
    icon("phone"), input, h("button", {}, t("dial"))), box);
}

export function fillDial(number) {
  input.value = number;
  input.focus();
  input.select();
}

const isNumber = (text) => /^[+\d][\d\s()/.-]*$/.test(text.trim()) || /^tel:/i.test(text);

async function suggest() {
  const text = input.value.trim();
  const asked = ++hits.asked;
  if (text.length < 2) return hide();
  try {
    const { contacts } = await directory({ action: "search", text, limit: 8 });
    if (asked !== hits.asked || !document.activeElement?.isSameNode(input)) return undefined;
    const colleagues = store.colleagues.filter((one) => one.extension && one.name.toLowerCase().includes(text.toLowerCase()));
    hits.list = [
      ...colleagues.map((one) => ({ name: one.name, detail: t("colleague"), number: one.extension })),
      ...contacts.flatMap((one) => one.numbers.map((number) => ({ name: one.name, detail: [one.company, labelOf(number)].filter(Boolean).join(" · "), number: number.e164 || number.raw }))),
    ].slice(0, 8);
    draw();
  } catch { /* one can type the number all the same */ }
  return undefined;
}

function draw() {
  fill(box, hits.list.map((one, place) => h("li", { role: "option", id: `hit-${place}`, "aria-selected": String(place === hits.at), onmousedown: (event) => { event.preventDefault(); pick(place); } },
    h("b", {}, one.name), h("span", {}, one.detail), h("span", {}, spaced(one.number)))));
  box.hidden = !hits.list.length;
  input.setAttribute("aria-expanded", String(!box.hidden));
  if (hits.at >= 0) input.setAttribute("aria-activedescendant", `hit-${hits.at}`);
  else input.removeAttribute("aria-activedescendant");
}

function hide() {
  hits.list = [];
  hits.at = -1;
  draw();
}

function keys(event) {
  if (event.key === "Escape") hide();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !hits.list.length) return;
  event.preventDefault();
  hits.at = (hits.at + step + hits.list.length) % hits.list.length;
  draw();
}

function pick(place) {
  const { number } = hits.list[place];
  hide();
  input.value = number;
  dialNumber(number);
}

function submit() {
  if (hits.at >= 0) return pick(hits.at);
  if (isNumber(input.value)) return dialNumber(input.value);
  if (hits.list.length) {
    hits.at = 0;
    draw();
  } else if (input.value.trim()) toast(t("no-such-name"));
  return undefined;
}

// Every number on every page comes here; the same request is never dialled twice.
async function dialNumber(number) {
  const request_id = requestId();
  toast(t("dialling", { number: spaced(number.replace(/^tel:/i, "")) }));
  try {
    const result = await post("call", { number, request_id });
    applyDial(result);
    if (result.code) toast(say(result.sentence));
    else if (input.value) input.value = "";
  } catch (error) {
    if (!(error instanceof LoggedOut)) toast(has(`undialled.${error.code}`) ? t(`undialled.${error.code}`) : error.message);
  }
}

on("dial-number", dialNumber);
on("dial", (result) => {
  if (["refused", "unknown", "not-reached", "own-phone-not-lifted"].includes(result.state)) toast(say(result.sentence));
});

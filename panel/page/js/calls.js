// The journal: what is open, all calls, messages; call back, mark, note, message, export.

import { fill, h, icon, toast, tool } from "./dom.js";
import { numberLink, whyOf } from "./cards.js";
import { journal } from "./net.js";
import { changed, on, store } from "./store.js";
import { clock, day, duration, moment, oneOf, spaced, t } from "./texts.js";
import { messageForm, nameOfUser, noteForm } from "./write.js";

const PAGE = 50;
const TABS = ["open", "all", "missed", "messages", "sent"];
const view = { tab: "open", text: "", since: "", until: "", records: new Map(), cursor: null, loading: false, fault: "", forms: new Map(), asked: 0 };
const saidHandled = new Set(); // messages; a search may keep them out of the records
let place;
let list;

export function showCalls(element) {
  place = element;
  list = h("div", { class: "list", id: "calls", role: "tabpanel", "aria-label": t("calls") });
  const tabs = h("div", { role: "tablist", "aria-label": t("calls") }, TABS.map(tab));
  const search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search-calls"), value: view.text, oninput: (event) => { view.text = event.target.value; later(); } });
  const date = (name, label) => h("input", { type: "date", "aria-label": label, title: label, value: view[name], onchange: (event) => { view[name] = event.target.value; load(); } });
  fill(element, h("h2", { class: "unseen" }, t("calls")),
    h("div", { class: "filter" }, tabs, tool("mail", t("new-message"), newMessage)),
    h("div", { class: "filter" }, search, h("span", { class: "dates" }, date("since", t("from")), "–", date("until", t("until"))), tool("down", t("export"), download, { bare: true })),
    h("div", { id: "new-message" }), list);
  load();
}

function tab(name) {
  return h("button", { class: "tab", type: "button", role: "tab", id: `tab-${name}`, "data-tab": name, "aria-selected": String(view.tab === name), "aria-controls": "calls", tabindex: view.tab === name ? "0" : "-1",
    onclick: () => select(name), onkeydown: (event) => {
      const all = [...event.target.parentElement.children];
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
      next.focus();
      select(next.dataset.tab);
    } }, tabText(name));
}

const tabText = (name) => {
  const count = { open: store.missed.open, messages: store.missed.messages }[name];
  return count ? `${t(`tab.${name}`)} ${count}` : t(`tab.${name}`);
};

function select(name) {
  view.tab = name;
  load();
}

function marks() {
  for (const one of place?.querySelectorAll("[data-tab]") || []) {
    const selected = one.dataset.tab === view.tab;
    one.setAttribute("aria-selected", String(selected));
    one.tabIndex = selected ? 0 : -1;
    one.textContent = tabText(one.dataset.tab);
  }
}

let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(load, 250);
}

function request(cursor, limit = PAGE) {
  return {
    action: "list", limit, cursor, text: view.text.trim() || undefined,
    open: view.tab === "open", missed: view.tab === "missed", messages: view.tab === "messages", sent: view.tab === "sent",
    since: view.since ? new Date(`${view.since}T00:00`).toISOString() : undefined,
    until: view.until ? new Date(`${view.until}T24:00`).toISOString() : undefined,
  };
}

// A message one has left stands in the colleague's list, and among the sent ones here.
const isSent = (record) => Boolean(record.message) && record.message.by === store.me?.user;

const fits = (record) => {
  if (view.tab === "sent" || isSent(record)) return view.tab === "sent" && isSent(record);
  if (view.tab === "open") return record.open;
  if (view.tab === "messages") return record.kind === "message";
  if (view.tab === "missed") return record.result === "missed" || record.kind === "message";
  return true;
};

async function load(more = false) {
  const asked = ++view.asked;
  marks();
  view.loading = true;
  if (!more) draw();
  try {
    const answer = await journal(request(more ? view.cursor : undefined));
    if (asked !== view.asked) return;
    if (!more) view.records.clear();
    for (const record of answer.records) view.records.set(record.call_id, record);
    view.cursor = answer.cursor;
    view.fault = "";
  } catch (error) {
    if (asked !== view.asked) return;
    view.fault = error.message;
  }
  view.loading = false;
  draw();
}

on("record", (record) => {
  const known = view.records.get(record.call_id);
  if (known && known.revision >= record.revision) return;
  if (known || !(view.text || view.since || view.until)) view.records.set(record.call_id, record);
  if (isSent(record)) sayHandled(record, known);
  draw();
});
on("missed", marks);
on("people", () => draw());
on("reconnected", () => place?.isConnected && load());

function sayHandled(record, known) {
  if (record.handled && !known?.handled && !saidHandled.has(record.call_id)) toast(t("message-handled", { name: nameOfUser(record.handled_by) }));
  if (record.handled) saidHandled.add(record.call_id);
  else saidHandled.delete(record.call_id);
}

// Open calls of one number are one line: "2 × missed".
function lines() {
  const records = [...view.records.values()].filter((record) => fits(record) || view.forms.has(record.call_id));
  records.sort((one, other) => Date.parse(other.started) - Date.parse(one.started));
  if (view.tab !== "open") return records.map((record) => [record]);
  const byNumber = new Map();
  for (const record of records) {
    const number = record.party.e164 || record.party.number;
    const key = number && record.kind === "call" && !record.note ? number : record.call_id;
    byNumber.set(key, [...(byNumber.get(key) || []), record]);
  }
  return [...byNumber.values()];
}

function draw() {
  if (!list?.isConnected) return;
  list.setAttribute("aria-busy", String(view.loading));
  fill(list, rows);
  place.querySelector(".more")?.remove();
  if (view.cursor) place.append(h("button", { class: "button plain more", type: "button", onclick: () => load(true) }, t("more")));
}

function rows() {
  const shown = [];
  let last = "";
  for (const records of lines()) {
    const now = day(records[0].started);
    if (now !== last) shown.push(h("h3", { class: "day" }, now));
    last = now;
    shown.push(row(records));
  }
  const empty = view.fault || (view.loading ? "" : t(view.text ? "nothing-found" : `empty.${view.tab}`));
  return shown.length ? shown : h("p", { class: "empty" }, empty);
}

function look(record) {
  if (record.kind === "message") return "mail";
  if (record.result === "missed") return "miss";
  return record.direction === "out" ? "out" : "in";
}

export function nameOfRecord(record) {
  if (record.contact) return record.contact.title;
  if (record.party.kind === "withheld") return t("withheld");
  return record.party.name || spaced(record.party.e164 || record.party.number) || t("unknown");
}

const named = (record) => record.contact || record.party.name || record.party.e164 || record.party.number;

function about(records) {
  const [record] = records;
  if (record.kind === "message") return record.handled ? t("handled-by", { name: nameOfUser(record.handled_by) }) : isSent(record) ? t("message-waits") : "";
  const group = record.group ? t("group", { name: record.called.name || record.group }) : "";
  if (record.handled) return t("handled-by", { name: nameOfUser(record.handled_by) });
  if (record.result === "answered") return [duration(record.talk_seconds), group].filter(Boolean).join(" · ");
  if (record.result === "answered-elsewhere") return record.answered_by ? t("answered-by", { name: nameOfUser(record.answered_by) }) : t("answered-elsewhere");
  if (record.result === "missed" && records.length > 1) return t("times-missed", { n: records.length });
  return [t(`result.${record.result}`), record.open && group ? t("group-nobody", { group }) : group].filter(Boolean).join(" · ");
}

function row(records) {
  const [record] = records;
  const number = record.party.kind === "withheld" ? "" : record.party.e164 || record.party.number;
  const name = nameOfRecord(record);
  const missed = record.open && record.kind === "call";
  const subject = [record.matter?.title, record.dossier?.title, record.company, record.contact?.company].find((text) => text && text !== name);
  const sent = isSent(record);
  const title = sent ? t("message-for", { name: nameOfUser(record.user) }) : record.kind === "message" ? t("message-from", { name: nameOfUser(record.message?.by) }) : name;
  const openForm = (make) => () => { view.forms.set(record.call_id, make(() => { view.forms.delete(record.call_id); draw(); })); draw(); focusForm(record.call_id); };
  return h("div", { class: `row${missed ? " missed" : ""}`, "data-record": record.call_id },
    icon(look(record)),
    h("div", {},
      h("button", { class: "name-link", type: "button", "data-key": `name ${record.call_id}`, "aria-expanded": String(view.forms.has(`details ${record.call_id}`)), onclick: () => details(record) }, h("b", {}, title)),
      h("p", { class: "sub" }, h("span", {}, record.kind === "message" ? named(record) && t("about-caller", { name }) : subject),
        number && name !== spaced(number) ? numberLink(number) : "", whoElse(record, number, name))),
    h("span", { class: "about" }, about(records)),
    h("span", { class: "end" }, h("time", { datetime: record.started }, clock(record.started)),
      number ? tool("phone", t(record.open ? "call-back" : "call"), () => changed("dial-number", number), { bare: !record.open, "data-key": `call ${record.call_id}` }) : null,
      record.open && !sent ? tool("check", t("handled"), () => handle(records, "handle"), { bare: true, "data-key": `handle ${record.call_id}` }) : null,
      record.handled && !sent ? tool("undo", t("unhandle"), () => handle([record], "unhandle"), { bare: true, "data-key": `handle ${record.call_id}` }) : null,
      sent ? null : tool("note", t("note"), openForm((done) => noteForm(record.call_id, done)), { bare: true, "data-key": `note ${record.call_id}` }),
      tool("mail", t("message"), openForm((done) => messageForm({ call_id: record.kind === "call" ? record.call_id : null, number, name }, done)), { bare: true, "data-key": `message ${record.call_id}` })),
    record.message ? h("p", { class: record.open ? "note message" : "note" }, [record.message.text, ...record.message.wishes.map((wish) => t(`wish.${wish}`))].filter(Boolean).join(" · ")) : null,
    (record.notes?.length ? record.notes : record.note ? [{ text: record.note }] : []).map((note) => h("p", { class: "note" }, note.text, note.by ? h("small", {}, ` — ${nameOfUser(note.by)}, ${clock(note.at)}`) : null)),
    view.forms.get(`details ${record.call_id}`), view.forms.get(record.call_id));
}

// A call on another page, where nothing is done with it.
export const plainRow = (record) => h("div", { class: "row" }, icon(look(record)),
  h("div", {}, nameOfRecord(record), h("p", { class: "sub" }, moment(record.started))), h("span", { class: "about" }, about([record])), h("span", { class: "end" }),
  record.note ? h("p", { class: "note" }, record.note) : null);

// Who it may be, or that nobody knows and a contact can be added.
function whoElse(record, number, name) {
  if (record.contact || record.kind !== "call" || record.party.kind !== "external") return "";
  if (record.candidates?.length) return h("span", {}, oneOf(record.candidates.map((one) => one.title)));
  return [h("span", {}, name === spaced(number) && t("unknown-short")), h("a", { href: `#/contacts/new?number=${encodeURIComponent(number)}` }, t("add-contact"))];
}

function details(record) {
  const key = `details ${record.call_id}`;
  if (view.forms.has(key)) view.forms.delete(key);
  else {
    const lines = whyOf(record.call_id);
    view.forms.set(key, h("div", { class: "write" },
      record.contact ? h("p", {}, h("a", { href: `#/contact/${record.contact.id}` }, t("business-card"))) : null, lines));
    lines.open = true;
  }
  draw();
}

function focusForm(call_id) {
  place.querySelector(`[data-record="${CSS.escape(call_id)}"] .write :is(textarea, select)`)?.focus();
}

async function handle(records, action) {
  try {
    for (const record of records) {
      const { records: after } = await journal({ action, call_id: record.call_id });
      for (const one of after) changed("record", one);
    }
    toast(t(action === "handle" ? "handled-said" : "unhandled-said"));
  } catch (error) {
    if (error.message) toast(error.message);
  }
}

function newMessage() {
  const spot = document.getElementById("new-message");
  spot.replaceChildren(h("div", { class: "sheet" }, h("h3", {}, t("new-message")), messageForm({ name: "", number: "" }, () => spot.replaceChildren())));
  spot.querySelector("select").focus();
}

// What the list shows, to its end, as a table for a spreadsheet.
async function download() {
  try {
    const records = [];
    let cursor;
    do {
      const answer = await journal(request(cursor, 200));
      records.push(...answer.records.filter(fits));
      cursor = answer.cursor;
      toast(t("exporting", { n: records.length }));
    } while (cursor);
    const cell = (value) => {
      const text = String(value ?? "");
      return `"${(/^[=+\-@\t\r]/.test(text) && !/^\+\d+$/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    };
    const head = ["started", "direction", "name", "number", "company", "matter", "group", "result", "talk_seconds", "answered_by", "handled_by", "note"];
    const table = records.map((one) => [one.started, one.direction, nameOfRecord(one), one.party.kind === "withheld" ? "" : one.party.e164 || one.party.number, one.company, one.matter?.title, one.group, one.result, one.talk_seconds, one.answered_by, one.handled_by, one.note]);
    const text = [head, ...table].map((line) => line.map(cell).join(";")).join("\r\n");
    const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    const link = h("a", { href: url, download: `calls-${new Date().toISOString().slice(0, 10)}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    if (error.message) toast(error.message);
  }
}

// "Now": one card for each call.

import { h, icon, fill, tool, toast } from "./dom.js";
import { directory, journal, LoggedOut, settings } from "./net.js";
import { messageForm, nameOfUser, noteForm } from "./write.js";
import { changed, dialOf, dismiss, on, party, store } from "./store.js";
import { clock, duration, has, moment, say, spaced, t, ticking } from "./texts.js";
import { choose, nameOf, openFile, openForCall } from "./workstation.js";

const MOST_OPEN = 5;
let place;

export function showNow(element) {
  place = element;
  draw();
}

on("cards", (card) => redraw(card ? [card] : store.cards.values()));
on("known-card", (card) => { // a page that was loaded in the middle of a call
  look(card);
  redraw([card]);
});
on("me", () => redraw(store.cards.values()));

// Only what has changed is built again: in a busy hour that is one card of many.
function redraw(cards) {
  for (const card of cards) card.dirty = true;
  draw();
}
on("new-card", (card) => {
  look(card);
  announce(card);
});
on("answer", ({ card }) => {
  look(card);
  announce(card);
});

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-since]")) time.textContent = ticking(Number(time.dataset.since));
}, 1000);

function announce(card) {
  const text = t(card.outward ? "announce-out" : "announce-in", { name: nameOf(card) });
  if (card.announced === text || card.closed) return;
  card.announced = text;
  document.getElementById("announce").textContent = text;
}

// Fetches what is kept of the caller: dossiers and matters, and the last calls with the number.
async function look(card) {
  const contact = card.answer?.contact?.id;
  if (contact && card.contactId !== contact) {
    card.contactId = contact;
    try {
      card.contact = (await directory({ action: "contact", id: contact })).contacts[0];
      changed("cards", card);
    } catch { /* the card shows what the answer said */ }
  }
  const who = party(card);
  const number = who.kind === "withheld" ? null : who.e164 || who.number;
  if (number && card.historyOf !== number) {
    card.historyOf = number;
    try {
      const { records } = await journal({ action: "list", number, limit: 8 });
      card.history = records.filter((record) => record.call_id !== card.id);
      changed("cards", card);
    } catch { /* without the journal there is no history */ }
  }
}

function draw() {
  if (!place || !store.me) return;
  const cards = [...store.cards.values()].reverse().sort((one, other) => Boolean(one.closed) - Boolean(other.closed));
  place.classList.toggle("idle", !cards.length);
  cards.forEach((card, at) => {
    const folded = at >= MOST_OPEN && !card.writing;
    card.dirty = card.dirty || folded !== card.folded;
    card.folded = folded;
  });
  fill(place, h("h2", {}, t("now")), cards.length ? cards.map(view) : h("p", { class: "empty" }, h("b", {}, t("now-empty")), t("now-empty-more")));
}

function strip(card) {
  const { call } = card;
  const dial = dialOf(card);
  if (card.closed) {
    let text = t("ended");
    if (card.closed === "answered-elsewhere") text = say(card.closing) || (card.by ? t("answered-by", { name: nameOfUser(card.by) }) : t("answered-elsewhere"));
    else if (card.answered !== null) text = t("ended-after", { time: duration((card.closedAt - card.answered) / 1000) });
    else if (!card.outward) text = t("not-answered");
    return [icon(card.closed === "answered-elsewhere" ? "check" : "phone"), text, tool("end", t("close"), () => { card.writing = false; dismiss(card); }, { bare: true, "data-key": `close ${card.id}` })];
  }
  const since = card.answered ?? card.started;
  const time = h("time", { "data-since": String(since) }, ticking(since));
  if (call.state === "held") return [icon("hold"), t("held"), time];
  if (card.answered !== null || call.state === "connected") return [icon(card.outward ? "out" : "in"), t("talking"), time];
  if (card.outward) return [icon("out"), dial && !dial.final ? say(dial.sentence) : t("calling"), time];
  const line = lineOf(card);
  return [icon("phone"), h("span", {}, line ? `${t("rings")} · ${line}` : t("rings")), time];
}

function lineOf({ call }) {
  if (call.group) return call.called.name || t("group", { name: call.group });
  return call.called.kind === "external" ? call.called.name || spaced(call.called.e164) : "";
}

function sure(card) {
  const { answer } = card;
  if (!answer) return null;
  const who = party(card);
  if (who.kind === "withheld" || who.kind === "internal") return null;
  const quality = answer.remembered ? "remembered" : answer.quality;
  const certain = ["exact", "remembered"].includes(quality);
  if (quality === "none" && !(who.e164 || who.number)) return null;
  return h("p", { class: certain ? "sure" : "sure unsure" }, icon(certain ? "check" : "warn"), t(`quality.${quality}`));
}

function view(card) {
  if (card.folded && card.closed) return null;
  if (!card.dirty && card.element) return card.element;
  card.dirty = false;
  const typing = card.element?.contains(document.activeElement) && /^(TEXTAREA|SELECT|INPUT)$/.test(document.activeElement.tagName);
  if (typing && card.form) {
    fill(card.element.querySelector(".strip"), strip(card)); // nobody is disturbed at writing
    return card.element;
  }
  card.element = fresh(card);
  return card.element;
}

function fresh(card) {
  const ringing = !card.closed && card.answered === null && !card.outward;
  return h("article", { class: `card${ringing ? " ringing" : ""}${card.closed ? " over" : ""}`, "data-call": card.id, "aria-label": nameOf(card) },
    h("div", { class: "strip" }, strip(card)),
    card.folded ? h("div", { class: "body" }, h("h3", { class: "sub" }, nameOf(card))) : body(card));
}

function body(card) {
  const who = party(card);
  const number = who.kind === "withheld" ? "" : who.e164 || who.number;
  const company = card.contact?.employer || card.answer?.employer?.title || card.answer?.contact?.company || "";
  const name = nameOf(card);
  return h("div", { class: "body" },
    h("h3", { class: "name" }, number && name === spaced(number) ? numberLink(number) : name),
    h("p", { class: "sub" }, h("span", {}, company !== name && company), number && name !== spaced(number) ? numberLink(number) : ""),
    sure(card), openings(card),
    card.blocked ? h("p", { class: "hint" }, t("blocked")) : null,
    card.failure ? h("p", { class: "hint" }, say(card.failure)) : null,
    facts(card), tools(card, number), card.form ? card.form : null, why(card));
}

export function numberLink(number) {
  return h("a", { href: `tel:${number}`, onclick: (event) => { event.preventDefault(); changed("dial-number", number); }, title: t("call-number", { number: spaced(number) }) }, spaced(number));
}

function big(first, title, detail, onclick, key) {
  return h("button", { class: first ? "open" : "open second", type: "button", onclick, "data-key": key },
    h("span", {}, h("b", {}, title), detail ? h("small", {}, detail) : null), icon("go"));
}

const guarded = (work) => (event) => work(event).catch((error) => { if (!(error instanceof LoggedOut)) toast(error.message); });

// What opens by itself is the one blue button; everything else is quiet.
function openings(card) {
  const { answer, contact } = card;
  if (!answer) return null;
  const buttons = [];
  const seen = new Set();
  const add = (kind, id, title, detail, onclick) => {
    const key = `${kind} ${id}`;
    if (seen.has(key) || buttons.length > 7) return;
    seen.add(key);
    buttons.push(big(buttons.length === 0 && main, title, detail, onclick, `${card.id} ${key}`));
  };
  let main = false;
  if (answer.url && answer.opens !== "nothing") {
    main = true;
    const record = answer.opened || answer.found || answer.contact;
    add(record?.kind || answer.opens, record?.id || "", titleOf(answer.opens, record), detailOf(answer.opens, record), () => openForCall(card, answer.url));
  } else if (answer.on_click !== "nothing") {
    main = true;
    add(answer.found?.kind || answer.on_click, answer.found?.id || "", titleOf(answer.on_click, answer.found), detailOf(answer.on_click, answer.found), guarded(() => choose(card, "found")));
  }
  main = false;
  for (const one of answer.remembered ? [] : answer.candidates) add(one.kind, one.id, one.title, one.company || one.reference, guarded(() => choose(card, one.kind, one.id)));
  for (const one of answer.offered) add(one.kind, one.id, one.title, detailOf(one.kind, one), guarded(() => choose(card, one.kind, one.id)));
  for (const dossier of contact?.dossiers || []) {
    for (const matter of dossier.matters.filter((one) => one.open && one.url)) add("matter", matter.id, matter.title, detailOf("matter", matter), () => openForCall(card, matter.url));
    if (dossier.url) add("dossier", dossier.id, t("open-dossier", { title: dossier.title }), dossier.reference, () => openForCall(card, dossier.url));
  }
  if (!buttons.length && answer.contact) { // the office has no page for it: ours is the business card
    main = true;
    add("contact", answer.contact.id, answer.contact.title, t("kind.card"), () => { location.hash = `#/contact/${answer.contact.id}`; });
  }
  if (answer.remembered) buttons.push(h("p", { class: "quiet" }, h("button", { class: "tool", type: "button", onclick: guarded(() => choose(card, "contact")) }, icon("undo"), h("span", {}, t("forget-choice")))));
  return buttons;
}

function titleOf(kind, record) {
  if (kind === "new-contact") return t("add-contact");
  return record?.title || t("open");
}

const detailOf = (kind, record) => [has(`kind.${kind}`) ? t(`kind.${kind}`) : "", record?.reference].filter(Boolean).join(" ");

// Where the office has a page of its own for it, the blue button opens that.
const opensNewContact = ({ answer }) => [answer.url && answer.opens, answer.on_click].includes("new-contact");

function facts(card) {
  const lines = [];
  const history = card.history || [];
  const open = history.filter((record) => record.open);
  const last = history.find((record) => record.result === "answered");
  const noted = history.find((record) => record.note);
  if (last) lines.push(h("li", {}, h("b", {}, moment(last.started)), ` ${duration(last.talk_seconds)}`));
  if (open.length) lines.push(h("li", {}, h("b", {}, t("open-missed", { n: open.length })), ` ${moment(open[0].started)}`));
  if (noted) lines.push(h("li", {}, h("b", {}, t("note")), ` ${noted.note}`));
  return lines.length ? h("ul", { class: "facts" }, lines) : null;
}

function tools(card, number) {
  const write = (make) => () => {
    card.writing = true;
    card.form = make(card, () => { card.writing = false; card.form = null; changed("cards", card); });
    changed("cards", card);
    card.form.querySelector("textarea, select, input")?.focus();
  };
  const control = (action, values = {}) => guarded(() => settings({ action, call_id: card.id, ...values }));
  const running = !card.closed;
  const contact = card.answer?.contact;
  return [h("div", { class: "tools" },
    tool("note", t("note"), write((one, done) => noteForm(one.id, done)), { "data-key": `note ${card.id}` }),
    tool("mail", t("message"), write((one, done) => messageForm({ call_id: one.recorded ? one.id : null, number, name: nameOf(one) }, done)), { "data-key": `message ${card.id}` }),
    contact ? tool("person", t("business-card"), () => { card.contact?.url ? openFile(card.contact.url) : (location.hash = `#/contact/${contact.id}`); }) : null,
    number && card.answer?.quality === "none" && party(card).kind === "external" && !opensNewContact(card) ? tool("plus", t("add-contact"), () => { location.hash = `#/contacts/new?number=${encodeURIComponent(number)}`; }) : null,
    running && store.me.control && card.call.state === "connected" ? tool("hold", t("hold"), control("hold")) : null,
    running && store.me.control ? tool("forward", t("forward"), write(forwardForm)) : null,
    running && (card.answered !== null || card.outward) ? tool("end", t(card.answered !== null ? "hang-up" : "cancel"), control("hang-up")) : null),
  running && card.call.state === "held" ? h("p", { class: "quiet" }, t("resume-at-phone")) : null,
  running && card.answered !== null && store.me.control === false ? h("p", { class: "quiet" }, t("no-control")) : null];
}

function forwardForm(card, done) {
  const known = store.colleagues.filter((one) => one.extension);
  const select = known.length ? h("select", { "aria-label": t("forward-to"), class: "field" }, known.map((one) => h("option", { value: one.extension }, `${one.name} (${one.extension})`))) : null;
  const other = h("input", { class: "field", inputmode: "tel", maxLength: 32, required: !known.length, "aria-label": t("extension"), placeholder: t(known.length ? "or-extension" : "extension") });
  return h("form", { class: "write", onsubmit: guarded(async (event) => {
    event.preventDefault();
    await settings({ action: "forward", call_id: card.id, extension: other.value.trim() || select.value });
    toast(t("forwarded"));
    done();
  }) }, select, other, h("div", { class: "buttons" }, h("button", { class: "button" }, t("forward")), h("button", { class: "button plain", type: "button", onclick: done }, t("cancel"))));
}

export function whyOf(call_id) {
  const list = h("ol", { class: "trace" });
  return h("details", { ontoggle: async (event) => {
    if (!event.target.open) return;
    try {
      const { trace } = await directory({ action: "why", call_id });
      list.replaceChildren(...(trace.length ? trace : [{}]).map((step) => h("li", {}, step.at ? `${clock(step.at)} · ${say(step)}` : t("why-empty"))));
    } catch (error) {
      list.replaceChildren(h("li", {}, error.message));
    }
  } }, h("summary", {}, t("why")), list);
}

function why(card) {
  card.whyElement = card.whyElement || whyOf(card.id);
  return card.whyElement;
}

// The name of the colleague who took a call stands in its record.
on("record", (record) => {
  const card = store.cards.get(record.call_id);
  if (card) card.recorded = true;
  if (card && record.result === "answered-elsewhere" && record.answered_by) {
    card.by = record.answered_by;
    changed("cards", card);
  }
});

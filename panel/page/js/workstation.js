// What happens on this workstation: files open in one window, notifications, badge, tel: links.

import { isLeader } from "./feed.js";
import { post } from "./net.js";
import { changed, on, party, store } from "./store.js";
import { spaced, t } from "./texts.js";

const WINDOW = "starface2mqtt-file";
const FRESH = 30_000; // ms; what is older does not open by itself
const opened = new Set();
const chosenHere = new Set();

export const option = (name, otherwise = false) => (localStorage.getItem(name) ?? (otherwise ? "1" : "0")) === "1";
export const setOption = (name, value) => localStorage.setItem(name, value ? "1" : "0");

// Opens an address in the one window for files; false when the browser blocks it.
export function openFile(url) {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url) || /^(javascript|data|vbscript|blob|file):/i.test(url)) return false;
  const target = window.open(url, WINDOW);
  try { target?.focus(); } catch { /* another site's window */ }
  return Boolean(target);
}

function report(call_id, state, reason = "") {
  post("opened", { call_id, state, reason }).catch(() => {});
}

export function openForCall(card, url) {
  const done = openFile(url);
  card.blocked = !done;
  report(card.id, done ? "done" : "failed", done ? "" : "blocked");
  changed("cards", card);
}

// Asks the office for what was found or chosen; it opens here as soon as the answer is there.
export async function choose(card, kind, id) {
  const { id: request } = await post("choose", { call_id: card.id, kind, ...(id ? { id } : {}) });
  chosenHere.add(request);
  if (waiting.has(request)) act(waiting.get(request));
}

const waiting = new Map(); // answers that came before the request's id

on("answer", (detail) => {
  waiting.set(detail.answer.event_id, detail);
  if (waiting.size > 20) waiting.delete(waiting.keys().next().value);
  act(detail);
});

function act({ card, answer, event }) {
  if (!answer.url || answer.opens === "nothing" || answer.reason === "already-opened") return;
  const key = `${answer.call_id} ${answer.event_id} ${answer.trigger}`;
  const own = chosenHere.has(answer.event_id);
  const fresh = Date.now() - Date.parse(event?.time || 0) < FRESH;
  const byItself = option("auto-open") && isLeader() && store.me?.opener === "panel" && answer.trigger !== "chosen" && fresh;
  if (opened.has(key) || !(own || byItself)) return;
  opened.add(key);
  openForCall(card, answer.url);
}

// ---- notifications and badge

let worker = null;

export async function startWorker() {
  if (!("serviceWorker" in navigator)) return;
  worker = await navigator.serviceWorker.register("sw.js").catch(() => null);
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    const card = store.cards.get(data.call);
    if (data.act === "open" && card?.answer?.url) openForCall(card, card.answer.url);
    if (data.act === "call-back" && data.number) changed("dial-number", data.number);
  });
}

export const canNotify = () => "Notification" in window && "serviceWorker" in navigator;
const mayNotify = () => canNotify() && Notification.permission === "granted" && option("notify", true);

export async function askToNotify() {
  const granted = (await Notification.requestPermission()) === "granted";
  setOption("notify", granted);
  return granted;
}

const behind = () => document.hidden || !document.hasFocus();

async function notify(tag, title, body, data, actions) {
  const registration = worker || (await navigator.serviceWorker?.getRegistration());
  await registration?.showNotification(title, { tag, body, data, actions, icon: "icons/icon-192.png", badge: "icons/icon-192.png", requireInteraction: true, lang: document.documentElement.lang });
}

async function withdraw(tag) {
  const registration = worker || (await navigator.serviceWorker?.getRegistration());
  for (const one of (await registration?.getNotifications({ tag })) || []) one.close();
}

on("answer", ({ card, answer }) => {
  if (!isLeader() || !mayNotify() || !behind() || card.closed || card.outward || card.notified === answer.contact?.id) return;
  card.notified = answer.contact?.id;
  const who = party(card);
  const title = answer.discreet ? t("incoming") : nameOf(card);
  const body = answer.discreet ? "" : [answer.contact?.company, who.kind === "withheld" ? "" : spaced(who.e164 || who.number)].filter(Boolean).join(" · ");
  notify(card.id, title, body, { call: card.id }, [
    ...(answer.url ? [{ action: "open", title: t("open") }] : []), { action: "dismiss", title: t("dismiss") },
  ]).catch(() => {});
});

on("closed", (card) => {
  if (!isLeader() || !card.notified) return;
  withdraw(card.id).catch(() => {});
  const who = party(card);
  if (card.closed === "ended" && card.answered === null && mayNotify() && behind() && (who.e164 || who.number)) {
    notify(`missed ${card.id}`, t("missed-by", { name: nameOf(card) }), spaced(who.e164 || who.number), { number: who.e164 || who.number }, [
      { action: "call-back", title: t("call-back") }, { action: "dismiss", title: t("dismiss") },
    ]).catch(() => {});
  }
});

on("missed", () => {
  if (!isLeader() || !navigator.setAppBadge) return;
  const open = store.missed.open || 0;
  (open ? navigator.setAppBadge(open) : navigator.clearAppBadge()).catch(() => {});
});

export function nameOf(card) {
  const who = party(card);
  if (card.answer?.contact) return card.answer.contact.title;
  if (who.kind === "withheld") return t("withheld");
  return who.name || spaced(who.e164 || who.number) || t("unknown");
}

// ---- links of numbers

export const canRegisterTel = () => "registerProtocolHandler" in navigator && isSecureContext;

export function registerTel() {
  navigator.registerProtocolHandler("tel", new URL("dial?number=%s", document.baseURI).href);
}

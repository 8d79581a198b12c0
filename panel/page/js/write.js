// Notes on a call, and messages to a colleague.

import { h, toast } from "./dom.js";
import { journal } from "./net.js";
import { isLeader } from "./feed.js";
import { changed, on, store } from "./store.js";
import { t } from "./texts.js";

export const nameOfUser = (login) => store.names[login] || store.me?.people?.[login] || login || t("somebody");

function form(submit, done, ...fields) {
  const send = h("button", { class: "button" }, submit.label);
  return h("form", { class: "write", onsubmit: async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      await submit.work();
      toast(submit.said);
      done();
    } catch (error) {
      if (error.message) toast(error.message);
    } finally {
      send.disabled = false;
    }
  }, onkeydown: (event) => {
    if (event.key === "Escape") done();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
  } }, fields, h("div", { class: "buttons" }, send, h("button", { class: "button plain", type: "button", onclick: done }, t("cancel"))));
}

export function noteForm(call_id, done) {
  const text = h("textarea", { "aria-label": t("note"), maxLength: 4000, required: true, placeholder: t("note-hint") });
  return form({ label: t("save"), said: t("note-saved"), work: () => note(call_id, text.value) }, done, text);
}

// A call that is not over has no record yet: its note waits here until it has one.
const waiting = () => JSON.parse(localStorage.getItem("notes") || "{}");
const keep = (notes) => localStorage.setItem("notes", JSON.stringify(notes));

async function note(call_id, text) {
  try {
    const { records } = await journal({ action: "note", call_id, text });
    for (const record of records) changed("record", record);
  } catch (error) {
    if (error.code !== "no-such-record") throw error;
    const notes = waiting();
    keep({ ...notes, [call_id]: [...(notes[call_id] || []), text] });
  }
}

on("record", ({ call_id }) => {
  const { [call_id]: texts, ...others } = waiting();
  if (!texts || !isLeader()) return;
  keep(others);
  texts.forEach((text) => note(call_id, text).catch(() => {}));
});

// What was written before the page was closed.
on("reconnected", () => {
  if (!isLeader()) return;
  for (const [call_id, texts] of Object.entries(waiting())) {
    if (store.cards.get(call_id)?.closed === null) continue;
    const { [call_id]: sent, ...others } = waiting();
    keep(others);
    texts.forEach((text) => note(call_id, text).catch(() => {}));
  }
});

// Who rang, what it is about, what is wanted: it waits in the colleague's list until it is seen to.
export function messageForm({ call_id, number, name, to }, done) {
  const people = Object.entries(store.me.people || {}).filter(([login]) => login !== store.me.user);
  const colleague = h("select", { class: "field", "aria-label": t("message-to"), required: true },
    h("option", { value: "" }, t("message-to")), people.map(([login, who]) => h("option", { value: login, selected: login === to }, who)));
  const text = h("textarea", { "aria-label": t("message"), maxLength: 4000, placeholder: t("message-hint", { name: name || number || "" }) });
  const wishes = ["call-back", "calls-again", "urgent"].map((wish) => h("label", {}, h("input", { type: "checkbox", value: wish, checked: wish === "call-back" }), t(`wish.${wish}`)));
  return form({ label: t("send"), said: t("message-sent"), work: async () => {
    await journal({
      action: "message", colleague: colleague.value, text: text.value || undefined, name, number: number || undefined, call_id: call_id || undefined,
      wishes: wishes.map((one) => one.querySelector("input")).filter((one) => one.checked).map((one) => one.value),
    });
  } }, done, colleague, text, h("div", { class: "checks" }, wishes));
}

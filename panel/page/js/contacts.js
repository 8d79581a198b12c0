// Contacts: look up, business card, add and change own ones, choices that are remembered.

import { numberLink } from "./cards.js";
import { fill, h, icon, toast, tool } from "./dom.js";
import { plainRow } from "./calls.js";
import { directory, journal } from "./net.js";
import { labelOf, moment, t } from "./texts.js";
import { openFile } from "./workstation.js";

let place;
let asked = 0;

export function show(element, { page, detail, query }) {
  place = element;
  if (page === "contact") return showContact(detail);
  if (detail === "new") return showForm(null, query.get("number") || "");
  return showSearch();
}

const failed = (error) => { if (error.message) fill(place, h("p", { class: "empty" }, error.message)); };

function showSearch() {
  const found = h("div", { class: "list", "aria-live": "polite" });
  const input = h("input", { type: "search", class: "field", placeholder: t("contacts-hint"), "aria-label": t("search-contacts"), oninput: () => look(input.value, found) });
  const remembered = h("div");
  fill(place, h("h2", {}, t("page.contacts")), h("div", { class: "filter" }, input, h("a", { class: "button plain", href: "#/contacts/new" }, icon("plus"), t("add-contact"))), found, remembered);
  fill(found, h("p", { class: "empty" }, t("contacts-empty")));
  choices(remembered);
  input.focus();
}

async function look(text, found) {
  const now = ++asked;
  if (text.trim().length < 2) return;
  try {
    const { contacts } = await directory({ action: "search", text, limit: 50 });
    if (now !== asked) return;
    fill(found, contacts.length ? contacts.map(line) : h("p", { class: "empty" }, t("nothing-found")));
  } catch (error) { failed(error); }
}

function line(contact) {
  return h("div", { class: "row" }, icon(contact.kind === "company" ? "building" : "person"),
    h("div", {}, h("a", { href: `#/contact/${contact.id}` }, h("b", {}, contact.name)), h("p", { class: "sub" }, contact.company || contact.email)),
    h("span", { class: "about" }, contact.numbers.slice(0, 2).map((one, at) => [at ? h("br") : "", numberLink(one.e164 || one.raw)])),
    h("span", { class: "end" }, contact.own ? h("span", { class: "sub" }, t("own")) : ""));
}

async function choices(element) {
  try {
    const { choices: kept } = await directory({ action: "choices" });
    if (!kept.length) return fill(element);
    fill(element, h("h2", { class: "spaced" }, t("choices")), h("p", { class: "quiet" }, t("choices-hint")), h("div", { class: "list" }, kept.map((one) => h("div", { class: "row" },
      icon("check"), h("div", {}, h("b", {}, one.contact.name), h("p", { class: "sub" }, numberLink(one.number))), h("span", { class: "about" }, moment(one.since)),
      h("span", { class: "end" }, tool("undo", t("forget-choice"), async () => { await directory({ action: "forget", number: one.number }).catch((error) => toast(error.message)); choices(element); }))))));
  } catch { /* the search says what is wrong */ }
}

async function showContact(id) {
  try {
    const { contacts: [contact] } = await directory({ action: "contact", id });
    const history = h("div");
    fill(place, h("p", {}, h("a", { href: "#/contacts" }, t("back-to-contacts"))), h("article", { class: "sheet" },
      h("h2", { class: "name" }, contact.name), h("p", { class: "sub" }, [contact.employer || contact.company, contact.active ? "" : t("inactive")].filter(Boolean).join(" · ")),
      h("dl", { class: "facts-list" },
        contact.numbers.flatMap((one) => [h("dt", {}, labelOf(one) || t("number")), h("dd", {}, one.e164 ? numberLink(one.e164) : one.raw)]),
        contact.email ? [h("dt", {}, t("email")), h("dd", {}, h("a", { href: `mailto:${encodeURIComponent(contact.email).replaceAll("%40", "@")}` }, contact.email))] : [],
        h("dt", {}, t("source")), h("dd", {}, contact.own ? t("own") : contact.source)),
      h("div", { class: "buttons" },
        contact.url ? h("button", { class: "button plain", type: "button", onclick: () => openFile(contact.url) }, icon("go"), t("business-card")) : null,
        contact.own ? h("button", { class: "button plain", type: "button", onclick: () => showForm(contact) }, icon("note"), t("edit")) : null,
        contact.own ? h("button", { class: "button plain", type: "button", onclick: () => remove(contact) }, icon("end"), t("remove")) : null)),
    contact.dossiers.map((dossier) => h("section", { class: "sheet" },
      h("h3", {}, opens(dossier.url, dossier.title), dossier.reference && dossier.reference !== dossier.title ? h("span", { class: "sub" }, ` ${dossier.reference}`) : ""),
      dossier.matters.length ? h("ul", {}, dossier.matters.map((matter) => h("li", {}, opens(matter.url, matter.title), h("span", { class: "sub" }, ` ${matter.reference} ${matter.open ? "" : t("closed")}`)))) : h("p", { class: "quiet" }, t("no-matters")))),
    history);
    const [first] = contact.numbers.filter((one) => one.e164);
    const { records } = first ? await journal({ action: "list", contact: contact.id, limit: 10 }).catch(() => ({ records: [] })) : { records: [] };
    if (records.length) fill(history, h("h2", {}, t("last-calls")), h("div", { class: "list" }, records.map(plainRow)));
  } catch (error) { failed(error); }
}

function opens(url, title) {
  return url ? h("a", { href: url, onclick: (event) => { event.preventDefault(); openFile(url); } }, title) : title;
}

async function remove(contact) {
  if (!window.confirm(t("remove-sure", { name: contact.name }))) return;
  try {
    await directory({ action: "remove", id: contact.id });
    location.hash = "#/contacts";
  } catch (error) { toast(error.message); }
}

function showForm(contact, number = "") {
  const field = (name, value, props = {}) => h("input", { class: "field", name, value: value || "", maxLength: 200, ...props });
  const fields = { name: field("name", contact?.name, { required: true }), company: field("company", contact?.company), email: field("email", contact?.email, { type: "email" }) };
  const kind = h("select", { class: "field", name: "kind" }, ["person", "company"].map((one) => h("option", { value: one, selected: contact?.kind === one }, t(`kind.${one}`))));
  const numbers = h("textarea", { class: "field", name: "numbers", rows: "3" }, (contact?.numbers.map((one) => one.raw) || [number]).join("\n"));
  const rows = [["name", fields.name], ["kind", kind], ["company", fields.company], ["numbers", numbers], ["email", fields.email]];
  for (const [name, element] of rows) element.id = `own-${name}`;
  fill(place, h("p", {}, h("a", { href: "#/contacts" }, t("back-to-contacts"))), h("form", { class: "sheet", onsubmit: async (event) => {
    event.preventDefault();
    const own = { kind: kind.value, name: fields.name.value, company: fields.company.value, email: fields.email.value, numbers: numbers.value.split("\n").map((one) => one.trim()).filter(Boolean) };
    try {
      const { contacts: [kept] } = await directory({ action: contact ? "edit" : "add", id: contact?.id, contact: own });
      toast(t("saved"));
      location.hash = `#/contact/${kept.id}`;
      if (contact) showContact(kept.id);
    } catch (error) { toast(error.message); }
  } }, h("h2", { class: "name" }, t(contact ? "edit" : "add-contact")), h("p", { class: "quiet" }, t("own-hint")),
    rows.map(([name, element]) => h("div", { class: "set" }, h("label", { for: element.id }, t(`field.${name}`)), element)),
    h("div", { class: "buttons" }, h("button", { class: "button" }, t("save")))));
  fields.name.focus();
}

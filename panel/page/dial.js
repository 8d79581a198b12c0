"use strict";

const WORDS = {
  de: {
    title: "Wählen", number: "Nummer", who: "Wer wählt", login: "Login-ID",
    token: "Token der Anwendung", remember: "Auf diesem Rechner merken", dial: "Wählen",
    everywhere: "Aus jeder Seite wählen",
    bookmarklet: "Diesen Link in die Lesezeichen ziehen; er wählt die markierte Nummer:",
    failed: "Nicht gewählt", away: "Der Server antwortet nicht; es wurde wohl nichts gewählt.",
  },
  en: {
    title: "Dial", number: "Number", who: "Who is dialling", login: "Login ID",
    token: "Token of the application", remember: "Remember on this computer", dial: "Dial",
    everywhere: "Dial from every page",
    bookmarklet: "Drag this link to the bookmarks; it dials the selected number:",
    failed: "Not dialled", away: "The server does not answer; most likely nothing was dialled.",
  },
};
const language = navigator.language.toLowerCase().startsWith("de") ? "de" : "en";
const words = WORDS[language];
const field = (id) => document.getElementById(id);
let current = ""; // the request whose stages are shown; an older one is shown no more

function speak() {
  document.documentElement.lang = language;
  document.title = words.title;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = words[element.dataset.text];
  }
}

function begin() {
  const asked = new URLSearchParams(location.search).get("number") || "";
  field("number").value = asked.slice(0, 256);
  field("login").value = localStorage.getItem("login") || "";
  field("token").value = localStorage.getItem("token") || "";
  field("remember").checked = field("token").value !== "";
  field("who").open = field("token").value === "";
  (asked && field("token").value ? field("dial") : field("number")).focus();
  const target = JSON.stringify(new URL("../dial/token?number=", location).href);
  field("bookmarklet").href =
    `javascript:void open(${target}+encodeURIComponent(String(getSelection())),"dial","width=480,height=560")`;
}

function remember() {
  for (const name of ["login", "token"]) {
    if (field("remember").checked) localStorage.setItem(name, field(name).value);
    else localStorage.removeItem(name);
  }
}

function show(state, sentence) {
  const stages = field("stages");
  if (stages.lastElementChild?.dataset.state === state) return;
  const line = document.createElement("li");
  line.dataset.state = state;
  line.textContent = sentence;
  stages.append(line);
}

async function ask(requestId, path, options) {
  const headers = { Authorization: `Bearer ${field("token").value}` };
  if (options?.body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { ...options, headers });
  const result = await answer.json().catch(() => ({}));
  if (requestId !== current) return null;
  if (!result.sentence) {
    show("fault", result.description || result.title || `${words.failed} (${answer.status})`);
    return null;
  }
  show(result.state, result.sentence[language]);
  return result;
}

async function follow(requestId, path, result) {
  for (let last = result; last && !last.final; ) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    last = requestId === current ? await ask(requestId, path) : null;
  }
}

async function dial(event) {
  event.preventDefault();
  if (!field("login").value || !field("token").value) {
    field("who").open = true;
    (field("login").value ? field("token") : field("login")).focus();
    return;
  }
  remember();
  field("stages").replaceChildren();
  field("dial").disabled = true;
  const path = `../api/v1/users/${encodeURIComponent(field("login").value)}/dial`;
  const requestId = (current = identifier());
  try {
    const body = JSON.stringify({ number: field("number").value, request_id: requestId });
    const result = await ask(requestId, path, { method: "POST", body });
    field("dial").disabled = false;
    await follow(requestId, `${path}/${requestId}`, result);
  } catch {
    show("fault", words.away);
  } finally {
    field("dial").disabled = false;
  }
}

function identifier() {
  // randomUUID() is missing on plain http:// pages other than localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

speak();
begin();
field("form").addEventListener("submit", dial);

// Whether everything works: own links for everybody, the site for administrators. Never calls.

import { failure } from "./app.js";
import { fill, h, toast } from "./dom.js";
import { directory, settings } from "./net.js";
import { on, store } from "./store.js";
import { language, moment, say, t } from "./texts.js";

const OWN = ["gateway", "sessions", "caller", "dial", "journal"];
let place;
let site = null;

export async function show(element) {
  place = element;
  draw();
  try {
    site = await settings({ action: "status" });
    if (store.me?.admin) site.sources = (await directory({ action: "sources" })).sources;
  } catch { site = null; }
  draw();
}

on("icon", () => draw());

const mark = (good, text) => h("span", { class: good ? "ok" : "bad" }, good ? `✓ ${text}` : `⚠ ${text}`);
const unknown = () => h("span", {}, t("state.unknown"));

function draw() {
  if (!place?.isConnected || !location.hash.startsWith("#/status")) return;
  const { links, state, connected, me } = store;
  const known = connected && links.broker; // else nobody knows how what is behind it is
  const reached = (good) => mark(good, t(good ? "reachable" : "unreachable"));
  const runs = (good) => mark(good, t(good ? "running" : "not-running"));
  const facts = [
    [t("link.panel"), reached(connected)],
    [t("link.broker"), connected ? reached(links.broker) : unknown()],
    ...OWN.map((name) => [t(`process.${name}`), known ? runs(!links.missing.includes(name)) : unknown()]),
    [t("link.own"), known && state ? h("span", {}, mark(state.state !== "failing", t(`state.${state.state}`)), ` · ${moment(state.since)}`) : unknown()],
  ];
  fill(place, h("h2", {}, t("page.status")),
    h("section", { class: "sheet" }, h("h3", {}, t(failure() || links.missing.length ? "status-bad" : "status-good")),
      h("dl", { class: "facts-list" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      known && state?.detail && !me?.admin ? h("details", {}, h("summary", {}, t("for-administrator")), h("p", {}, say(state.detail))) : null),
    me?.admin && site ? administrators() : null);
}

const table = (label, head, rows) => h("section", { class: "sheet" }, h("h3", {}, label), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
  h("table", {}, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one) => h("td", {}, one))))))));

// Findings of the doctor: what is broken first, each with what to do about it.
let findings = null;
let examining = false;

async function examine() {
  examining = true;
  draw();
  try {
    ({ findings } = await settings({ action: "doctor", language }));
  } catch (error) {
    if (error.message) toast(error.message);
  }
  examining = false;
  draw();
}

function doctor() {
  const some = (...levels) => levels.flatMap((level) => (findings || []).filter((one) => one.level === level)).map((one) => h("li", {},
    h("b", { class: lookOf(one) }, `${lookOf(one) === "ok" ? "✓" : "⚠"} ${one.check} · ${t(`level.${one.level}`)}`), h("p", {}, one.text), one.fix ? h("p", { class: "quiet" }, `→ ${one.fix}`) : null));
  const good = some("ok");
  return h("section", { class: "sheet", "aria-busy": String(examining) }, h("h3", {}, t("doctor")), h("p", {}, t("doctor-hint")),
    h("div", { class: "buttons" }, h("button", { class: "button", type: "button", disabled: examining, onclick: examine, "data-key": "doctor" }, t(examining ? "doctor-runs" : "doctor-run"))),
    findings ? [h("ul", { class: "findings" }, some("fail", "warn")), h("details", {}, h("summary", {}, t("doctor-good", { n: good.length })), h("ul", { class: "findings" }, good))] : null);
}

const lookOf = (finding) => (finding.level === "ok" ? "ok" : "bad");

// One table of processes for each machine, where a site has several.
function machines(processes) {
  const names = [...new Set(processes.map((one) => one.machine || ""))].sort();
  return names.map((machine) => table(machine ? `${t("processes")} · ${t("machine")} ${machine}` : t("processes"), [t("process-head"), t("state-head"), t("since-head"), t("version")],
    processes.filter((one) => (one.machine || "") === machine).map((one) => [one.name, mark(one.online, t(one.online ? "running" : "not-running")), one.since ? moment(one.since) : "", one.version || ""])));
}

function administrators() {
  const states = site.states || {};
  return [
    doctor(),
    ...machines(site.processes || []),
    table(t("users"), [t("login-id"), t("name"), t("state-head"), ""], (site.users || []).map((one) => {
      const state = states[one.login];
      const look = !one.enrolled ? "not-enrolled" : state?.state || "unknown";
      return [one.login, one.name, mark(look === "active" || look === "inactive", t(`state.${look}`)), state?.state === "failing" ? say(state.detail) : ""];
    })),
    site.sources ? table(t("sources"), [t("source"), t("imported"), t("contacts"), t("numbers")], site.sources.map((one) => [one.name, one.imported ? moment(one.imported) : "–", String(one.contacts), String(one.numbers)])) : null,
  ];
}

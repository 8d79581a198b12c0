// What opens and when, peace, telephone, language, private numbers; what this browser does.

import { fill, h, toast } from "./dom.js";
import { settings } from "./net.js";
import { keepLanguage, LANGUAGES, localDays, plainDays, t, when } from "./texts.js";
import { askToNotify, canNotify, canRegisterTel, option, registerTel, setOption } from "./workstation.js";

const TRIGGERS = ["ringing", "connected", "party-change", "ended", "outgoing", "click"];
const ACTIONS = ["matter-or-dossier", "dossier", "business-card", "none"];
let place;
let own;

export async function show(element) {
  place = element;
  try {
    ({ settings: own } = await settings({ action: "get" }));
    draw();
  } catch (error) {
    if (error.message) fill(place, h("p", { class: "empty" }, error.message));
  }
}

async function change(changes) {
  try {
    const { phones, control } = own;
    ({ settings: own } = await settings({ action: "change", changes }));
    Object.assign(own, { phones, control });
    toast(t("saved"));
    if ("language" in changes) {
      keepLanguage(changes.language);
      location.reload();
    }
  } catch (error) { toast(error.message); }
  draw();
}

let count = 0;
function set(label, control, hint) {
  const id = `set-${++count}`;
  control.id = id;
  return h("div", { class: "set" }, h("label", { for: id }, label), h("div", {}, control, hint ? h("p", { class: "quiet" }, hint) : null));
}

function group(label, ...controls) {
  return h("fieldset", { class: "set" }, h("legend", { class: "unseen" }, label), h("span", { "aria-hidden": "true" }, label), h("div", { class: "checks" }, controls));
}

const choose = (values, value, onchange) => h("select", { class: "field", onchange: (event) => onchange(event.target.value) }, values.map(([code, text]) => h("option", { value: code, selected: code === (value ?? "") }, text)));
const check = (text, checked, onchange, props = {}) => h("label", {}, h("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked, event), ...props }), text);

function draw() {
  count = 0;
  const peace = own.do_not_disturb;
  const until = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const evening = new Date(new Date().setHours(18, 0, 0, 0));
  const peaceButton = (text, value, plain = true) => h("button", { class: plain ? "button plain" : "button", type: "button", onclick: () => change({ do_not_disturb: value }) }, text);
  const quiet = h("input", { class: "field", value: localDays((own.quiet_hours || []).join(", ")), placeholder: t("quiet-office"), onchange: (event) => {
    const spans = plainDays(event.target.value).split(",").map((one) => one.trim()).filter(Boolean);
    change({ quiet_hours: spans.length ? spans : null });
  } });
  const delay = h("input", { class: "field", type: "number", min: "0", max: "20", step: "0.5", value: own.delay ?? "", placeholder: t("as-office"), onchange: (event) => change({ delay: event.target.value === "" ? null : Number(event.target.value) }) });
  fill(place, h("h2", {}, t("page.settings")),
    h("section", { class: "sheet" }, h("h3", {}, t("set.peace")),
      h("p", {}, peace === true ? t("peace.on") : peace ? t("peace.until", { time: when(peace) }) : t("peace.off")),
      h("div", { class: "buttons" }, peace ? peaceButton(t("peace.end"), false, false) : [
        peaceButton(t("peace.30"), until(0.5)), peaceButton(t("peace.60"), until(1)), peaceButton(t("peace.120"), until(2)),
        evening > new Date() ? peaceButton(t("peace.evening"), evening.toISOString()) : null, peaceButton(t("peace.always"), true)])),
    h("section", { class: "sheet" }, h("h3", {}, t("set.opening")),
      set(t("set.action"), choose(ACTIONS.map((one) => [one, t(`action.${one}`)]), own.action, (action) => change({ action }))),
      group(t("set.when"), TRIGGERS.map((one) => check(t(`trigger.${one}`), own.triggers.includes(one), (on) => change({ triggers: TRIGGERS.filter((each) => (each === one ? on : own.triggers.includes(each))) })))),
      set(t("set.internal"), choose(["ignore", "notify", "pop"].map((one) => [one, t(`internal.${one}`)]), own.internal, (internal) => change({ internal }))),
      set(t("set.delay"), delay, t("set.delay-hint")),
      set(t("set.quiet"), quiet, t("set.quiet-hint", { example: localDays("18:00-07:00, sat-sun") })),
      set(t("set.opener"), choose(["panel", "desktop"].map((one) => [one, t(`opener.${one}`)]), own.opener, (opener) => change({ opener })), t("set.opener-hint"))),
    h("section", { class: "sheet" }, h("h3", {}, t("set.browser")),
      group(t("set.by-itself"), check(t("set.auto-open"), option("auto-open"), (on) => { setOption("auto-open", on); if (on && own.opener !== "panel") change({ opener: "panel" }); else toast(t("saved")); }),
        h("p", { class: "quiet" }, t("set.auto-open-hint"))),
      group(t("set.notifications"), canNotify() ? check(t("set.notify"), Notification.permission === "granted" && option("notify", true), async (on, event) => {
        if (!on) setOption("notify", false);
        else if (!(await askToNotify())) { event.target.checked = false; toast(t("set.notify-refused")); }
      }) : h("p", { class: "quiet" }, t("set.no-notify"))),
      group(t("set.links"), canRegisterTel() ? h("button", { class: "button plain", type: "button", onclick: () => registerTel() }, t("set.tel")) : h("p", { class: "quiet" }, t("set.no-tel"))),
      h("p", { class: "quiet" }, t("set.install")), h("p", { class: "quiet" }, t("set.bookmarklet"), " ", bookmarklet())),
    h("section", { class: "sheet" }, h("h3", {}, t("set.telephone")),
      set(t("set.phone"), choose([["", t("phone-first")], ...[...new Set([...own.phones, ...(own.phone ? [own.phone] : [])])].map((one) => [one, one])], own.phone, (phone) => change({ phone }))),
      set(t("language"), choose([["", t("language-browser")], ...Object.entries(LANGUAGES)], own.language, (language) => change({ language }))),
      group(t("set.start"), check(t("set.autostart"), own.autostart, (autostart) => change({ autostart })))),
    privateNumbers());
}

function bookmarklet() {
  const target = JSON.stringify(new URL("dial?number=", document.baseURI).href);
  return h("a", { href: `javascript:void open(${target}+encodeURIComponent(String(getSelection())),"starface2mqtt-dial","width=520,height=680")`, onclick: (event) => event.preventDefault() }, t("dial"));
}

function privateNumbers() {
  const input = h("input", { class: "field", type: "password", autocomplete: "off", "aria-label": t("private-number"), placeholder: t("private-number") });
  const send = async (action) => {
    if (!input.value) return;
    try {
      const { settings: after } = await settings({ action, number: input.value });
      own.private_numbers = after.private_numbers;
      toast(t(action === "private-add" ? "private-added" : "private-removed"));
      draw();
    } catch (error) { toast(error.message); }
  };
  return h("section", { class: "sheet" }, h("h3", {}, t("set.private")), h("p", { class: "quiet" }, t("set.private-hint", { n: own.private_numbers })),
    h("form", { class: "write", onsubmit: (event) => { event.preventDefault(); send("private-add"); } }, input, h("div", { class: "buttons" },
      h("button", { class: "button" }, t("private-keep")), h("button", { class: "button plain", type: "button", onclick: () => send("private-remove") }, t("remove")))));
}

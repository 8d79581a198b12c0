// The sentences of the page in the user's language, and dates and times as he writes them.

export const LANGUAGES = { de: "Deutsch", en: "English", fr: "Français", it: "Italiano" };
let words = {};
export let language = "en";

function wanted(preferred) {
  const kept = preferred || localStorage.getItem("language");
  if (kept in LANGUAGES) return kept;
  return navigator.languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one in LANGUAGES) || "en";
}

export async function loadTexts(preferred) {
  language = wanted(preferred);
  words = await (await fetch(`texts/${language}.json`)).json();
  document.documentElement.lang = language;
}

export function keepLanguage(code) {
  localStorage.setItem("language", code);
}

export function t(key, values) {
  const text = words[key];
  if (text === undefined) return key;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? "") : text;
}

export function has(key) {
  return key in words;
}

// What a number is for; a source may have words of its own for it.
export function labelOf({ label }) {
  const key = `label.${(label || "").toLowerCase()}`;
  return has(key) ? t(key) : label;
}

// A sentence that came over the bus in several languages.
export function say(sentence) {
  return sentence ? sentence[language] || sentence.en || sentence.de || "" : "";
}

function locale() {
  const own = navigator.languages.find((one) => one.toLowerCase().startsWith(language));
  return own || language;
}

export const clock = (moment) =>
  new Date(moment).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const dayStart = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

export function day(moment) {
  const date = dayStart(new Date(moment));
  const days = Math.round((dayStart(new Date()) - date) / 86400000);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  const options = { weekday: "long", day: "numeric", month: "long" };
  if (days > 300 || days < 0) options.year = "numeric";
  return date.toLocaleDateString(locale(), options);
}

// Days of the week as a user writes them, and as quiet hours name them.
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const dayName = (number) => new Date(2024, 0, 1 + number).toLocaleDateString(locale(), { weekday: "short" }).replace(".", "");
const swap = (text, pairs) => pairs.reduce((changed, [from, to]) => changed.replace(new RegExp(`\\b${from}\\b`, "gi"), to), text);
export const localDays = (text) => swap(text, DAYS.map((code, number) => [code, dayName(number)]));
export const plainDays = (text) => swap(text, DAYS.map((code, number) => [dayName(number), code]));

export const oneOf = (names) => new Intl.ListFormat(locale(), { type: "disjunction" }).format(names);

// As short as it is clear: the time of today, else with its date.
export function when(at) {
  const today = Number(dayStart(new Date())) === Number(dayStart(new Date(at)));
  return today ? clock(at) : new Date(at).toLocaleString(locale(), { day: "numeric", month: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export const moment = (at) => `${day(at)} ${clock(at)}`;

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  if (!minutes) return `${whole} s`;
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ticking(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const tail = `${String(seconds % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

// +41443334455 as +41 44 333 44 55; where the length of an area code is not known, nothing is cut.
const SHAPES = [
  /^(\+41)(\d\d)(\d{3})(\d\d)(\d\d)$/, /^(\+49)(30|40|69|89|1[567]\d)(\d{3,})$/, /^(\+43)(1|6\d\d)(\d{3,})$/, /^(\+33)(\d)(\d\d)(\d\d)(\d\d)(\d\d)$/,
  /^(\+39)(0[26]|3\d\d)(\d{3,})$/, /^(\+1)(\d{3})(\d{3})(\d{4})$/, /^(\+423)(\d{3})(\d\d)(\d\d)$/, /^(\+44)(20)(\d{4})(\d{4})$/,
  /^(\+(?:7|2[07]|3[0-469]|4[0-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}))(\d{4,})$/,
];

export function spaced(number) {
  if (!/^\+\d{7,15}$/.test(number || "")) return number || "";
  for (const shape of SHAPES) {
    const parts = shape.exec(number);
    if (parts) return parts.slice(1).join("\u00a0");
  }
  return number;
}

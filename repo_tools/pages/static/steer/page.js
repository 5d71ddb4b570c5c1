// What every part of the page is made of: its elements, its API, times and numbers.

export const API = new URL("api/v1/", location).pathname;
export const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const byId = (id) => document.getElementById(id);
export const made = (name, text = "", kind = "") => {
  const node = document.createElement(name);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
};

const UNITS = [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]];

export function sized(bytes) {
  const [unit, size] = UNITS.find(([, size]) => bytes >= size) ?? ["B", 1];
  return `${(bytes / size).toLocaleString(undefined, { maximumFractionDigits: 1 })} ${unit}`;
}

export const counted = (number) => `${number.toLocaleString()} host${number === 1 ? "" : "s"}`;

"use strict";
// The two lists of products, and the choices about labels. Texts of products are set as text, never as markup.

const PAGE = 20; // products
const KEEP = "keep", CHANGE = "change", REMOVE = "remove", FORGET = "forget";
const images = new Map(Object.entries(data.images));
const numberOf = new Map(data.classes.map((name, number) => [name, number]));

// An element: its tag, properties (data and aria with a dash as attributes), and children: elements or text.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "list" || key === "scope" || key === "for") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function isRight(decided, labels) {
  return labels.includes(decided[0]);
}

function photo(product) {
  const url = images.get(product.id);
  if (!url) return make("div", { className: "photo" }, "no image");
  return make("div", { className: "photo" }, make("img", { src: url, alt: `Image of product ${product.id}` }));
}

function heading(product) {
  return [
    photo(product),
    make("div", {}, make("h3", {}, product.title || "(no title)"), make("div", { className: "id" }, product.id)),
    product.text ? make("p", { className: "text" }, product.text) : null,
  ];
}

// Labels, each in its own colour: `isRight` says which are right.
function coloured(numbers, isRight) {
  return numbers.flatMap((number, place) => [
    place ? ", " : null, make("strong", { className: isRight(number) ? "right" : "wrong" }, className(number)),
  ]).filter(Boolean);
}

function term(name, ...value) {
  return [make("dt", {}, name), make("dd", {}, ...value)];
}

const ofFirst = data.several ? " in the first" : "";

function mistakeCard(product) {
  const missed = product.label.filter((number) => !product.decided.includes(number));
  const facts = make("dl", {},
    ...term("Label", make("strong", { className: "right" }, classNames(product.label))),
    ...term("Decided", ...coloured(product.decided, (number) => product.label.includes(number)), ` ${percent(product.confidence, 0)}${ofFirst}`),
    ...(missed.length && data.several ? term("Missed", make("strong", { className: "wrong" }, classNames(missed))) : []));
  const experts = make("table", {}, make("caption", {}, "What each expert says"), make("tbody", {},
    ...product.experts.map(([decided, confidence], number) => {
      const right = isRight(decided, product.label);
      return make("tr", {}, make("th", { scope: "row" }, data.experts[number].name), make("td", {}, classNames(decided)),
        make("td", {}, percent(confidence, 0)), make("td", { className: right ? "right" : "wrong" }, `${data.several ? "first " : ""}${right ? "right" : "wrong"}`));
    })));
  return make("li", {}, ...heading(product), facts, data.experts.length ? experts : null);
}

// A list of products with filters and pages: `matches(product, values of the form)`, `card(product)`.
function productList(name, products, { matches, card, order }) {
  const form = byId(`${name}-filters`), list = byId(`${name}-list`), pages = byId(`${name}-pages`), said = byId(`${name}-count`);
  const previous = make("button", { type: "button", className: "plain" }, "Previous");
  const next = make("button", { type: "button", className: "plain" }, "Next");
  const where = make("span", {});
  let found = products, page = 0;
  pages.append(previous, where, next);

  function show() {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(page, last);
    list.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(card));
    said.textContent = found.length === products.length ? `${count(found.length)} products` : `${count(found.length)} of ${count(products.length)} products`;
    where.textContent = `Page ${page + 1} of ${last + 1}`;
    [previous.disabled, next.disabled] = [page === 0, page === last];
    pages.hidden = last === 0;
  }
  function search() {
    const values = Object.fromEntries(new FormData(form));
    const words = values.search.toLowerCase().split(/\s+/).filter(Boolean);
    const between = (share) => Math.round(100 * share) >= Number(values.least || 0) && Math.round(100 * share) <= Number(values.most === "" ? 100 : values.most);
    found = products.filter((product) => between(product.confidence) && matches(product, values)
      && words.every((word) => `${product.id}\n${product.title}\n${product.text}`.toLowerCase().includes(word)));
    if (order) found = order(found, values);
    page = 0;
    show();
  }
  function turn(step) {
    page += step;
    show();
    form.scrollIntoView({ block: "start" });
  }
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  form.addEventListener("input", search);
  form.addEventListener("change", search);
  form.addEventListener("reset", () => setTimeout(search));
  form.addEventListener("submit", (event) => event.preventDefault());
  search();
  return { form, search, show };
}

// The classes that occur in a list as options, with the number of products of each.
function fillOptions(select, products, key) {
  const n = new Map();
  for (const product of products) for (const number of product[key]) n.set(number, (n.get(number) ?? 0) + 1);
  const numbers = [...n.keys()].sort((one, other) => one - other);
  select.append(...numbers.map((number) => make("option", { value: number }, `${shorten(className(number), 60)} (${n.get(number)})`)));
}

const has = (numbers, chosen) => chosen === "" || numbers.includes(Number(chosen));

fillOptions(byId("mistakes-filters").elements.label, data.mistakes, "label");
fillOptions(byId("mistakes-filters").elements.decided, data.mistakes, "decided");
const mistakes = productList("mistakes", data.mistakes, {
  card: mistakeCard,
  matches(product, { label, decided, expert, right }) {
    const which = expert === "" ? product.experts : [product.experts[Number(expert)]];
    const wanted = right === "" || which.some(([said]) => isRight(said, product.label) === (right === "right"));
    return has(product.label, label) && has(product.decided, decided) && wanted;
  },
  order: (found, values) => values.order === "least" ? found.toReversed() : found,
});

document.addEventListener("show-mistakes", ({ detail: { label, decided } }) => {
  mistakes.form.reset();
  mistakes.form.elements.label.value = label;
  mistakes.form.elements.decided.value = decided;
  mistakes.search();
  byId("mistakes").scrollIntoView();
});

// Choices about labels: those that were applied in this run, and those that are made here, which the browser keeps.
const KEY = `latefusion label choices: ${data.name}`;
const applied = new Map(data.choices.map(([id, action, label]) => [id, { action, label }]));
let made = readChoices();

function readChoices() {
  try {
    return new Map(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Map(); // the browser keeps nothing, or something else
  }
}

function keepChoices() {
  try {
    localStorage.setItem(KEY, JSON.stringify([...made]));
  } catch {
    byId("choices-count").textContent = "This browser keeps no choices: download them before you close the page.";
  }
}

function choose(id, choice) {
  if (choice === null) made.delete(id);
  else made.set(id, choice);
  describeChoices();
  keepChoices();
}

// What the file will hold: the applied choices, then those made here, which replace them.
function allChoices() {
  const all = new Map([...applied, ...made]);
  return new Map([...all].filter(([, choice]) => choice.action !== FORGET));
}

const choiceText = ({ action, label }) => action === CHANGE ? `change to ${label.split("\n").join(", ")}` : action;

function describeChoices() {
  const all = allChoices();
  byId("choices-count").textContent = all.size === 0 ? "No choices yet" : `${count(all.size)} ${all.size === 1 ? "choice" : "choices"}`;
  byId("choices-download").disabled = all.size === 0;
  byId("choices-clear").disabled = made.size === 0;
  byId("choices-all").hidden = all.size === 0;
  byId("choices-all").querySelector("tbody").replaceChildren(...[...all].map(([id, choice]) => {
    const undo = make("button", { type: "button", className: "plain", "aria-label": `Forget the choice for ${id}` }, "Forget");
    undo.addEventListener("click", () => {
      choose(id, applied.has(id) ? { action: FORGET, label: "" } : null);
      issues.show();
    });
    return make("tr", {}, make("th", { scope: "row" }, id), make("td", {}, choiceText(choice)), make("td", {}, made.has(id) ? "here" : "before this run"), make("td", {}, undo));
  }));
}

function cell(text) {
  return /[",;|\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download() {
  const lines = [...allChoices()].map(([id, { action, label }]) => [id, action, label].map(cell).join(","));
  // The byte order mark tells spreadsheets that this is UTF-8.
  const blob = new Blob(["\ufeff" + ["id,action,label", ...lines, ""].join("\r\n")], { type: "text/csv" });
  const link = make("a", { href: URL.createObjectURL(blob), download: "label_choices.csv" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

byId("choices-download").addEventListener("click", download);
byId("choices-clear").addEventListener("click", () => {
  if (!confirm(`Forget the ${made.size} choices that were made here?`)) return;
  made = new Map();
  describeChoices();
  keepChoices();
  issues.show();
});

// The fields for the new label of a product: one class to write, or of several labels those to tick and to add.
function labelFields(product, choice) {
  const input = make("input", { type: "text", list: "all-classes", autocomplete: "off" });
  if (!data.several) {
    input.value = choice?.action === CHANGE ? choice.label : classNames(product.suggested);
    return { element: make("label", { className: "to" }, "New label", input), read: () => [input.value.trim()] };
  }
  const ticked = choice?.action === CHANGE ? choice.label.split("\n") : product.suggested.map(className);
  const offered = [...new Set([...product.given.map(className), ...product.suggested.map(className), ...ticked])];
  const boxes = offered.map((name) => make("input", { type: "checkbox", value: name, checked: ticked.includes(name) }));
  const element = make("div", { className: "to" },
    make("div", { className: "labels" }, ...boxes.map((box) => make("label", {}, box, ` ${box.value}`))),
    make("label", {}, "One more label", input));
  const read = () => [...boxes.filter((box) => box.checked).map((box) => box.value), ...[input.value.trim()].filter(Boolean)];
  return { element, read };
}

function choiceFields(product, card) {
  const choice = made.get(product.id) ?? applied.get(product.id);
  const message = make("p", { className: "message", "aria-live": "polite" });
  const fields = labelFields(product, choice);
  const button = (action, name) => make("button", { type: "button", className: "plain", "aria-pressed": String(choice?.action === action), "data-action": action }, name);
  const [change, keep, remove] = [button(CHANGE, "Change"), button(KEEP, "Keep"), button(REMOVE, "Remove")];
  const again = (action) => {
    const fresh = issueCard(product);
    card.replaceWith(fresh);
    fresh.querySelector(`[data-action=${action}]`).focus();
  };
  for (const one of [change, keep, remove]) one.addEventListener("click", () => {
    const action = one.dataset.action, labels = action === CHANGE ? [...new Set(fields.read())] : [];
    const unknown = labels.filter((name) => !numberOf.has(name));
    if (action !== CHANGE && made.get(product.id)?.action === action) choose(product.id, null); // pressed again
    else if (action === CHANGE && (unknown.length || !labels.length)) {
      message.textContent = unknown[0] ? `There is no class “${unknown[0]}”.` : "Choose a label.";
      return;
    } else choose(product.id, { action, label: labels.join("\n") });
    again(action);
  });
  return make("fieldset", { className: "choose" },
    make("legend", {}, choice && choice.action !== FORGET ? `Chosen: ${choiceText(choice)}` : "What is right?"),
    make("div", { className: "row" }, fields.element, change), make("div", { className: "row" }, keep, remove), message);
}

function changeOfLabel({ given, given_prob, suggested, confidence }) {
  return [
    ...term("Label", make("strong", {}, classNames(given)), ` ${percent(given_prob, 0)}`),
    ...term("Suggested", make("strong", {}, classNames(suggested)), ` ${percent(confidence, 0)}`),
  ];
}

// Of several labels: what would be added and what removed; the confidence is that of the surest of these changes.
function changeOfLabels({ given, suggested, confidence }) {
  const [added, removed] = [suggested.filter((one) => !given.includes(one)), given.filter((one) => !suggested.includes(one))];
  return [
    ...term("Labels", make("strong", {}, classNames(given))),
    ...added.length ? term("To add", make("strong", { className: "right" }, classNames(added))) : [],
    ...removed.length ? term("To remove", make("strong", { className: "wrong" }, classNames(removed))) : [],
    ...term("Confidence", `${percent(confidence, 0)}${added.length + removed.length > 1 ? " in the surest of these changes" : ""}`),
  ];
}

function issueCard(product) {
  const card = make("li", {});
  const by = product.found.map((what) => what === "decision" ? data.method : what).join(" and ");
  card.append(...heading(product).filter(Boolean), make("dl", {},
    ...data.several ? changeOfLabels(product) : changeOfLabel(product),
    ...term("Found by", `${by}${product.removed ? "; removed from the clean training set" : ""} (${product.split})`)),
  choiceFields(product, card));
  const choice = made.get(product.id) ?? applied.get(product.id);
  card.classList.toggle("chosen", choice !== undefined && choice.action !== FORGET);
  return card;
}

byId("all-classes").append(...data.classes.map((name) => make("option", { value: name })));
fillOptions(byId("issues-filters").elements.label, data.issues, "given");
fillOptions(byId("issues-filters").elements.decided, data.issues, "suggested");
const issues = productList("issues", data.issues, {
  card: issueCard,
  matches(product, { label, decided, found, chosen }) {
    const isChosen = allChoices().has(product.id);
    return has(product.given, label) && has(product.suggested, decided) && (found === "" || product.found.includes(found))
      && (chosen === "" || isChosen === (chosen === "yes"));
  },
});
describeChoices();

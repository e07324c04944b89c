"use strict";
// Texts go to the page as textContent alone, so that nothing in a title or a label is read as HTML.

const byId = (id) => document.getElementById(id);
let model = null;
let latest = 0; // number of the last request: answers to earlier ones are not shown

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : noun.endsWith("s") ? "es" : "s"}`;

async function describeModel() {
  try {
    const response = await fetch("v1/model");
    if (!response.ok) throw new Error(`status ${response.status}`);
    model = await response.json();
  } catch (error) {
    byId("about").textContent = `The service does not answer (${error.message}). Load this page again later.`;
    return;
  }
  const accepted = model.threshold > 0 ? `, accepted from ${percent(model.threshold)} confidence` : "";
  const parts = [count(model.classes.length, "class"), count(Object.keys(model.experts).length, "expert")];
  byId("about").textContent = `Model ${model.name}: ${parts.join(", ")}${accepted}`;
  document.title = `Try a product: ${model.name}`;
}

// Return the content of a file in base64.
function encode(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("the photo cannot be read"));
    reader.readAsDataURL(file);
  });
}

async function predict() {
  const product = { title: byId("title").value, description: byId("description").value };
  const photo = byId("photo").files[0];
  if (photo) {
    const most = model ? model.limits.body_mb * 1e6 * 0.74 : Infinity; // base64 is a third longer
    if (photo.size > most) throw new Error(`the photo is larger than ${(most / 1e6).toFixed(most < 1e7 ? 1 : 0)} MB: choose a smaller one`);
    product.image = await encode(photo);
  }
  const response = await fetch("v1/predict", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ products: [product] }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return [answer.predictions[0], product];
}

function classRow({ label, confidence }, className) {
  const row = element("li", undefined, className);
  const name = element("div", undefined, "name");
  name.append(element("span", label), element("span", percent(confidence)));
  const bar = element("div", undefined, "bar");
  const filled = element("div");
  filled.style.width = `${100 * confidence}%`;
  bar.setAttribute("aria-hidden", "true"); // the number beside the name says the same
  bar.append(filled);
  row.append(name, bar);
  return row;
}

// `said` is a label, a list of labels, or null; `first` the first label of the prediction; `skipped`: it was not asked for.
function expertRow(name, said, first, skipped) {
  const row = element("tr");
  const head = element("th", name);
  head.scope = "row";
  row.append(head, element("td", model ? model.experts[name] : ""));
  if (said === null) {
    row.append(element("td", skipped ? "– (not asked for)" : "– (it has nothing to read)", "hint"));
    return row;
  }
  const labels = [said].flat();
  row.append(element("td", labels.join(", "), labels[0] === first ? "" : "other"));
  return row;
}

// What a product has, of what experts read.
function readable({ title, description, image }, problem) {
  const text = Boolean(title.trim() || description.trim()), photo = Boolean(image) && problem === null;
  return { text, image: photo, joint: text || photo };
}

function show(prediction, product) {
  const several = "labels" in prediction;
  const labels = several ? prediction.labels : [{ label: prediction.label, confidence: prediction.confidence }];
  byId("label").textContent = labels.map((one) => one.label).join(", ");
  const decision = byId("decision");
  const marked = model && model.threshold > 0;
  decision.textContent = `${percent(prediction.confidence)} confidence${several ? " in the first label" : ""}`;
  if (marked) decision.textContent += prediction.accepted ? ": accepted" : ": to be reviewed";
  decision.className = marked ? (prediction.accepted ? "accepted" : "review") : "";
  byId("problem").hidden = prediction.problem === null;
  byId("problem").textContent = `The photo was left out: ${prediction.problem}`;
  byId("unusual").hidden = prediction.unusual === null;
  byId("unusual").textContent = `Unlike the products that the model knows: ${prediction.unusual}`;
  byId("ranking").textContent = several ? "Labels, and the next classes" : "Most probable classes";
  const following = several ? "following" : "";
  byId("classes").replaceChildren(
    ...labels.map((one) => classRow(one, "")), ...prediction.next.map((one) => classRow(one, following)));
  const experts = Object.entries(prediction.experts), has = readable(product, prediction.problem);
  const skipped = (name) => prediction.asked === false && has[model?.experts[name]];
  byId("experts").replaceChildren(
    ...experts.map(([name, said]) => expertRow(name, said, labels[0].label, skipped(name))));
  const readers = experts.filter(([, said]) => said !== null).length;
  const [was, give] = readers === 1 ? ["was", "gives"] : ["were", "give"];
  const which = prediction.asked === false ? `${was} asked for` : "can read this product";
  byId("agree").textContent = readers
    ? `${prediction.agree} of ${count(readers, "expert")} that ${which} ${give} ${several ? "the first" : "this"} label.`
    : "No expert could read this product: the label says nothing about it.";
}

async function submit(event) {
  event.preventDefault();
  const number = ++latest;
  const message = byId("message");
  byId("send").disabled = true;
  byId("answer").setAttribute("aria-busy", "true");
  byId("prediction").hidden = true;
  message.hidden = false;
  message.className = "hint";
  message.textContent = "Predicting …";
  try {
    if (!model) await describeModel();
    const [prediction, product] = await predict();
    if (number !== latest) return;
    show(prediction, product);
    message.hidden = true;
    byId("prediction").hidden = false;
    bringIntoView(byId("answer"));
  } catch (error) {
    if (number !== latest) return;
    message.className = "error";
    message.textContent = error instanceof TypeError ? "The service does not answer. Try again later." : `Not predicted: ${error.message}`;
  } finally {
    if (number === latest) {
      byId("send").disabled = false;
      byId("answer").setAttribute("aria-busy", "false");
    }
  }
}

// On a phone the answer is below the form.
function bringIntoView(section) {
  const { top } = section.getBoundingClientRect();
  if (top < 0 || top > innerHeight - 100) section.scrollIntoView();
}

function showPhoto() {
  const photo = byId("photo").files[0];
  const preview = byId("preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.hidden = true; // until it is known that the browser can show it
  if (photo) preview.src = URL.createObjectURL(photo);
  byId("remove").hidden = !photo;
}

byId("preview").addEventListener("load", () => { byId("preview").hidden = false; });
byId("photo").addEventListener("change", showPhoto);
byId("remove").addEventListener("click", () => { byId("photo").value = ""; showPhoto(); byId("photo").focus(); });
byId("form").addEventListener("submit", submit);
describeModel();

"use strict";
// Shows openapi.json, without help from other sites: the service may run where there is no internet.

function element(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

function table(head, rows) {
  const made = element("table");
  const top = element("tr");
  top.append(...head.map((text) => element("th", text)));
  const head_ = element("thead");
  head_.append(top);
  const body = element("tbody");
  for (const cells of rows) {
    const row = element("tr");
    row.append(...cells.map((text) => element("td", text)));
    body.append(row);
  }
  made.append(head_, body);
  return made;
}

const nameOf = (schema) => schema.$ref.split("/").pop();

function typeOf(schema) {
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.type === "object" && schema.additionalProperties) return `name → ${typeOf(schema.additionalProperties)}`;
  return schema.type || "any";
}

function endpoint(path, method, operation) {
  const section = element("section");
  section.append(element("h2", `${method.toUpperCase()} ${path}`), element("p", operation.description));
  const body = operation.requestBody;
  if (body) section.append(element("p", `Body: ${nameOf(body.content["application/json"].schema)}, in JSON.`));
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const schema = response.content && response.content["application/json"] && response.content["application/json"].schema;
    return [status, response.description, schema ? typeOf(schema) : ""];
  });
  section.append(table(["status", "meaning", "answer"], rows));
  return section;
}

function type(name, schema) {
  const section = element("section");
  section.append(element("h2", name), element("p", schema.description || ""));
  const rows = Object.entries(schema.properties || {}).map(([field, one]) => [field, typeOf(one), one.description || ""]);
  section.append(table(["field", "type", "meaning"], rows));
  return section;
}

async function show() {
  const main = document.getElementById("endpoints");
  const spec = await (await fetch("openapi.json")).json();
  const about = element("section");
  const url = new URL("v1/predict", location.href);
  const data = JSON.stringify({ products: [{ id: "a1", title: "desk lamp", description: "LED, white" }] });
  about.append(element("p", spec.info.description));
  const example = element("pre", `curl ${url} -H 'Content-Type: application/json' \\\n  -d '${data}'`);
  example.tabIndex = 0; // the keyboard scrolls it
  example.setAttribute("role", "region");
  example.setAttribute("aria-label", "Example");
  about.append(example);
  main.append(about);
  for (const [path, methods] of Object.entries(spec.paths))
    for (const [method, operation] of Object.entries(methods)) main.append(endpoint(path, method, operation));
  const sent = ["PredictRequest", "Product"]; // first what a program sends, then what it gets
  const names = Object.keys(spec.components.schemas).filter((name) => !sent.includes(name));
  for (const name of [...sent, ...names]) main.append(type(name, spec.components.schemas[name]));
}

show().catch((error) => document.getElementById("endpoints").append(element("p", `openapi.json cannot be read: ${error.message}`)));

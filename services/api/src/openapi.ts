import type Type from 'typebox';
import packageJson from '../package.json' with { type: 'json' };
import { type Operation, operations } from './operations.ts';
import { Problem, problemType } from './problems.ts';
import { IdParams } from './queries.ts';

/** A JSON document. */
type Json = { readonly [key: string]: unknown };

const problemTexts: Readonly<Record<number, string>> = {
  400: 'a parameter is malformed',
  404: 'there is no such record',
  409: 'it does not go together with what there is',
  410: 'the events after this position are no longer kept, or it is of another store',
  415: 'the body is none that is read here',
  500: 'the request failed for a reason of our own',
  503: 'not now; the same request may succeed later',
};

/** The HTTP API as an OpenAPI 3.1 document, from the schemas that check the requests. Pure. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vedette',
      version: packageJson.version,
      description:
        'The fleet as it is, its history and its events. Served on a unix socket: its file mode is the right.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: pathItems(),
    components: { schemas: { Problem: plain(Problem) } },
  };
}

function pathItems(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const item = { [operation.method.toLowerCase()]: describe(id, operation) };
    paths[operation.path] = { ...paths[operation.path], ...item };
  }
  return paths;
}

function describe(operationId: string, operation: Operation): Json {
  const { summary, description, path, query } = operation;
  const parameters = [
    ...(path.includes('{id}') ? parametersIn('path', IdParams) : []),
    ...parametersIn('query', query),
  ];
  return {
    operationId,
    summary,
    description,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined ? {} : { requestBody: bodyOf(operation.body) }),
    responses: responsesOf(operation),
  };
}

function bodyOf(schema: Type.TObject): Json {
  return { required: true, content: { 'application/json': { schema: plain(schema) } } };
}

function parametersIn(where: 'path' | 'query', schema: Type.TObject): Json[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties).map(([name, property]) => {
    const { description, ...constraints } = plain(property);
    return {
      name,
      in: where,
      ...(description === undefined ? {} : { description }),
      ...(required.has(name) ? { required: true } : {}),
      ...(constraints.type === 'array' ? { style: 'form', explode: true } : {}),
      schema: constraints,
    };
  });
}

function responsesOf({ reply, created, problems }: Operation): Json {
  const responses: Record<string, Json> = {};
  if (reply === undefined) responses['204'] = { description: 'done' };
  else {
    const content = { [reply.mediaType]: { schema: plain(reply.schema) } };
    responses['200'] = { description: reply.description, content };
    if (created !== undefined) responses['201'] = { description: created, content };
  }
  for (const status of [400, ...problems, 500, 503]) {
    const content = { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } };
    responses[String(status)] = { description: problemTexts[status] ?? 'an error', content };
  }
  return responses;
}

/** Without what TypeBox keeps beside the JSON Schema. */
function plain(schema: Type.TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

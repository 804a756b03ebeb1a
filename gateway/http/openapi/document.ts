/**
 * The OpenAPI document: every route, made from the schemas that requests are read with and from the table of errors. A
 * test holds it equal to the routes that the app registers, and sends its examples.
 */
import { type ErrorEntry, errorEntry } from '../../../core/error-table.ts'
import { administration } from './administration.ts'
import { asking } from './asking.ts'
import { collecting } from './collecting.ts'
import { erasureOperations } from './erasures.ts'
import { operating } from './operating.ts'
import { type Access, type Content, type HeaderName, headerDocs, type Operation, type Parameter } from './operation.ts'
import { pipelineOperations } from './pipelines.ts'
import { rerunOperations } from './reruns.ts'
import { componentSchemas, type JsonSchema, problem, schemaOf } from './schemas.ts'
import { tableOperations } from './tables.ts'

export const operations: readonly Operation[] = [
  ...collecting,
  ...asking,
  ...administration,
  ...erasureOperations,
  ...tableOperations,
  ...pipelineOperations,
  ...rerunOperations,
  ...operating,
]

/** Problems that every route has. */
export const commonProblems = [
  'bad_request',
  'bad_header',
  'request_timeout',
  'overloaded',
  'too_many_connections',
  'shutting_down',
  'internal',
] as const

/** `serves`: whether the process has a route; those of other roles are left out. */
export function openApiDocument(serves: (operation: Operation) => boolean = () => true) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hitlake',
      version: '1',
      description:
        'Web analytics: hits in, numbers out. Keys go in `Authorization: Bearer <key>`: a write key sends, a read key asks of its own merchant, an admin key does the rest and may ask of any merchant. Refused requests are answered with `application/problem+json` and a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [{ name: 'collecting' }, { name: 'asking' }, { name: 'administration' }, { name: 'operating' }],
    paths: openApiPaths(serves),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A key of the right that the route names' },
        keyInAddress: { type: 'apiKey', in: 'query', name: 'key', description: 'A write key' },
      },
      headers: Object.fromEntries(
        Object.entries(headerDocs).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
      ),
    },
  }
}

export function openApiPaths(serves: (operation: Operation) => boolean): Record<string, Record<string, JsonSchema>> {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const operation of operations.filter(serves)) {
    const path = paths[operation.path] ?? {}
    paths[operation.path] = { ...path, [operation.method.toLowerCase()]: operationObject(operation) }
  }
  return paths
}

const accessDocs: Readonly<Record<Access, { readonly says: string; readonly security: readonly JsonSchema[] }>> = {
  nobody: { says: 'Needs no key.', security: [] },
  write: { says: 'Needs the right `write`.', security: [{ key: [] }, { keyInAddress: [] }] },
  read: { says: 'Needs the right `read`, or `admin`.', security: [{ key: [] }] },
  admin: { says: 'Needs the right `admin`.', security: [{ key: [] }] },
}

function operationObject(operation: Operation): JsonSchema {
  const { tag, id, summary, description, access, parameters, body, answers, problems } = operation
  const { says, security } = accessDocs[access]
  // In the address the key is a security scheme, not a parameter.
  const shown = parameters?.filter(({ name }) => name !== 'key') ?? []
  return {
    tags: [tag],
    operationId: id,
    summary,
    description: description === undefined ? says : `${description} ${says}`,
    security,
    ...(shown.length > 0 && { parameters: shown.map(parameterObject) }),
    ...(body && { requestBody: { required: !body.optional, content: contentObject(body.content) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description: what, content, headers }]) => [
          status,
          {
            description: what,
            ...(headers && { headers: headersObject(headers) }),
            ...(content && { content: contentObject(content) }),
          },
        ]),
      ),
      ...problemResponses([...problems, ...commonProblems]),
    },
  }
}

function parameterObject({ name, in: place, schema, description, required, example }: Parameter): JsonSchema {
  return {
    name,
    in: place,
    description,
    required: required === true,
    schema: schemaOf(schema),
    ...(example !== undefined && { example }),
  }
}

function contentObject(content: readonly Content[]): JsonSchema {
  return Object.fromEntries(
    content.map(({ mediaType, schema, examples }) => [
      mediaType,
      {
        // OpenAPI 3.1: bytes and other text have no schema.
        ...(schema && { schema: schemaOf(schema) }),
        ...(examples && {
          examples: Object.fromEntries(
            Object.entries(examples).map(([summary, value]) => [
              summary.replaceAll(/[^\w.-]+/g, '-'),
              { summary, value },
            ]),
          ),
        }),
      },
    ]),
  )
}

function headersObject(names: readonly HeaderName[]): JsonSchema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** By status; each says which codes it may carry. */
function problemResponses(codes: readonly string[]): JsonSchema {
  const byStatus = new Map<number, ErrorEntry[]>()
  for (const code of new Set(codes)) {
    const entry = errorEntry(code)
    if (entry === undefined || entry.status === null) throw new RangeError(`${code} is no code of an answer`)
    byStatus.set(entry.status, [...(byStatus.get(entry.status) ?? []), entry])
  }
  const responses = [...byStatus].map(([status, entries]): readonly [number, JsonSchema] => [
    status,
    {
      description: entries.map(({ code, meaning }) => `- \`${code}\`: ${meaning}`).join('\n'),
      ...((status === 429 || status === 503) && { headers: headersObject(['Retry-After']) }),
      content: { 'application/problem+json': { schema: schemaOf(problem) } },
    },
  ])
  return Object.fromEntries(responses)
}

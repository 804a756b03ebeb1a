/** JSON Schemas (2020-12, which OpenAPI 3.1 speaks) of the zod schemas, named ones under `#/components/schemas`. */
import { z } from 'zod'
import { errorTable } from '../../../core/error-table.ts'
import { hitLimits } from '../../../core/hit/limits.ts'
import * as administration from './administration.ts'
import * as asking from './asking-schemas.ts'
import * as collecting from './collecting.ts'
import * as operating from './operating.ts'
import * as reruns from './reruns.ts'
import * as tables from './tables.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

const fault = z.object({
  pointer: z.string().meta({ description: 'JSON Pointer (RFC 6901) to what is wrong' }),
  code: z.string(),
  message: z.string(),
})
/** RFC 9457, with what our problems say beyond it. */
export const problem = z.looseObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.enum(errorTable.flatMap(({ code, kinds }) => (kinds.includes('http') ? [code] : []))).meta({
    description: 'Never changes its meaning',
  }),
  detail: z.string().meta({ description: 'For people; may change' }),
  errors: z.array(fault).optional().meta({ description: 'Everything the sender can mend' }),
  allowed: z.array(z.string()).optional().meta({ description: 'The names there are, where one is unknown' }),
  rejected: z.array(collecting.rejection).optional(),
})

const named = z.registry<{ id: string }>()
const names: Readonly<Record<string, z.ZodType>> = {
  Hit: collecting.hit,
  Batch: collecting.batch,
  Rejection: collecting.rejection,
  Accepted: collecting.acceptAnswer,
  Query: asking.queryRequest,
  QueryAnswer: asking.queryAnswer,
  QueryRow: asking.queryRow,
  TimeSeries: asking.timeSeries,
  AnswerMeta: asking.answerMeta,
  Meta: asking.metaAnswer,
  Metric: asking.metricName,
  MetricValue: asking.metricValue,
  Dimension: asking.dimension,
  Filter: asking.filter,
  NewMerchant: administration.newMerchant,
  NewMerchantAnswer: administration.newMerchantAnswer,
  Merchant: administration.merchantView,
  Merchants: administration.merchantsAnswer,
  MerchantChange: administration.merchantChange,
  NewKey: administration.newKey,
  NewKeyAnswer: administration.newKeyAnswer,
  Books: administration.booksAnswer,
  Snapshots: tables.snapshotsAnswer,
  ImportLines: administration.importRequest,
  ImportProgress: administration.importProgressAnswer,
  Imported: administration.importAnswer,
  NewRerun: reruns.newRerun,
  Rerun: reruns.rerunAnswer,
  RerunPlan: reruns.planAnswer,
  GenerationDiff: reruns.diffAnswer,
  Live: operating.liveAnswer,
  Ready: operating.readyAnswer,
  Problem: problem,
}
for (const [id, schema] of Object.entries(names)) named.add(schema, { id })

/** All named schemas. */
export function componentSchemas(): Readonly<Record<string, JsonSchema>> {
  const { schemas } = z.toJSONSchema(named, {
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
    override: describeByHand,
  })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutBase(schema as JsonSchema)]))
}

/** A reference to a named schema, or the schema itself. */
export function schemaOf(schema: z.ZodType): JsonSchema {
  const id = named.get(schema)?.id
  if (id !== undefined) return { $ref: `#/components/schemas/${id}` }
  return withoutBase(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override: describeByHand }))
}

// They stand in one document: a base of their own would lead references out of it.
function withoutBase({ $schema: _, $id: __, ...schema }: JsonSchema): JsonSchema {
  return schema
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>

/** What JSON Schema cannot learn of zod: checks that are code, and the length of tuples. */
const describeByHand: Override = ({ jsonSchema, path }) => {
  const { prefixItems } = jsonSchema
  if (prefixItems !== undefined) {
    jsonSchema.minItems = prefixItems.length
    jsonSchema.maxItems = prefixItems.length
  }
  const field = path.at(-1)
  const known = typeof field === 'string' ? checkedByCode[field] : undefined
  if (known !== undefined && path.at(-2) === 'properties' && Object.keys(jsonSchema).length === 0) {
    Object.assign(jsonSchema, known)
  }
}

const amount = {
  type: ['number', 'string'],
  description: 'A number, or a decimal text of at most 6 places; less than 10^12',
}
/** What is checked by code, by name of the field. */
const checkedByCode: Readonly<Record<string, JsonSchema>> = {
  amount,
  price: amount,
  currency: { type: 'string', pattern: '^[A-Z]{3}$', description: 'ISO 4217' },
  time: {
    type: ['string', 'number'],
    description: 'ISO 8601 with a zone, or ms since 1970; the time received where left out',
  },
  props: {
    type: 'object',
    maxProperties: hitLimits.propCount,
    propertyNames: { maxLength: hitLimits.propKeyLength },
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'], maxLength: hitLimits.propTextLength },
    description: 'Own data, flat; `load_ms` is the load time',
  },
}

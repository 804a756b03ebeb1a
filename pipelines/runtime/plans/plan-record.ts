/** What is kept beside the file of a plan: enough to compare and to show it without running it. */
import { z } from 'zod'
import { PlanCorruptError } from '../../../core/errors.ts'
import { canonicalJson, planVersion, shortHash } from '../../plan/canonical.ts'

/** A plan as a build makes it. */
export interface BuiltPlan {
  readonly pipeline: string
  /** `planVersion(text, code)`. */
  readonly version: string
  /** Canonical JSON of the plan. */
  readonly text: string
  /** Hash of the code that its steps call. */
  readonly code: string
  /** `pipelineFormat` of the release that built it. */
  readonly format: number
  /** Versions of the data sets inside the file; all others are of whoever runs it. */
  readonly inside: Readonly<Record<string, string>>
  /** Of the file, in hex. */
  readonly sha256: string
  /** The file: a module that exports `pipeline`, `pipelineFormat`. */
  readonly bundle: Uint8Array
}

export interface PlanRecord extends Omit<BuiltPlan, 'bundle'> {
  /** Those of the process that saved it first. */
  readonly dataSets: Readonly<Record<string, string>>
  /** When it was saved first, ms. */
  readonly at: number
}

const versions = z.record(z.string(), z.string())
const recordSchema = z.object({
  pipeline: z.string(),
  version: z.string(),
  text: z.string(),
  code: z.string(),
  format: z.int(),
  inside: versions,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  dataSets: versions,
  at: z.number(),
})
// What a later release adds is under its check too.
const checkedSchema = z.object({ check: z.string(), record: z.looseObject({}) })

export function encodeRecord(record: PlanRecord): Uint8Array {
  const checked = { check: shortHash(canonicalJson(record)), record }
  return Buffer.from(`${JSON.stringify(checked, null, 2)}\n`)
}

/** @throws PlanCorruptError, naming `object`, for what `encodeRecord` did not make */
export function decodeRecord(object: string, bytes: Uint8Array): PlanRecord {
  const { check, record } = parsed(object, checkedSchema, bytes)
  if (check !== shortHash(canonicalJson(record)))
    throw new PlanCorruptError(object, 'has another content than was saved')
  const result = recordSchema.safeParse(record)
  if (!result.success) throw new PlanCorruptError(object, 'has not the parts of a kept plan', { cause: result.error })
  const { version, text, code } = result.data
  if (version !== planVersion(text, code)) throw new PlanCorruptError(object, `does not hold version ${version}`)
  return result.data
}

function parsed<T>(object: string, schema: z.ZodType<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch (cause) {
    throw new PlanCorruptError(object, 'is not the record of a plan', { cause })
  }
}

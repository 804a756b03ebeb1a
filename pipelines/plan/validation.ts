/** The lambda of a `validate` step: a Standard Schema as the outcome of a split. */
import { InvalidPlanError } from '../../core/errors.ts'
import type { SchemaIssue, StandardSchema } from './standard-schema.ts'

/** Longest reason of a refused row, in characters: paths come from data. */
export const refusalReasonMaxLength = 120

export type Validated =
  | { readonly to: 'passed'; readonly row: unknown }
  | { readonly to: 'refused'; readonly row: unknown; readonly reason: string }

/**
 * Judges a row: `passed` with what the schema made of it, or `refused` with `invalid:` and the path of the first issue as
 * a JSON pointer, `invalid:/items/0/price`. The lambda throws TypeError where the schema answers with a promise.
 * @throws InvalidPlanError for what is no schema, or one that answers with a promise at once
 */
export function validation(step: string, schema: StandardSchema): (row: unknown) => Validated {
  const standard = (schema as Partial<StandardSchema> | undefined)?.['~standard']
  if (typeof standard?.validate !== 'function' || standard.version !== 1) {
    throw new InvalidPlanError(`'${step}' is given no schema: it needs the interface of Standard Schema, version 1`)
  }
  // Asked once now, for an asynchronous schema would otherwise refuse every row, one by one, where it runs.
  if (isPromise(probe(standard.validate))) throw new InvalidPlanError(`'${step}' ${asynchronous}`)
  return (row) => {
    const result = standard.validate(row)
    if (isPromise(result)) throw new TypeError(`'${step}' ${asynchronous}`)
    if (result.issues === undefined) return { to: 'passed', row: result.value }
    return { to: 'refused', row, reason: reasonOf(result.issues[0]) }
  }
}

const asynchronous = 'has an asynchronous schema; a row is judged at once or not at all'

function probe(validate: (value: unknown) => unknown): unknown {
  try {
    return validate(undefined)
  } catch {
    return undefined
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  if (!(value instanceof Promise)) return false
  value.catch(() => undefined)
  return true
}

function reasonOf(issue: SchemaIssue | undefined): string {
  const keys = (issue?.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const pointer = keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return `invalid:${pointer}`.slice(0, refusalReasonMaxLength)
}

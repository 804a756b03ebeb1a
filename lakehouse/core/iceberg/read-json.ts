/** Values of parsed JSON, each with its type checked: the text may be anybody's. */
import type { JsonValue } from './json.ts'

/** A URI that metadata or a manifest names. */
export const uriMaxLength = 4_096

/** Says what is wrong; whoever reads a file adds its name. */
export class JsonFault extends Error {}

export type JsonObject = { readonly [name: string]: JsonValue | undefined }

export function object(value: JsonValue | undefined, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new JsonFault(`${what} is not a JSON object`)
}

export function list(value: JsonValue | undefined, what: string): readonly JsonValue[] {
  if (value === undefined) throw new JsonFault(`${what} is missing`)
  if (Array.isArray(value)) return value
  throw new JsonFault(`${what} is not a list`)
}

export function optionalList(value: JsonValue | undefined, what: string): readonly JsonValue[] {
  return value === undefined || value === null ? [] : list(value, what)
}

export function text(value: JsonValue | undefined, what: string): string {
  if (value === undefined) throw new JsonFault(`${what} is missing`)
  if (typeof value === 'string') return value
  throw new JsonFault(`${what} is not a text`)
}

export function texts(value: JsonValue, what: string): void {
  for (const one of Object.values(object(value, what))) text(one, `a value of ${what}`)
}

export function uri(value: JsonValue | undefined, what: string): void {
  const { length } = text(value, what)
  if (length > uriMaxLength) throw new JsonFault(`${what} has ${length} characters, at most ${uriMaxLength} are read`)
}

/** Decimal text of a whole number of at most 64 bits. */
export function integer(value: JsonValue | undefined, what: string): string {
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return String(value)
  return String(safe(value, what))
}

export function safe(value: JsonValue | undefined, what: string): number {
  if (Number.isSafeInteger(value)) return value as number
  if (value === undefined) throw new JsonFault(`${what} is missing`)
  throw new JsonFault(`${what} is not a whole number`)
}

export function show(value: JsonValue | undefined): string {
  return typeof value === 'object' ? 'of no number' : String(value).slice(0, 40)
}

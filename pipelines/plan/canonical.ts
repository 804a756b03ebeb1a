/**
 * One text for one plan: JSON with the keys of every object in code point order, so that equal plans are equal bytes and
 * a hash names a plan. Lambdas enter by the hash of their own source; what they call does not. So a plan's version is
 * made of its text and of the code that its steps call, which the build hashes (infra/build/bundle-plan.mjs).
 */
import { createHash } from 'node:crypto'

/** Canonical JSON of plain data. Throws TypeError on what JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`
  }
  throw new TypeError(`a plan holds plain data only, not ${typeof value}`)
}

/** 16 hex digits of SHA-256: enough to tell a merchant's plans apart, short enough for a column of every row. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Hash of a lambda's source. */
// biome-ignore lint/complexity/noBannedTypes: any function has source text, and nothing else of it is used
export function codeHash(lambda: Function): string {
  return shortHash(lambda.toString())
}

/**
 * Names a plan and the code that its steps call: `text` is its canonical JSON, `code` the build's hash of what its lambdas
 * call, '' where nothing was built: then a change of a called function goes unseen.
 */
export function planVersion(text: string, code: string): string {
  return shortHash(canonicalJson({ code, plan: text }))
}

/** Names a version of a plan together with the versions of the data sets its steps read: the column `plan` of every row. */
export function planHash(version: string, dataSets: Readonly<Record<string, string>>): string {
  return shortHash(canonicalJson({ dataSets, version }))
}

/** Freezes plain data all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

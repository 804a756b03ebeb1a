/**
 * Where a page ended: the place of its last row in the order, the range that the first page was answered for, and the hash
 * of the question it belongs to. A place, not a count: when numbers change in between, the next page goes on behind it.
 * To callers it is opaque. It grants nothing, so it is not signed; all of it is checked when it comes back.
 */
import { createHash } from 'node:crypto'
import type { MetricKey } from './order.ts'

/** Four values of 2,048 characters in base64, and the rest. */
export const cursorMaxLength = 48 * 1_024

/** Place of a row in the order. */
export interface Place {
  /** By metric of `orderBy`, in order. */
  readonly keys: readonly MetricKey[]
  /** Number of the bucket. */
  readonly bucket: number
  readonly values: readonly string[]
  readonly other: boolean
}

export interface CursorParts {
  readonly question: string
  readonly fromMs: number
  readonly toMs: number
  readonly place: Place
}

export function cursorText({ question, fromMs, toMs, place }: CursorParts): string {
  const keys = place.keys.map((key) => (typeof key === 'bigint' ? String(key) : key))
  const parts = [question, fromMs, toMs, keys, place.bucket, place.values, place.other]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** Null for what is no cursor. */
export function cursorOf(value: unknown): CursorParts | null {
  if (typeof value !== 'string' || value.length > cursorMaxLength) return null
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(value, 'base64url').toString())
  } catch {
    return null
  }
  if (!Array.isArray(parts) || parts.length !== 7) return null
  const [question, fromMs, toMs, sentKeys, bucket, values, other] = parts
  if (typeof question !== 'string' || !Number.isSafeInteger(fromMs) || !Number.isSafeInteger(toMs)) return null
  if (!Number.isSafeInteger(bucket) || typeof other !== 'boolean') return null
  if (!Array.isArray(values) || !values.every((each) => typeof each === 'string')) return null
  if (!Array.isArray(sentKeys)) return null
  const keys = sentKeys.map(keyOf)
  if (!keys.every((key) => key !== undefined)) return null
  return { question, fromMs, toMs, place: { keys, bucket, values, other } }
}

function keyOf(value: unknown): MetricKey | undefined {
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value
  return typeof value === 'string' && /^-?\d{1,40}$/.test(value) ? BigInt(value) : undefined
}

/** Of all that decides which rows come and in which order; not of how many. `parts`: JSON. */
export function questionHash(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}

/**
 * The hash that texts are counted by where they have none of their own: the first 63 bits behind the highest of SHA-256 of
 * their UTF-8. Every engine has it, so a sketch is the same wherever it is made. It has no key: whoever guesses a text can
 * find its hash, so visitors are counted by `visitor_hash` (hasher.ts), never by this.
 */
import { createHash } from 'node:crypto'

const bits63 = 2n ** 63n - 1n

/** In [0, 2^63); null of no text, which `countDistinct` leaves out. Pure: for row steps. */
export function distinctOf(text: string): bigint
export function distinctOf(text: string | null): bigint | null
export function distinctOf(text: string | null): bigint | null {
  if (text === null) return null
  return createHash('sha256').update(text, 'utf8').digest().readBigUInt64BE(0) & bits63
}
